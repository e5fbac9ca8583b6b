"""How shrink-wrap cuts the support while an object is searched for, tightly or loosely, and which starts do which.

References
----------
S. Marchesini et al., Phys. Rev. B 68, 140101 (2003), https://doi.org/10.1103/PhysRevB.68.140101
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from braggfill.base.vanishing import some


@dataclass(frozen=True)
class Wrap:
    """How shrink-wrap cuts the support while the object is searched for."""

    cut: float
    """Of the blurred modulus' maximum above which a voxel belongs to the support."""
    blur: float
    """Width in voxels of the Gaussian at the first turn."""
    handicap: float
    """Factor on the misfits of starts in it when they are compared with others': what is loose agrees with noise, too. Where it
    is needed misfits differ by four times and more, elsewhere by a tenth."""


TIGHT, LOOSER, LOOSEST = Wrap(0.12, 1.5, 1.0), Wrap(0.05, 1.0, 1.5), Wrap(0.03, 1.0, 2.25)
WRAPS = (TIGHT, LOOSER, TIGHT, LOOSEST, TIGHT, TIGHT)
"""Of the first starts; all further ones are in that of the best of these. Where the phase is steep a coarse level holds little
of the object's light, and a tight wrap cuts that part of the crystal off: at 3π no start in the tightest comes near the
crystal, at 5π none but in the loosest."""


class Searched(Protocol):
    """What came of a start."""

    @property
    def wrap(self) -> Wrap:
        """How its support was cut."""

    @property
    def promise(self) -> Any:
        """Less is better."""


Start = TypeVar("Start", bound=Searched)


def in_wraps(wraps: tuple[Wrap, ...], starts: int, make: Callable[[list[tuple[int, Wrap]]], list[Start]]) -> list[Start]:
    """Some starts made from their numbers and wraps: the first in all ``wraps``, the others in that of the best of them.

    Where some vanish, ``make`` leaves them out; VanishedError if nothing is left of the first.
    """
    first = some(make(list(enumerate(wraps[:starts]))))
    best = min(first, key=lambda one: one.promise).wrap
    return first + make([(number, best) for number in range(len(wraps), starts)])
