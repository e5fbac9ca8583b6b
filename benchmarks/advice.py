"""Is the advice of ``evaluate`` right? Ten gaps are cut into a measured scan, judged without their counts, then with them.

The advice is given from copies of a gap elsewhere in the scan; here the counts under the gap are known, so that the same rule
(share of the linear fill's excess removed, counts in the 90 % interval, error of the total) can be put to them.

Columns: ``said`` is what the copies told, ``true`` what the gap's own counts tell; ``agree`` whether the advice is the same.

With --whole, instead, ``evaluate`` with all its baselines on the whole scan with a cross 6 wide, timed: evaluate_au.json, .png.

Usage: python benchmarks/advice.py au_34idc_s0054.npz [--out docs/results/advice_au.csv] [--whole docs/results]
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.ndimage import gaussian_filter

from braggfill import evaluate
from braggfill.base.writing import write_table
from braggfill.classical.kriging import guessed
from braggfill.filling.methods import METHODS
from braggfill.filling.terms import FillOptions
from braggfill.judging.evaluation import SCORED_COUNTS, Evaluation, Score, advised, score
from braggfill.judging.record import write_evaluation
from braggfill.judging.studies.crystals import brightest_voxel
from braggfill.judging.studies.fills import FILLS
from braggfill.judging.studies.slices import CROP
from braggfill.reports.plots import plot_evaluation
from braggfill.scan.gapped import GappedScan
from braggfill.scan.measured import MeasuredScan, read_measured

PLACES = (
    ("cross", ((1, 10, 6), (2, 10, 6))),
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
"""Name; for each arm axis, distance of its first line from the peak, width."""


def gaps(counts: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Masks (frames, rows, columns) by name."""
    peak = brightest_voxel(counts)
    for name, arms in PLACES:
        mask = np.zeros(counts.shape, bool)
        for axis, offset, width in arms:
            np.moveaxis(mask, axis, 0)[peak[axis] + offset : peak[axis] + offset + width] = True
        yield f"{name}, {arms[0][2]} wide at {arms[0][1]:+d}", mask


def true_score(counts: np.ndarray, unmeasured: np.ndarray, gap: np.ndarray) -> Score:
    """The default fill's score in the gap itself."""
    scan = guessed(GappedScan.blanked(counts, unmeasured | gap))
    scored = (gap & ~unmeasured & (gaussian_filter(counts, 3) > SCORED_COUNTS))[scan.wanted]
    hidden = counts[scan.wanted][scored]
    ours = METHODS["unet"].estimate(scan, FillOptions(), lambda *_: None, lambda *_: None)
    straight = FILLS["linear"](scan)
    estimates = {name: (e.mean[scored], e.std[scored]) for name, e in (("unet", ours), ("linear", straight))}
    return score("unet", estimates, hidden, np.nan)


def row(name: str, said: Evaluation, true: Score) -> dict:
    """What was said beside what is true."""
    agree = said.advisable == advised(true)
    found: dict = {"gap": name, "said": said.advisable, "true": advised(true), "agree": agree, "hides_peak": said.hides_peak}
    for figure in ("skill", "bias", "coverage_90", "pcc_log"):
        found |= {f"{figure}_said": getattr(said.scores[0], figure), f"{figure}_true": getattr(true, figure)}
    return found | {"advice": said.advice}


def judge_whole(scan: MeasuredScan, folder: Path) -> None:
    """What a user with a detector cross runs and gets, on all of the scan."""
    _, gap = next(gaps(scan.counts))
    start = perf_counter()
    verdict = evaluate(np.where(gap, 0, scan.counts), scan.mask | gap)
    print(f"{scan.counts.shape}: {perf_counter() - start:.0f} s. {verdict.advice}")
    write_evaluation(folder / "evaluate_au.json", verdict, scan.name)
    plot_evaluation(folder / "evaluate_au.png", verdict, f"{scan.name}, a cross 6 wide")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--whole", type=Path)
    arguments = parser.parse_args()
    scan = read_measured(arguments.scan)
    if arguments.whole:
        judge_whole(scan, arguments.whole)
        return
    counts, unmeasured = scan.counts[CROP], scan.mask[CROP]
    table = []
    for name, gap in gaps(counts):
        said = evaluate(np.where(gap, 0, counts), unmeasured | gap, baselines=())
        table.append(row(name, said, true_score(counts, unmeasured, gap)))
        print({k: round(v, 3) if isinstance(v, float) else v for k, v in table[-1].items()}, flush=True)
        if arguments.out:
            write_table(arguments.out, table)
    print(f"{sum(r['agree'] for r in table)} of {len(table)} agree")


if __name__ == "__main__":
    main()
