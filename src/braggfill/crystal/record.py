"""How hard to look for a crystal, and how what was found came about: JSON-ready records."""

from dataclasses import dataclass, field

from braggfill.crystal.search.climb import RoughnessWeights
from braggfill.crystal.search.turns import CONVERGED

LOST = 5.0
"""Times the misfit of noise above which an object has nothing to do with the crystal: it was 9 and more where one was lost,
2.2 at most in a gap of a measured scan that came out with a skill of 0.9 though nothing converged."""


@dataclass(frozen=True)
class CrystalOptions:
    """How hard to look for the crystal, and what is expected of it."""

    starts: int = 3
    """Random starts on the coarse level; half as many again where they begin on every other line of it."""
    climbs: int = 2
    """Best of them that are carried to the whole pattern."""
    roughness: RoughnessWeights = field(default_factory=RoughnessWeights)
    thorough: bool = True
    """Whether twice as many are searched further, the roughness' weight is chosen and stuck objects are iterated on the way up,
    and all last fits are tried."""
    generations: int = 0
    """Most generations, on every other line and on all of the coarse level, of starts made of what the best have in common."""
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Climbed:
    """How one start ended on the whole pattern."""

    start: int
    """Number of the start; means of the best are numbered on from the starts."""
    share: float
    """Of it in the average where the scan is brightest."""
    misfit: float
    noise_misfit: float
    """What its own counts would have with Poisson noise and if they varied by κ besides."""
    kappa: float
    """Share of the counts that voxels vary by beyond counting noise."""
    smoother: float | None
    """Factor on the weight of the roughness if the phase was to be smooth as well as the amplitude; None where it was not."""
    mu: float
    """Weight of the interior amplitude's roughness."""
    support_cut: float
    """Of the blurred modulus' maximum at which the support was cut."""
    hidden_deviance: float
    """Mean Poisson deviance of the hidden counts."""
    widths: tuple[float, float, float]
    """Of partial coherence's Gaussian along frames, rows and columns, in voxels."""
    unevenness: float
    """Spread of the log efficiencies of the detector's pixels; 0 where they are taken as even."""
    background: float
    """Counts a voxel."""
    dead_time_loss: float
    """Share lost to dead time at the brightest voxel."""

    @property
    def converged(self) -> bool:
        """Whether no more is left than counting noise, and what voxels vary by besides."""
        return self.misfit <= CONVERGED * self.noise_misfit


@dataclass(frozen=True)
class CrystalRecord:
    """How a fill by the crystal came about."""

    options: CrystalOptions
    share: float
    """Of the pattern that the search began with."""
    coarse_misfits: tuple[float, ...]
    """Of every start, in the order of the starts."""
    climbed: tuple[Climbed, ...]
    """Best first."""
    prior_shares: tuple[float, ...]
    """Of the prior in the average, from faint to bright."""
    seconds: float

    @property
    def best_of_each(self) -> list[Climbed]:
        """Of every start that was carried to the whole pattern the end that tells hidden counts best."""
        return list({end.start: end for end in reversed(self.climbed)}.values())

    @property
    def lost(self) -> bool:
        """Whether no object that was found comes near the counts."""
        return bool(self.climbed) and all(end.misfit > LOST * end.noise_misfit for end in self.climbed)

    @property
    def converged(self) -> int:
        """How many of these converged."""
        return sum(end.converged for end in self.best_of_each)
