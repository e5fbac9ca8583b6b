"""How a scan is taken apart into an envelope and fringes: the constants of kriging."""

from dataclasses import dataclass

from braggfill.base.limits import check_fields


@dataclass(frozen=True)
class FringeModel:
    """How a scan is taken apart: chosen for the shipped network, and again for a scan that it is adapted to."""

    envelope_sigma: float = 4.0
    """Gaussian width of the envelope in voxels: about one fringe."""
    departure: float = 0.3
    """Variance of what does not follow the model, as a share of the fringes' own."""
    taper_sigma: float = 8.0
    """Gaussian width in voxels by which the measured autocovariance is tapered."""
    reach: int = 16
    """Lags beyond this many voxels are taken as uncorrelated."""
    context: int = 8
    """How many voxels around a gap are looked at."""

    def __post_init__(self) -> None:
        check_fields(self)


SHIPPED = FringeModel()
