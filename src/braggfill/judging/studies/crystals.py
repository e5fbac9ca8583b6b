"""The simulated scans under study: crystals that nothing was trained on."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from braggfill.base.smoothing import gaussian_blur
from braggfill.simulation.degrade import degraded_object
from braggfill.simulation.diffract import diffraction_pattern
from braggfill.simulation.library import Library
from braggfill.simulation.measurement import MeasurementRanges
from braggfill.simulation.scans import PatternRanges, SimulatedScan, SimulationConfig, needed_size, random_object, simulate

SEED = 70_000
Shape = tuple[int, int, int]
"""Numbers of frames, rows and columns."""
HELD_OUT = SimulationConfig(patterns=PatternRanges(relaxed_share=1.0))
"""As in training, but relaxed crystals only."""
BLUR = 0.5
"""Gaussian blur of a sampled pattern in voxels, as from a detector's pixels."""


def held_out(
    number: int, shape: Shape = (128, 128, 128), config: SimulationConfig = HELD_OUT
) -> Iterator[tuple[str, SimulatedScan]]:
    """One measurement of each of the first crystals of the test split, by name."""
    for index in held_out_numbers(number):
        yield held_out_scan(index, shape, config)


def held_out_numbers(number: int) -> range:
    """So many crystals of the test split, or all where there are fewer."""
    return range(min(number, len(Library(split="test"))))


def held_out_scan(index: int, shape: Shape = (128, 128, 128), config: SimulationConfig = HELD_OUT) -> tuple[str, SimulatedScan]:
    """One measurement of a crystal of the test split, and its name."""
    crystal = Library(split="test")[index]
    return f"test {index}", next(simulate(1, shape=shape, seed=SEED + index, crystals=[crystal], config=config))


def with_dose(peak_counts: float) -> SimulationConfig:
    """Held-out scans of a given dose (expected counts at the peak), the same otherwise."""
    return replace(HELD_OUT, measurement=MeasurementRanges(peak_counts=(peak_counts, peak_counts)))


def sampled_pattern(index: int, shape: Shape, oversampling: float, fringes: float) -> NDArray[np.float32]:
    """The pattern (frames, rows, columns), maximum 1, of one object at any oversampling, alike along all axes.

    The peak is in the middle.

    Parameters
    ----------
    index : int
        Of a crystal of the test split.
    shape : three ints
    oversampling : float
        Voxels a fringe.
    fringes : float
        How far from the peak any of the samplings that are compared reaches: the object is the same for all of them.
    """
    rng, reach = np.random.default_rng(SEED + index), math.ceil(fringes)
    size = needed_size((2 * reach,) * 3, (1.0,) * 3, (float(reach),) * 3)
    ideal, _ = random_object(rng, size, [Library(split="test")[index]], HELD_OUT)
    peak = (shape[0] / 2, shape[1] / 2, shape[2] / 2)
    intensity = diffraction_pattern(degraded_object(rng, ideal), shape, (oversampling,) * 3, peak)
    blurred = gaussian_blur(intensity, BLUR)
    pattern: NDArray[np.float32] = (blurred / blurred.max()).numpy()
    return pattern
