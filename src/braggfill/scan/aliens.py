"""Light of another crystal in a scan, found without a model of the first: what is bright where the pattern should have faded.

The pattern of one crystal fades outwards along every line from its peak, streaks of its facets as well, and is about as bright
on the other side of the peak. A spot that outshines what lies nearer to the peak in its direction, and what lies opposite, is
none of it. Where the crystal is strained the two sides differ, but the pattern still fades.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, maximum_filter

BLUR = 1.5
"""Voxels that counts are blurred by, so that fringes stand less in the way."""
KNOWN = 0.3
"""Share of the blur's weight that must be measured."""
BETWEEN = (0.4, 0.5)
"""Where a spot is compared with what lies on the way to the peak, in shares of its distance."""
ABOUT = 5
"""Side in voxels of the cube of which the brightest counts there, for fringes are dark in places."""
BRIGHTER = 5.0
"""A spot is another crystal's if it is so many times as bright."""
NEAREST = 8.0
"""Voxels from the peak within which nothing is told apart."""
ENDS = 3.0
"""The light of a spot goes as far as it is so many times as bright as what lies opposite."""
FAINTEST = 30.0 / ((4 * np.pi) ** 1.5 * BLUR**3)
"""Counts a voxel that it is brighter by: together thirty, in the voxels that the blur averages over."""

Volume = NDArray[np.float32]
Place = NDArray[np.int_]


def find_aliens(intensity: NDArray[np.generic], missing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels that hold another crystal's light; none where it lies within the first fringes about the peak.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        Photon counts of a scan with its Bragg peak.
    missing : bool array (frames, rows, columns)
        True = not measured; hot pixels as well.

    Returns
    -------
    bool array (frames, rows, columns)
        True in spots with the surroundings that they outshine, as far as they are measured.
    """
    light, known = _blurred(intensity, missing)
    brightest, some = maximum_filter(light, ABOUT), maximum_filter(known, ABOUT)
    peak = np.array(np.unravel_index(int(light.argmax()), light.shape))
    found = np.zeros(light.shape, bool)
    for spot, expected in _spots(light, brightest, some, peak):
        reach = int(np.linalg.norm(spot - peak) / 2)
        first, last = np.maximum(spot - reach, 0), np.minimum(spot + reach + 1, light.shape)
        box = tuple(map(slice, first, last))
        places = np.moveaxis(np.indices(tuple((last - first).tolist())), 0, -1) + first
        there, seen = _at(2 * peak - places, brightest, some)
        inside = label(light[box] > ENDS * np.where(seen, there, expected) + FAINTEST)[0]
        found[box] |= inside == inside[tuple(spot - first)]
    return np.asarray(found & ~missing)


def _blurred(intensity: NDArray[np.generic], missing: NDArray[np.bool_]) -> tuple[Volume, NDArray[np.bool_]]:
    """Measured counts blurred, and where enough is measured for that; zero elsewhere."""
    counts = np.where(missing, 0, np.maximum(intensity, 0)).astype(np.float32)
    weight = gaussian_filter((~missing).astype(np.float32), BLUR)
    known = weight > KNOWN
    return np.where(known, gaussian_filter(counts, BLUR) / np.maximum(weight, KNOWN), 0).astype(np.float32), known


def _spots(light: Volume, brightest: Volume, some: NDArray[np.bool_], peak: Place) -> list[tuple[Place, float]]:
    """Maxima that are brighter than the pattern should be there, and how bright it should be."""
    tops = np.argwhere((brightest == light) & (light > FAINTEST))
    tops = tops[np.linalg.norm(tops - peak, axis=1) > NEAREST]
    between = [_at(peak + np.rint(share * (tops - peak)).astype(int), brightest, some) for share in BETWEEN]
    usual = np.max([there for there, _ in [*between, _at(2 * peak - tops, brightest, some)]], axis=0)
    told = np.any([seen for _, seen in between], axis=0)
    spots = told & (light[tuple(tops.T)] > BRIGHTER * usual + FAINTEST)
    return list(zip(tops[spots], usual[spots].tolist(), strict=True))


def _at(places: Place, brightest: Volume, some: NDArray[np.bool_]) -> tuple[Volume, NDArray[np.bool_]]:
    """The brightest counts about places (…, 3), zero where nothing is measured; and where anything is."""
    inside: NDArray[np.bool_] = np.all((places >= 0) & (places < brightest.shape), axis=-1)
    at = tuple(np.moveaxis(np.where(inside[..., None], places, 0), -1, 0))
    seen = inside & some[at]
    return np.where(seen, brightest[at], 0).astype(np.float32), np.asarray(seen)
