"""What the network and its learning depend on: its portions' sizes, how weights descend, how a scan is practised on."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from braggfill.base.errors import InputError
from braggfill.base.limits import check_fields
from braggfill.base.options import Device
from braggfill.classical.fringe_model import FringeModel
from braggfill.scan.choice import Negatives
from braggfill.scan.copy_rules import CopyRules

NORMAL = 32
"""Extent of a portion along the gap's normal."""
PORTION = 32
"""Extent of a sliding portion in the gap's plane."""


@dataclass(frozen=True)
class Descent:
    """How weights descend: AdamW with a warm-up and half a cosine, limits on the gradients, a running average that is kept."""

    steps: int = 16000
    batch: int = 16
    """Portions a step."""
    learning_rate: float = 1.5e-3
    """Peak of the schedule: linear warm-up, then half a cosine to zero."""
    warmup_steps: int = 200
    weight_decay: float = 1e-3
    epsilon: float = 1e-8
    """Gradients (root mean square) below this move a weight less than the others; those above it all move it alike."""
    gradient_limit: float = 1.0
    """Gradients are scaled down to this norm."""
    voxel_gradient_limit: float = 30.0
    """Limit on one voxel's pull on its own mean and dispersion: a whole peak hidden in a gap must not outweigh the rest."""
    average_decay: float = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not (0 <= self.weight_decay < 1 and 0 <= self.average_decay < 1):
            got = f"{self.weight_decay} and {self.average_decay}"
            raise InputError(f"weight_decay, average_decay: got {got}, expected 0 to less than 1")

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step of so many: linear warm-up, then half a cosine to zero."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, steps - self.warmup_steps)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class PracticeConfig:
    """How copies of a scan's gaps are laid to learn from, and which are held out."""

    layouts: int = 3
    """Layouts of copies to learn from."""
    copies: CopyRules = field(default_factory=lambda: CopyRules(3, 4, spacing=12, least_share=0.4, alike_in="counts"))
    """Half of a copy to learn from may be held out."""
    held_out: CopyRules = field(default_factory=lambda: CopyRules(2, 4, spacing=12, least_share=0.4, alike_in="counts"))
    block: int = 24
    """Extent in the plane of the blocks of which every second one is held out, and that count as independent."""
    bright_counts: float = 0.2
    """Copies reach as far in the plane as smoothed counts exceed this."""
    fewest_voxels: int = 2000
    """With fewer voxels of counts to be judged on, nothing is learned."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class AdaptationConfig(Descent):
    """How the network learns from the scan that it is to fill."""

    steps: int = 100
    learning_rate: float = 3e-4
    warmup_steps: int = 10
    average_decay: float = 0.95
    """The average over the last twenty steps."""
    plane: int = 32
    """Extent of a portion in the gap's plane."""
    judge_every: int = 25
    """Steps between two looks at the held-out copies."""
    timed_steps: int = 5
    """First steps, whose time tells how many more can be made."""
    share_for_steps: float = 0.85
    """Share of the time for the steps; the rest is for judging."""
    fringes: tuple[FringeModel, ...] = (
        FringeModel(departure=1.0, taper_sigma=16.0, reach=24, context=12),
        FringeModel(envelope_sigma=3.0),
        FringeModel(envelope_sigma=6.0, departure=1.0),
    )
    """Constants of kriging that are tried: for fringes that repeat farther, for finer and for coarser ones."""
    sure_fringes: float = 0.5
    """The gain in held-out deviance, in standard errors, above which constants of kriging are kept."""
    sure_weights: float = 2.0
    """The same for weights."""
    practice: PracticeConfig = field(default_factory=PracticeConfig)


@dataclass(frozen=True)
class FinetuneOptions:
    """How to adapt the network to a scan."""

    start: str | Path | None = None
    """Weights to start from in place of the shipped ones, such as those of the scan before."""
    minutes: float = 2.0
    """Most minutes that it may take."""
    seed: int = 0
    """Seed of every random choice."""
    device: Device = "auto"
    """Where to compute: auto takes a graphics card where there is one."""
    counts_per_unit: float | None = None
    """Photons for one unit of scaled data; needed unless the data are whole counts, whose noise is known."""
    negatives: Negatives | None = None
    """What negative values are: measured, where a background was subtracted, or missing; else missing if they are whole
    numbers, and refused if not."""
    name: str = ""
    """Name of the scan, which the file remembers."""
    config: AdaptationConfig | None = None
    """How it learns from the scan in detail, else as shipped."""

    def __post_init__(self) -> None:
        check_fields(self)
