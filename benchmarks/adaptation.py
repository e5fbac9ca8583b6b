"""Does learning from the scan itself help where the scan is unlike what the network was trained on? Two scans tell.

Both are simulated, 128 × 128 × 128 voxels, and the training set holds none like them: ``oversampled`` has 12 voxels a fringe
along every axis (there it is up to 7 on the detector); ``two grains`` is the sum of the patterns of two crystals whose peaks
lie apart. A gap 6 wide is cut through all frames and rows, 20 columns beside the brightest voxel, and filled with and without
``adapt``.

Columns: ``deviance_*`` mean Poisson deviance of the hidden counts from each fill and from the noise-free truth, over gap
voxels whose smoothed (sigma 3) expectation exceeds 0.5; ``removed`` share of the shipped network's excess over the truth's
deviance that adaptation removes; ``skill_*`` held-out score before, with the chosen constants of kriging, and after the
training; ``cpu_seconds`` of the whole adapted fill.

Usage: python benchmarks/adaptation.py [--only NAME] [--seeds 91000 92000] [--out docs/results/adaptation.csv]
"""

import argparse
import time
from pathlib import Path

import numpy as np

from braggfill import fill_gaps, simulate
from braggfill.base.metrics import poisson_deviance
from braggfill.base.writing import write_table
from braggfill.judging.studies.findings import Row
from braggfill.judging.studies.gaps import columns
from braggfill.scan.copies import bright
from braggfill.simulation.measurement import MeasurementRanges
from braggfill.simulation.scans import PatternRanges, SimulationConfig

SHAPE = (128, 128, 128)
WIDTH, BESIDE = 6, 20
CLEAN = {"alien_share": 0.0, "dead_pixel_share": 0.0, "hot_pixel_share": 0.0}


def expected_counts(seed: int, **patterns: tuple[float, float]) -> np.ndarray:
    """Noise-free counts of a random crystal."""
    measurement = MeasurementRanges(peak_counts=(1e6, 1.0001e6), coherence_sigma=(0.4, 0.6), **CLEAN)
    config = SimulationConfig(patterns=PatternRanges(**patterns), measurement=measurement)
    return next(simulate(1, shape=SHAPE, seed=seed, config=config)).expected


def unusual_scans(seed: int) -> dict[str, np.ndarray]:
    """Noise-free counts of the two scans."""
    twelve = {"detector_oversampling": (12.0, 12.001), "rocking_stretch": (1.0, 1.001), "detector_stretch": (1.0, 1.001)}
    grains = [
        expected_counts(seed + i, detector_oversampling=(4.0, 5.0), peak_offset=(o, o + 0.01))
        for i, o in ((1, -0.06), (2, 0.08))
    ]
    return {"oversampled": expected_counts(seed, **twelve), "two grains": grains[0] + 0.5 * grains[1]}


def compare(name: str, expected: np.ndarray, seed: int, minutes: float) -> Row:
    """One row of the table."""
    counts = np.random.default_rng(seed).poisson(expected).astype(np.float32)
    first = int(np.unravel_index(expected.argmax(), SHAPE)[2]) + BESIDE
    gap = columns(SHAPE, first, WIDTH)
    where = gap & bright(expected)
    blank = np.where(gap, 0, counts)
    fills = {m: fill_gaps(blank, gap, method=m).intensity for m in ("linear", "ridge", "kriging", "unet")}
    start = time.process_time()
    adapted = fill_gaps(blank, gap, adapt=True, adapt_minutes=minutes)
    seconds = time.process_time() - start
    fills |= {"adapted": adapted.intensity, "truth": expected}
    deviance = {m: poisson_deviance(filled[where], counts[where]) for m, filled in fills.items()}
    lesson = adapted.lesson
    row: Row = {"scan": name, "seed": seed, "voxels": int(where.sum())} | {f"deviance_{m}": d for m, d in deviance.items()}
    row["removed"] = (deviance["unet"] - deviance["adapted"]) / (deviance["unet"] - deviance["truth"])
    row |= {"skill_before": lesson.skill_before, "skill_with_fringes": lesson.skill_with_fringes}
    row |= {"skill_after": lesson.skill_after, "kept_step": lesson.kept_step, "cpu_seconds": seconds}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one of the scans")
    parser.add_argument("--seeds", type=int, nargs="+", default=[91_000, 92_000], help="one scan of each kind for each")
    parser.add_argument("--minutes", type=float, default=10.0, help="time for an adaptation; plenty: all steps are made")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    wanted = [
        (name, seed) for seed in arguments.seeds for name in ("oversampled", "two grains") if arguments.only in (None, name)
    ]
    table = [compare(name, unusual_scans(seed)[name], seed, arguments.minutes) for name, seed in wanted]
    for row in table:
        print(row)
    if arguments.out:
        write_table(arguments.out, table)


if __name__ == "__main__":
    main()
