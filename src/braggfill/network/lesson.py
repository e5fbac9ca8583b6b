"""What was learned from a scan."""

from dataclasses import dataclass

from braggfill.classical.fringe_model import FringeModel


@dataclass(frozen=True)
class Lesson:
    """What was learned from a scan; the scores are from copies of its gaps that nothing was learned from."""

    seed: int
    scan_sha256: str
    """Of counts and mask."""
    interrupted: bool
    """Whether a person stopped it before its end."""
    fringes: FringeModel | None = None
    """Constants of kriging that surely do better beside those it began with; None: these stay alone."""
    kept_step: int = 0
    """Steps after which the weights were taken; 0: they are those that it began with."""
    steps: int = 0
    """Steps made."""
    planned_steps: int = 0
    """What the time sufficed for; fewer than ``AdaptationConfig.steps`` on a slow machine."""
    voxels: int = 0
    """Held-out voxels that were scored; 0: the scan has no room for copies of its gaps that hold counts."""
    skill_before: float | None = None
    """Share of the linear fill's excess deviance that is removed."""
    skill_with_fringes: float | None = None
    """With the constants of kriging chosen, and the weights as they were."""
    skill_after: float | None = None
    """Of what is kept."""
    fringes_sureness: float = 0.0
    """Gain in held-out deviance by the constants of kriging, in standard errors."""
    weights_sureness: float = 0.0
    """Gain by the weights of the best step, in standard errors."""
    fell_back: str = ""
    """Why the processor computed all of it and not the graphics card, where the card's memory did not suffice."""
