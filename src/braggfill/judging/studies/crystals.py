"""The scans under study: crystals that nothing was trained on, and measured scans of the user's own folder."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from braggfill.base.smoothing import gaussian_blur
from braggfill.scan.measured import MeasuredScan, read_measured
from braggfill.simulation.degrade import degraded_object
from braggfill.simulation.diffract import diffraction_pattern
from braggfill.simulation.library import Library
from braggfill.simulation.measurement import MeasurementRanges
from braggfill.simulation.scans import PatternRanges, SimulatedScan, SimulationConfig, needed_size, random_object, simulate

SEED = 70_000
Shape = tuple[int, int, int]
HELD_OUT = SimulationConfig(patterns=PatternRanges(relaxed_share=1.0))
"""As in training, but relaxed crystals only."""
MEASURED = "au_34idc_s0054.npz"
"""The measured scan that nothing was trained on: an Au nanocrystal, APS 34-ID-C, from the examples of cohere."""
ABSENT = f"no measured scan: name the folder that holds {MEASURED} by --data or BRAGGFILL_DATA; simulated scans only"
BLUR = 0.5
"""Gaussian blur of a sampled pattern in voxels, as from a detector's pixels."""


def held_out(
    number: int, shape: Shape = (128, 128, 128), config: SimulationConfig = HELD_OUT
) -> Iterator[tuple[str, SimulatedScan]]:
    """One measurement of each of the first crystals of the test split."""
    library = Library(split="test")
    for index in range(min(number, len(library))):
        yield f"test {index}", next(simulate(1, shape=shape, seed=SEED + index, crystals=[library[index]], config=config))


def with_dose(peak_counts: float) -> SimulationConfig:
    """Held-out scans of a given dose, the same otherwise."""
    return replace(HELD_OUT, measurement=MeasurementRanges(peak_counts=(peak_counts, peak_counts)))


def sampled_pattern(index: int, shape: Shape, oversampling: float, fringes: float) -> np.ndarray:
    """The pattern, maximum 1, of one object at any oversampling, alike along all axes, its peak in the middle.

    ``fringes`` is how far from the peak any of the samplings that are compared reaches: the object is the same for all of them.
    """
    rng, reach = np.random.default_rng(SEED + index), math.ceil(fringes)
    size = needed_size((2 * reach,) * 3, (1.0,) * 3, (float(reach),) * 3)
    ideal, _ = random_object(rng, size, [Library(split="test")[index]], HELD_OUT)
    peak = (shape[0] / 2, shape[1] / 2, shape[2] / 2)
    intensity = diffraction_pattern(degraded_object(rng, ideal), shape, (oversampling,) * 3, peak)
    blurred = gaussian_blur(intensity, BLUR)
    return (blurred / blurred.max()).numpy()


def measured_scan(data: Path | None) -> MeasuredScan | None:
    """The measured scan in a folder, or None where there is none."""
    path = data / MEASURED if data else None
    return read_measured(str(path)) if path and path.exists() else None


def brightest_voxel(counts: np.ndarray) -> Shape:
    """Where the Bragg peak is: the maximum of the counts blurred by one voxel."""
    blurred = gaussian_blur(torch.from_numpy(counts.astype(np.float32)), (1.0, 1.0, 1.0))
    frame, row, column = np.unravel_index(int(blurred.argmax()), counts.shape)
    return int(frame), int(row), int(column)
