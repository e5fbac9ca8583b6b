"""Random valid scans, and what must be true of every fill of them."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np

import braggfill
from braggfill.scan.choice import MaskChoice
from braggfill.scan.files import FORMATS, read_scan
from braggfill.scan.masks import choose_mask
from fuzz.material import Rng, one_of
from fuzz.rule import Case

MIRRORED = ["linear", "cubic", "idw", "kriging", "nearest"]
"""Fills that know neither left from right nor one axis from another: the network was taught, the regression draws samples."""
TIED = ["linear", "cubic", "nearest", "unet"]
"""Fills along the normal of a gap: of a dead pixel all normals are alike, and the first of them is taken."""
SHARE = 1e-3
"""By how much of its standard deviation, or of itself and half a count, such an estimate may differ: sums are in float32."""
NAMES = {"npz": "a.npz", "cxi": "a.cxi", "cdiutils": "a_pynx_input_data.npz"}
NAMES |= {"bcdi": "S1_pynx_a.npz", "cohere": "prep_data_a.tif"}


def random_scan(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Counts (frames, rows, columns) of a drawn peak with fringes, and a mask with a stripe, dead pixels or a cross."""
    shape = tuple(int(n) for n in rng.integers(9, 30, 3))
    axes = [np.sinc((np.arange(n) - rng.uniform(0.2, 0.8) * n) / rng.uniform(2, 6)) ** 2 for n in shape]
    expected = 10 ** rng.uniform(0, 5) * axes[0][:, None, None] * axes[1][:, None] * axes[2] + 10 ** rng.uniform(-3, 1)
    counts = rng.poisson(expected).astype(one_of(rng, [np.uint16, np.uint32, np.float32, np.int64, np.float64]))
    mask = np.zeros(shape, bool)
    width, axis = int(rng.integers(1, 8)), int(rng.integers(3))
    first = int(rng.integers(0, shape[axis] - width))
    np.moveaxis(mask, axis, 0)[first : first + width] = True
    if rng.random() < 0.3:
        other = (axis + 1) % 3
        np.moveaxis(mask, other, 0)[int(rng.integers(1, shape[other] - 1))] = True
    if rng.random() < 0.3:
        mask |= rng.random(shape) < 0.01
    return counts, mask


def valid_scan(rng: Rng, folder: Path) -> Case:
    """A random valid scan is filled, mirrored and filled again, and kept in a format."""
    counts, mask = random_scan(rng)
    method = one_of(rng, [*MIRRORED, "ridge", "unet"])
    kind, flips = one_of(rng, list(NAMES)), tuple(a for a in range(3) if rng.random() < 0.5) or (2,)
    unit = one_of(rng, [None, None, 1.0, 0.5, 8.0])

    def act() -> None:
        result = braggfill.fill_gaps(counts, mask, method=method, counts_per_unit=unit)
        check_fill(counts, mask, result)
        if method in MIRRORED:
            check_mirrored(counts, mask, result, flips)
        if allowed := orders(mask, method):
            check_transposed(counts, mask, result, one_of(rng, allowed))
        check_kept(folder / NAMES[kind], kind, result)

    told = f"valid {method} {counts.shape} {counts.dtype} mirrored {flips} as {kind} unit {unit}"
    return Case(told, act, folder, list(folder.glob("*")))


def check_fill(counts: np.ndarray, mask: np.ndarray, result: braggfill.FillResult) -> None:
    """Measured voxels to the bit, estimates in the mask alone, finite and not negative."""
    assert np.array_equal(result.intensity[~mask], counts[~mask].astype(np.float32)), "measured voxels changed"
    assert not (result.filled & ~mask).any() and np.array_equal(result.filled | result.mask, mask), "filled and mask"
    for name, values in (("estimates", result.intensity[result.filled]), ("std", result.std[result.filled])):
        assert np.isfinite(values).all() and (values >= 0).all(), f"{name} not finite or negative"


def orders(mask: np.ndarray, method: str) -> list[tuple[int, ...]]:
    """Orders of the axes in which a scan must be filled alike; the first axis is that of the frames.

    A fill along the normals of stripes takes them in any order; so does one that looks at all directions alike, whatever the
    gaps. The network was taught planes whose axes have one order: it must not see them swapped.
    """
    normals = [a for a in range(3) if mask.all(tuple(b for b in range(3) if b != a)).any()]
    stripes = np.zeros_like(mask)
    for a in normals:
        np.moveaxis(stripes, a, 0)[mask.all(tuple(b for b in range(3) if b != a))] = True
    if method not in [*MIRRORED, "unet"] or (method in TIED and not np.array_equal(stripes, mask)):
        return []
    others = [order for order in permutations(range(3)) if order != (0, 1, 2)]
    return others if method != "unet" else [o for o in others if all(plane(o, a) == plane((0, 1, 2), a) for a in normals)]


def plane(order: tuple[int, ...], normal: int) -> list[int]:
    """The axes of a gap's plane, in an order."""
    return [a for a in order if a != normal]


def check_mirrored(counts: np.ndarray, mask: np.ndarray, result: braggfill.FillResult, axes: tuple[int, ...]) -> None:
    """The mirrored scan gives the mirrored fill."""
    again = braggfill.fill_gaps(np.flip(counts, axes), np.flip(mask, axes), options=result.options)
    check_alike(f"mirrored {axes}", result, *(np.flip(v, axes) for v in (again.filled, again.intensity)))


def check_transposed(counts: np.ndarray, mask: np.ndarray, result: braggfill.FillResult, order: tuple[int, ...]) -> None:
    """The scan with its axes in another order gives the fill in that order."""
    again = braggfill.fill_gaps(counts.transpose(order), mask.transpose(order), options=result.options)
    back = np.argsort(order)
    check_alike(f"transposed {order}", result, *(v.transpose(back) for v in (again.filled, again.intensity)))


def check_alike(how: str, result: braggfill.FillResult, filled: np.ndarray, estimates: np.ndarray) -> None:
    """Another fill of the same voxels says the same of them; ties in ``nearest`` may go either way."""
    assert np.array_equal(filled, result.filled), f"{how}: other voxels are filled"
    if result.options.method == "nearest":
        return
    at = result.filled
    difference = np.abs(estimates[at] - result.intensity[at].astype(float))
    half_a_count = 0.5 / (result.options.counts_per_unit or 1)
    most = SHARE * np.maximum(result.std[at], result.intensity[at] + half_a_count)
    assert (difference <= most).all(), f"{how}: off by {float((difference / most).max()):.3g} times what is allowed"


def check_kept(path: Path, kind: str, result: braggfill.FillResult) -> None:
    """A format keeps data, mask, filled, std and provenance to the bit."""
    assert kind in FORMATS
    braggfill.write_result(path, result, "a scan", kind)
    kept = read_scan(path)
    missing = choose_mask(kept, MaskChoice())
    for name, ours, theirs in (
        ("data", result.intensity, kept.intensity),
        ("mask", result.mask, missing > 0),
        ("filled", result.filled, kept.filled > 0),
        ("std", result.std, kept.std),
    ):
        assert np.array_equal(ours, theirs) and ours.dtype == theirs.dtype, f"{kind}: {name} is not kept"
    assert json.loads(json.dumps(kept.provenance)) == kept.provenance and kept.provenance["program"] == "braggfill"
