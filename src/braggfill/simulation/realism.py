"""Figures that tell simulated patterns and objects from measured ones: how even, how empty, how steep."""

import numpy as np
from numpy.typing import NDArray

SUPPORT_SHARE = 0.1
"""A voxel belongs to the support where the modulus exceeds this share of its maximum."""


def modulus_histogram(modulus: NDArray[np.float64], bins: int = 100) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Histogram of a modulus inside its support, smoothed over three bins, against the modulus over its mode.

    Parameters
    ----------
    modulus : array (frames, rows, columns)
        Modulus of a complex object.
    bins : int
        Bins between zero and the largest modulus.

    Returns
    -------
    share, centres : arrays (bins,)
        Share of the support's voxels in each bin, and the bins' centres, the mode at 1.
    """
    inside = modulus[modulus > SUPPORT_SHARE * modulus.max()]
    count, edges = np.histogram(inside, bins, (0, modulus.max()))
    share = np.convolve(count / inside.size, np.ones(3) / 3, "same")
    centres = (edges[1:] + edges[:-1]) / 2
    return share, centres / centres[share.argmax()]


def histogram_width(modulus: NDArray[np.float64]) -> float:
    """Full width at half maximum of the histogram of a modulus (x, y, z), in units of its mode: 0 for an even crystal."""
    share, centres = modulus_histogram(modulus)
    high, top = share >= share.max() / 2, int(share.argmax())
    first = top - int(np.argmin(high[top::-1])) + 1
    last = top + int(np.argmin(high[top:])) - 1 if not high[top:].all() else high.size - 1

    def crossing(inside: int, outside: int) -> float:
        if not 0 <= outside < share.size:
            return float(centres[inside])
        part = (share[inside] - share.max() / 2) / (share[inside] - share[outside])
        return float(centres[inside] + part * (centres[outside] - centres[inside]))

    return crossing(last, last + 1) - crossing(first, first - 1)


def empty_share(counts: NDArray[np.float32]) -> float:
    """Share of the voxels (frames, rows, columns) that counted nothing."""
    return float(np.mean(counts == 0))


def radial_profile(
    counts: NDArray[np.float32], fringes: tuple[float, float, float], radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean counts over the shells between ``radii`` (in fringes) about the brightest voxel.

    Parameters
    ----------
    counts : array (frames, rows, columns)
    fringes : three floats
        Fringe period in voxels along each axis.
    radii : array (shells + 1,)
        Edges of the shells, in fringes.

    Returns
    -------
    array (shells,)
        Relative to the largest count; NaN where a shell holds no voxel.
    """
    peak = np.unravel_index(counts.argmax(), counts.shape)
    axes = ((np.arange(n) - p) / f for n, p, f in zip(counts.shape, peak, fringes, strict=True))
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    shell = np.digitize(np.sqrt(z**2 + y**2 + x**2), radii).ravel()
    total = np.bincount(shell, counts.ravel(), len(radii) + 1)
    number = np.bincount(shell, minlength=len(radii) + 1)
    with np.errstate(invalid="ignore"):
        profile: NDArray[np.float64] = (total / number / counts.max())[1:-1]
    return profile
