"""The paper's protocol on the 24 crystals that nothing was trained on (``braggfill.studies.protocol``), scans of 128³ voxels.

Written are

protocol_crops.csv     the Pearson correlation of log(1 + I) in the crops' gaps, with the drawn counts (``pcc_counts``, the
                       paper's figure) and with the noise-free truth (``pcc_truth``): means over 20 bins of log mean
                       intensity, and over the crops with more than 10 counts a voxel (``bright``), of these also those with an
                       oversampling of at least 4 across the gap (``fine``); ``ceiling`` is what the truth scores.
protocol_cases.csv     for every gap: share of the linear fill's excess deviance removed, excess over 1 (``skill``) and over the
                       deviance of the truth (``skill_over_truth``), in voxels whose smoothed (sigma 3) expectation exceeds
                       0.5; bias of the total counts; coverage of the intervals.

``braggfill benchmark width`` is the same for widths 1 to 14, on a third of the crystals and smaller scans.

Usage: python benchmarks/protocol.py [--number 24] [--out docs/results]
"""

import argparse
from pathlib import Path

import numpy as np

from braggfill.base.writing import write_table
from braggfill.judging.studies.fills import FILLS
from braggfill.judging.studies.protocol import crop_table, evaluate

SHOWN = ("unet", "kriging", "ridge", "linear", "idw")


def report(cases: list[dict], crops: list[dict]) -> None:
    """Print both tables, cases averaged by width."""
    columns = "width cases  skill  worst  truth   bias   50 %   90 %  pcc to truth, bright, fine, to counts, ceiling"
    print(f"{'method':22s} {columns}")
    for crop in crops:
        mine = [c for c in cases if (c["method"], c["width"]) == (crop["method"], crop["width"])]
        skills, over = (np.array([c[key] for c in mine]) for key in ("skill", "skill_over_truth"))
        bias = sum(c["filled_counts"] for c in mine) / sum(c["hidden_counts"] for c in mine)
        weights = [c["voxels"] for c in mine]
        covered = [np.average([c[key] for c in mine], weights=weights) for key in ("coverage_50", "coverage_90")]
        scores = (skills.mean(), skills.min(), over.mean(), bias, *covered)
        names = ("pcc_truth", "pcc_truth_bright", "pcc_truth_bright_fine", "pcc_counts", "ceiling")
        correlations = [crop[name] for name in names]
        print(
            f"{crop['method']:22s} {crop['width']:5d} {len(mine):5d} "
            + " ".join(f"{v:6.3f}" for v in scores)
            + "  "
            + " ".join(f"{v:7.4f}" for v in correlations)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    fills = {name: FILLS[name] for name in SHOWN}
    cases, crops = evaluate(fills, arguments.number)
    table = crop_table(crops, list(fills))
    report(cases, table)
    if arguments.out:
        write_table(arguments.out / "protocol_cases.csv", cases)
        write_table(arguments.out / "protocol_crops.csv", table)


if __name__ == "__main__":
    main()
