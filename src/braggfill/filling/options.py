"""What may be asked of a fill: the options, from which signatures, flags and TOML keys come. Quick to import."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from braggfill.base.errors import InputError
from braggfill.base.limits import check_fields
from braggfill.base.options import Device
from braggfill.network.config import PORTION, AdaptationConfig
from braggfill.scan.choice import Negatives

MethodName = Literal["unet", "retrieval", "kriging", "ridge", "linear", "cubic", "nearest", "idw", "biharmonic"]
"""The ways of filling; what each does stands in the table of methods."""
MethodChoice = Literal["auto", MethodName]
WITH_NETWORK: tuple[MethodName, ...] = ("unet", "retrieval")
"""The methods that ask the network, of which phase retrieval takes it as its prior and where it does no better."""
ASKED_OF_NETWORK: dict[str, Any] = {"adapt": False, "weights": None, "calibrate": False, "tta": False, "skip": None}
"""What is asked of the network alone, and what stands for not asking; where and how precisely to compute is not among it."""
MOST_VOXELS_BY_CRYSTAL = 50_000_000
"""Largest scan that is filled by phase retrieval unless another method is asked for."""
Effort = Literal["low", "usual", "high"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class FillOptions:
    """How to fill: what a method may need to know beside the scan."""

    method: MethodChoice = "auto"
    """How to fill; 'braggfill methods' explains each. auto: retrieval (90 s for 128³ voxels on two cores, at most some ten
    minutes) up to 50 million voxels; above, or with weights, calibrate, adapt, tta or skip, unet (a second)."""
    skip: int | None = None
    """Voxels skipped between two portions of 32 × 32 × 32 that slide along a gap; else whole planes at once."""
    device: Device = "auto"
    """Where to compute: auto takes a graphics card where there is one."""
    precision: Precision = "float32"
    """Arithmetic of the network; bfloat16 and float16 are for graphics cards."""
    tta: bool = False
    """Average the network's predictions over the eight mirror images of every portion (test-time augmentation)."""
    calibrate: bool = False
    """Hold the network against hidden copies of the gaps first, which tell how far it is off; doubles its time."""
    effort: Effort = "usual"
    """How many random starts phase retrieval makes, and how long it works on the best (the method 'retrieval')."""
    counts_per_unit: float | None = None
    """Photons for one unit of scaled data; needed unless the data are whole counts, whose noise is known."""
    negatives: Negatives | None = None
    """What negative values are: measured, where a background was subtracted, or missing; else missing if they are whole
    numbers, and refused if not."""
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
        check_fields(self)
        if self.skip is not None and self.skip not in range(PORTION):
            raise InputError(
                f"skip: got {self.skip}, expected a whole number 0 to {PORTION - 1}: portions are {PORTION} voxels wide "
                "and must not leave a voxel out"
            )
        if self.adapt and self.method not in ("auto", "unet"):
            raise InputError(f"adapt: got method '{self.method}', expected 'unet', the only one that is trained")
        if self.asked_of_network and self.method not in ("auto", *WITH_NETWORK):
            raise InputError(
                f"{self.asked_of_network[0]}: got method '{self.method}', expected 'unet' or 'retrieval', which ask the "
                "network; choose one of them, or leave it out"
            )

    @property
    def asked_of_network(self) -> list[str]:
        """Names of the options that were given and that the network alone heeds."""
        return [name for name, nothing in ASKED_OF_NETWORK.items() if getattr(self, name) != nothing]

    def method_for(self, voxels: int) -> MethodName:
        """The method for a scan of so many voxels."""
        if self.method != "auto":
            return self.method
        return "unet" if self.asked_of_network or voxels > MOST_VOXELS_BY_CRYSTAL else "retrieval"

    def by(self, method: MethodName) -> "FillOptions":
        """The same by another method, less what is asked of the network where that has none to ask, or none that learns."""
        unasked = {} if method in WITH_NETWORK else ASKED_OF_NETWORK
        return replace(self, **(unasked | {"method": method, "adapt": self.adapt and method == "unet"}))
