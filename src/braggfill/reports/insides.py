"""What is drawn on the slices of a crystal: colours that its inside rules, a hatched surface, a scale bar.

The outermost voxels of a crystal hold the largest and least certain strain, so that they must not rule the colours: limits come
from the inside, and the surface is hatched.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.reports.planes import plane_axes
from braggfill.retrieval.deformation import interior
from braggfill.scan.gaps import AXIS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST_QUANTILE = 0.95
"""Quantile of the magnitudes inside a crystal that the colours reach to: under a loose support the surface reaches deeper."""
HATCHES = 48
"""Lines across a picture at most, so that hatching stays legible in large ones."""
BAR_SHARE = 0.35
"""Longest scale bar, as a share of the picture's width."""
ROUND = (1.0, 2.0, 5.0)
"""First digits of a scale bar's length."""


def inside_limit(field: NDArray[np.floating[Any]], support: NDArray[np.bool_]) -> float:
    """The magnitude that colours reach to: all but the largest inside a crystal, whatever its surface holds.

    Parameters
    ----------
    field : array (frames, rows, columns)
        NaN where it is not known.
    support : bool array (frames, rows, columns)
        True = crystal; its outermost voxels are left out, where there are others.
    """
    values = np.abs(field[interior(support)])
    known = values[np.isfinite(values)]
    return float(np.quantile(known, LARGEST_QUANTILE)) if known.size and known.any() else 1.0


def surface(support: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a crystal that its limits leave out; both are (frames, rows, columns)."""
    return support & ~interior(support)


def hatch(panel: "Axes", where: NDArray[np.bool_]) -> None:
    """Hatch a region (height, width) of a picture, pixel by pixel."""
    from matplotlib.collections import LineCollection

    step = -(-where.shape[1] // HATCHES)
    places = np.argwhere(where)
    places = places[places.sum(1) % step == 0]
    lines = places[:, None, ::-1] + np.array([[-0.5, 0.5], [0.5, -0.5]])
    for colour, width in (("white", 1.3), ("black", 0.5)):
        panel.add_collection(LineCollection(list(lines), colors=colour, linewidths=width), autolim=False)


def scale_bar(panel: "Axes", axis: int, pixel_nm: float | None) -> None:
    """Draw a bar of a round length under a slice through an axis, in nm, or in voxels where their size is not known."""
    left, right = panel.get_xlim()
    length = round_length(BAR_SHARE * (right - left) * (pixel_nm or 1.0))
    panel.autoscale(False)
    ends = np.array([left, left + length / (pixel_nm or 1.0)])
    below = panel.get_xaxis_transform()
    panel.plot(ends, [-0.06, -0.06], transform=below, clip_on=False, color="black", linewidth=2.5, solid_capstyle="butt")
    words = f"{length:g} {'voxels' if pixel_nm is None else 'nm'} along {AXIS_NAMES[plane_axes(axis)[1]]}s"
    panel.text(left, -0.1, words, transform=below, ha="left", va="top", fontsize=8)


def round_length(longest: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not longer.

    >>> round_length(37), round_length(60.0), round_length(0.19)
    (20.0, 50.0, 0.1)
    """
    power = 10.0 ** np.floor(np.log10(longest))
    return float(max(digit * power for digit in ROUND if digit * power <= longest * (1 + 1e-9)))
