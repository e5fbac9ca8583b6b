"""What HIO, RAAR and ER make of an object outside its support; inside it becomes what has the measured amplitudes.

References
----------
HIO: J. R. Fienup, Appl. Opt. 21, 2758 (1982), https://doi.org/10.1364/AO.21.002758;
RAAR: D. R. Luke, Inverse Problems 21, 37 (2005), https://doi.org/10.1088/0266-5611/21/1/004
"""

from collections.abc import Callable

from jaxtyping import Complex
from torch import Tensor

BETA = 0.9
"""Feedback of HIO and RAAR, as most programs of the field have it; above it the projection of a blurred modulus runs away."""
Values = Complex[Tensor, "..."]
"""Voxels of an object, in any order; of the object and of its projection alike."""


def _hio(crystal: Values, projected: Values) -> None:
    crystal.sub_(projected, alpha=BETA)


def _raar(crystal: Values, projected: Values) -> None:
    crystal.mul_(BETA).add_(projected, alpha=1 - 2 * BETA)


def _er(crystal: Values, projected: Values) -> None:
    crystal.zero_()


ALGORITHMS: dict[str, Callable[[Values, Values], None]] = {"hio": _hio, "raar": _raar, "er": _er, "ml": _er}
"""From an object and its projection to the measured amplitudes to what is outside the support, in place of the object."""
