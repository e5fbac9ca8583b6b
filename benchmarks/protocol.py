"""The paper's protocol on the 24 crystals that nothing was trained on, scans of 128³ voxels: the table of the front page.

Written are

protocol_crops.csv     the Pearson correlation of log(1 + I) in the crops' gaps, with the drawn counts (``pcc_counts``, the
                       paper's figure) and with the noise-free truth (``pcc_truth``): means over 20 bins of log mean
                       intensity, and over the crops with more than 10 counts a voxel (``bright``), of these also those with an
                       oversampling of at least 4 across the gap (``fine``); ``ceiling`` is what the truth scores.
protocol_cases.csv     for every gap: share of the linear fill's excess deviance removed, excess over 1 (``skill``) and over the
                       deviance of the truth (``skill_over_truth``), in voxels whose smoothed (sigma 3) expectation exceeds
                       0.5; bias of the total counts; coverage of the intervals.

``braggfill benchmark width`` does the same for widths 1 to 14, on a third of the crystals and smaller scans.

With --work a run that was cut short goes on, a crystal at a time.

Usage: python benchmarks/protocol.py [--number 24] [--work FOLDER] [--out docs/results]
"""

import argparse
from pathlib import Path

from shared.protocol_tables import put_to_protocol

from braggfill.judging.studies.contenders import CONTENDERS

SHOWN = ("unet", "kriging", "ridge", "linear", "idw")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    put_to_protocol({name: CONTENDERS[name] for name in SHOWN}, arguments.number, arguments.out, "protocol", arguments.work)


if __name__ == "__main__":
    main()
