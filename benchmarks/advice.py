"""Is the advice of ``evaluate`` right? Ten gaps are cut into a measured scan, judged without their counts, then with them.

The advice is given from copies of a gap elsewhere in the scan; here the counts under the gap are known, so that the same rule
(share of the linear fill's excess removed, counts in the 90 % interval, error of the total) can be put to them.

Columns: ``said`` is what the copies told, ``true`` what the gap's own counts tell; ``agree`` whether the advice is the same.

With --whole, instead, ``evaluate`` with all its baselines on the whole scan with a cross 6 wide, timed: evaluate_au.json, .png.

Usage: python benchmarks/advice.py au_34idc_s0054.npz [--out docs/results/advice_au.csv] [--whole docs/results]
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from shared.au_scan import CROSS, cropped

from braggfill import evaluate
from braggfill.base.writing import write_table
from braggfill.filling.options import FillOptions
from braggfill.judging.evaluation import Evaluation, fill_trial
from braggfill.judging.record import write_evaluation
from braggfill.judging.studies.findings import Row
from braggfill.judging.studies.gaps import Arm, cut
from braggfill.judging.verdict import Score, advised, score
from braggfill.reports.self_test import plot_evaluation
from braggfill.scan.copies import Trial, bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.gapped import GappedScan
from braggfill.scan.measured import MeasuredScan, read_measured

PLACES: tuple[tuple[str, tuple[Arm, ...]], ...] = (
    ("cross", CROSS),
    ("rows", ((1, -24, 3),)),
    ("rows", ((1, 10, 12),)),
    ("rows", ((1, 40, 6),)),
    ("columns", ((2, -30, 6),)),
    ("columns", ((2, 6, 14),)),
    ("frames", ((0, 12, 4),)),
    ("rows through the peak", ((1, -3, 6),)),
    ("columns through the peak", ((2, -6, 12),)),
    ("frames through the peak", ((0, -7, 14),)),
)
FIGURES = ("skill", "bias", "coverage_90", "pcc_log")


def true_score(scan: MeasuredScan, gap: np.ndarray) -> Score:
    """The default fill's score in the gap (frames, rows, columns) itself."""
    trial = Trial.with_copies(GappedScan.blanked(scan.counts, scan.mask), gap & ~scan.mask)
    filled = fill_trial(trial, [FillOptions("unet"), FillOptions("linear")], lambda *_: None)
    scored = bright(scan.counts)[trial.scored]
    estimates = {name: (f.mean[scored], f.std[scored]) for name, f in filled.items()}
    return score("unet", estimates, scan.counts[trial.scored][scored], np.nan)


def row(name: str, said: Evaluation, true: Score) -> Row:
    """What was said beside what is true."""
    agree = said.advisable == advised(true)
    found: Row = {"gap": name, "said": said.advisable, "true": advised(true), "agree": agree, "hides_peak": said.hides_peak}
    for figure in FIGURES:
        found |= {f"{figure}_said": getattr(said.scores[0], figure), f"{figure}_true": getattr(true, figure)}
    return found | {"advice": said.advice}


def judge_whole(scan: MeasuredScan, folder: Path) -> None:
    """What a user with a detector cross runs and gets, on all of the scan."""
    gap = cut(scan.counts.shape, brightest_voxel(scan.counts), CROSS)
    start = perf_counter()
    verdict = evaluate(np.where(gap, 0, scan.counts), scan.mask | gap)
    print(f"{scan.counts.shape}: {perf_counter() - start:.0f} s. {verdict.advice}")
    write_evaluation(folder / "evaluate_au.json", verdict, scan.name)
    plot_evaluation(folder / "evaluate_au.png", verdict, f"{scan.name}, a cross 6 wide")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan")
    parser.add_argument("--number", type=int, help="only so many of the ten gaps")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--whole", type=Path)
    arguments = parser.parse_args()
    if arguments.whole:
        judge_whole(read_measured(arguments.scan), arguments.whole)
        return
    scan, table = cropped(arguments.scan), []
    peak = brightest_voxel(scan.counts)
    for name, arms in PLACES[: arguments.number]:
        gap = cut(scan.counts.shape, peak, arms)
        said = evaluate(np.where(gap, 0, scan.counts), scan.mask | gap, baselines=())
        place = f"{name}, {arms[0][2]} wide at {arms[0][1]:+d}"
        table.append(row(place, said, true_score(scan, gap)))
        print({k: round(v, 3) if isinstance(v, float) else v for k, v in table[-1].items()}, flush=True)
        if arguments.out:
            write_table(arguments.out, table)
    print(f"{sum(r['agree'] for r in table)} of {len(table)} agree")


if __name__ == "__main__":
    main()
