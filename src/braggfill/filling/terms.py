"""The words that filling shares: what may be asked of a fill, what it answers, and what a method is."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.options import Device
from braggfill.base.tasks import OnStep, Progress
from braggfill.network.config import AdaptationConfig
from braggfill.network.lesson import Lesson, check_effort
from braggfill.network.portions import PORTION
from braggfill.scan.gapped import GappedScan

MethodName = Literal["unet", "kriging", "ridge", "linear", "cubic", "nearest", "idw", "biharmonic"]
"""The ways of filling; what each does stands in the table of methods."""
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class FillOptions:
    """How to fill: what a method may need to know beside the scan."""

    method: MethodName = "unet"
    """How to fill; 'braggfill methods' explains each."""
    skip: int | None = None
    """Voxels skipped between two portions of 32 × 32 × 32 that slide along a gap; else whole planes at once."""
    device: Device = "auto"
    """Where to compute: auto takes a graphics card where there is one."""
    precision: Precision = "float32"
    """Arithmetic of the network; bfloat16 and float16 are for graphics cards."""
    tta: bool = False
    """Average the network's predictions over the eight mirror images of every portion (test-time augmentation)."""
    counts_per_unit: float | None = None
    """Photons for one unit of scaled data; needed unless the data are whole counts, whose noise is known."""
    weights: str | Path | None = None
    """Weights made by 'train' or 'finetune', else the shipped ones."""
    adapt: bool = False
    """Learn from copies of the gaps, laid where the scan's counts are known, before it is filled (the network)."""
    adapt_minutes: float = 2.0
    """Most minutes that learning from the scan may take."""
    seed: int = 0
    """Seed of every random choice in it."""
    adaptation: AdaptationConfig | None = None
    """How it learns from the scan in detail, else as shipped."""

    def __post_init__(self) -> None:
        if self.method not in get_args(MethodName):
            raise InputError(f"method: got '{self.method}', expected one of {', '.join(get_args(MethodName))}")
        if self.skip is not None and (not isinstance(self.skip, Integral) or self.skip not in range(PORTION)):
            raise InputError(
                f"skip: got {self.skip}, expected a whole number 0 to {PORTION - 1}: portions are {PORTION} voxels wide "
                "and must not leave a voxel out"
            )
        if self.precision not in get_args(Precision):
            raise InputError(f"precision: got '{self.precision}', expected one of {', '.join(get_args(Precision))}")
        if self.adapt and self.method != "unet":
            raise InputError(f"adapt: got method '{self.method}', expected 'unet', the only one that is trained")
        check_effort(self.adapt_minutes, self.seed)
        scale = self.counts_per_unit
        if scale is not None and not (isinstance(scale, Real) and 0 < scale < np.inf):
            raise InputError(f"counts_per_unit: got {scale!r}, expected a positive number of photons")


@dataclass(frozen=True)
class Estimate:
    """What a method says of the voxels that are filled, in the order of ``array[scan.wanted]``."""

    mean: NDArray[np.float64]
    """Expected counts (voxels,)."""
    std: NDArray[np.float64]
    """Standard deviation of the expectation (voxels,)."""
    weights_sha256: str | None = None
    """SHA-256 of the weights file, None for a method that has none."""
    lesson: Lesson | None = None
    """What was learned from this scan before it was filled."""


Estimator = Callable[[GappedScan, FillOptions, Progress, OnStep], Estimate]


@dataclass(frozen=True)
class Method:
    """A way of filling, one row of the table that the command line, the evaluation and the docs share."""

    scale: str
    """The scale in which it works."""
    summary: str
    estimate: Estimator
    """(scan, options, on_progress, on_adapt) to the estimates of ``scan.wanted``."""
    guessed: bool = False
    """Whether it starts from kriging, which methods of one scan then share."""
