"""Whether the borders of portions show in a filled gap: jumps of log intensity across them, against jumps elsewhere.

A pattern is not equally steep everywhere, so that a ratio is only told apart from chance by the same lines of a fill that has
no borders there.
"""

import numpy as np
from numpy.typing import NDArray

from braggfill.judging.studies.findings import Row
from braggfill.network.portions import Predictor, Window, predict_slab
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import Slab

Lines = tuple[set[int], set[int]]
"""Indices along both axes of a gap's plane before which a portion begins or has ended."""


def border_lines(windows: list[Window], plane: tuple[int, int]) -> Lines:
    """Where the portions of a plane begin and end, its own borders left out."""
    tops = {edge for w in windows for edge in (w.top, w.top + w.height)}
    lefts = {edge for w in windows for edge in (w.left, w.left + w.width)}
    return {i for i in tops if 0 < i < plane[0]}, {i for i in lefts if 0 < i < plane[1]}


def jump_ratio(filled: NDArray[np.float32] | NDArray[np.float64], lines: Lines) -> float:
    """Mean absolute step of log(1 + counts) across border lines over that elsewhere; ``filled`` (width, height, width)."""
    logs = np.log1p(filled)
    at, elsewhere = [], []
    for axis, borders in enumerate(lines, 1):
        steps = np.abs(np.diff(logs, axis=axis)).mean(axis=(0, 3 - axis))  # step i lies before index i + 1
        is_border = np.isin(np.arange(1, logs.shape[axis]), sorted(borders))
        at.append(steps[is_border])
        elsewhere.append(steps[~is_border])
    return float(np.concatenate(at).mean() / np.concatenate(elsewhere).mean())


def borders(scan: GappedScan, slab: Slab, truth: NDArray[np.float32], predictor: Predictor, windows: list[Window]) -> Row:
    """Jump ratios of a gap filled by some portions, of the same lines in one whole portion, and in the truth (width, …)."""
    plane = slab.target.shape[1:]
    lines = border_lines(windows, (plane[0], plane[1]))
    whole = [Window(0, 0, *plane)]
    by_portions, at_once = (predict_slab(scan, slab, some, predictor)[0] for some in (windows, whole))
    ratio, without = jump_ratio(by_portions, lines), jump_ratio(at_once, lines)
    return {
        "plane": f"{plane[0]}x{plane[1]}",
        "portions": len(windows),
        "lines": len(lines[0]) + len(lines[1]),
        "ratio": ratio,
        "ratio_without_borders": without,
        "ratio_of_truth": jump_ratio(truth, lines),
        "excess": ratio / without - 1,
    }
