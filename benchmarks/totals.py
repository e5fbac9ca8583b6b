"""Whether the totals of the network's fill are right, and its intervals honest, in gaps of any width and brightness.

Each crystal of the validation and the test split is simulated anew for every brightness (another reflection, orientation,
oversampling, distance from the peak and axis of the gap), with the dose at which the gap hides 10³ to 10⁹ counts, at most a
tenth of them background; a gap that would need more than 10⁹ counts at the peak is moved towards it. Every gap is filled by
the network as it is, and calibrated by a hidden copy of the gap. Totals are of the whole gap: a choice of its bright voxels by
what was hidden there prefers voxels that a fill has to hold too faint (``total_bright`` is that of such a choice). Written are

totals_cases.csv    a row for each gap, calibration off and on; a run goes on where the last one ended
totals.csv          filled over hidden counts: median, its standard error (from scan to scan, with five scans or more),
                    quartiles; counts in their 90 % intervals, and skill over the deviance of the truth, both in voxels whose
                    smoothed expectation exceeds 0.5, means over gaps
totals_au.csv       with --measured SCAN instead: the nine gaps of ``accuracy.py --far`` in the Au scan, where the truth is not
                    known: bright voxels are chosen by the counts, and skill is over a deviance of 1

Usage: python benchmarks/totals.py [--first 0] [--number 24] [--size 96] [--measured au_34idc_s0054.npz] [--out docs/results]
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared.au_scan import FAR, cropped
from shared.growing_table import GrowingTable

from braggfill.base.metrics import poisson_deviance, shares_inside, skill, total_bias
from braggfill.base.writing import write_table
from braggfill.classical.interpolate import linear
from braggfill.judging.studies.crystals import HELD_OUT
from braggfill.judging.studies.findings import Row
from braggfill.judging.studies.gaps import beside_peak, cut
from braggfill.judging.studies.groups import grouped
from braggfill.network.calibration import calibrate
from braggfill.network.estimates import Sliding, slid
from braggfill.network.weights import Learned
from braggfill.scan.copies import bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.library import Library
from braggfill.simulation.measurement import ExpectedPattern, counting_noise
from braggfill.simulation.scans import one_thread, random_pattern

SEED = 80_000
SPLITS = ("validation", "test")
LEVELS, WIDTHS = (3, 4, 5, 6, 7, 8, 9), (3, 6, 9, 12)
"""Powers of ten of the hidden counts; voxels across the gap."""
DISTANCE = (2, 24)
"""Measured voxels between peak and gap."""
MOST_COUNTS = 1e9
"""At the peak."""
FEWEST_SCORED, LOOKED_AT = 300, 4000
"""Voxels without which skill and coverage are not told, and of which as many intervals are looked at."""
FEWEST_SCANS = 5
"""With fewer no standard error is told."""
KEY = ("split", "crystal", "level", "width", "calibrated")
ABOUT = ("axis", "from_peak", "oversampling", "peak_counts", "hidden_counts")
SCORES = ("total", "total_bright", "coverage_90", "skill")
COLUMNS = (*KEY, *ABOUT, *SCORES, "voxels", "seconds")


@dataclass(frozen=True)
class Cut:
    """A gap in a pattern, and the dose with which it hides what it should; arrays are (frames, rows, columns)."""

    gap: np.ndarray
    from_peak: int
    peak_counts: float
    background: float


def cut_gap(pattern: ExpectedPattern, peak: int, axis: int, width: int, distance: int, target: float) -> Cut:
    """A gap beside the peak (an index along the axis), on the roomier side."""
    intensity, background = pattern.intensity.numpy(), np.inf
    shape = intensity.shape
    for nearer in range(distance, DISTANCE[0] - 1, -1):
        first = beside_peak(peak, shape[axis], nearer, width)
        gap = cut(shape, [peak] * 3, [(axis, first, width)])
        sound = gap & ~pattern.faulty.numpy()
        background = min(background, 0.1 * target / sound.sum())
        peak_counts = float((target - background * sound.sum()) / intensity[sound].sum(dtype=float))
        if peak_counts <= MOST_COUNTS:
            break
    return Cut(gap, nearer, peak_counts, background)


def rows_of(split: str, crystal: int, level: int, size: int, widths: list[int], learned: Learned) -> Iterator[Row]:
    """Fill the gaps of one simulated pattern: rows, calibration off and on."""
    rng = np.random.default_rng([SEED, SPLITS.index(split), crystal, level])
    with one_thread():
        pattern, drawn = random_pattern(rng, (size,) * 3, [Library(split=split)[crystal]], HELD_OUT)
    axis, distance = int(rng.integers(3)), int(rng.integers(DISTANCE[0], DISTANCE[1] + 1))
    for width in widths:
        some = cut_gap(pattern, round(drawn["peak"][axis]), axis, width, distance, 10.0**level)
        expected = pattern.expected(some.peak_counts, some.background)
        counts = counting_noise(np.random.default_rng([SEED, crystal, level, width]), expected).numpy()
        about = {
            "split": split, "crystal": crystal, "level": level, "width": width, "axis": axis, "from_peak": some.from_peak,
            "oversampling": drawn["oversampling"][axis], "peak_counts": some.peak_counts,
        }  # fmt: skip
        scan = GappedScan.blanked(counts, some.gap)
        for row in filled_rows(scan, counts, expected.numpy(), pattern.faulty.numpy(), learned):
            yield about | row


def rows_of_measured(address: str, learned: Learned) -> Iterator[Row]:
    """Fill the gaps cut into a measured scan."""
    measured = cropped(address)
    peak = brightest_voxel(measured.counts)
    for case, arms in FAR.items():
        gap = cut(measured.counts.shape, peak, arms)
        scan = GappedScan.blanked(measured.counts, measured.mask | gap)
        for row in filled_rows(scan, measured.counts, None, measured.mask, learned):
            yield {"scan": measured.name, "case": case} | row


def filled_rows(
    scan: GappedScan, counts: np.ndarray, expected: np.ndarray | None, faulty: np.ndarray, learned: Learned
) -> Iterator[Row]:
    """Scores of the network's fill as it is, and calibrated; the deviance of an unknown truth is taken as 1."""

    def fill(blank: GappedScan) -> tuple[np.ndarray, np.ndarray]:
        return slid(learned, blank, Sliding(device="cpu"), lambda *_: None)

    start = time.process_time()
    plain = fill(scan)
    between = time.process_time()
    calibration = calibrate(scan, fill)
    both = {"off": plain, "on": calibration.applied(*plain)}
    seconds = {"off": between - start, "on": time.process_time() - start}
    straight = np.expm1(linear(np.log1p(scan.counts), scan.mask, scan.slabs)[scan.wanted])
    sound = ~np.broadcast_to(faulty, counts.shape)[scan.wanted]
    hidden = counts[scan.wanted]
    lit = sound & bright(counts if expected is None else expected)[scan.wanted]
    for calibrated, (mean, std) in both.items():
        row = {"calibrated": calibrated, "hidden_counts": hidden[sound].sum(dtype=float)}
        row |= {"total": total_bias(mean[sound], hidden[sound]), "voxels": int(sound.sum()), "seconds": seconds[calibrated]}
        if lit.sum() >= FEWEST_SCORED:
            floor = 1.0 if expected is None else poisson_deviance(expected[scan.wanted][lit], hidden[lit])
            look = np.flatnonzero(lit)[:: -(-lit.sum() // LOOKED_AT)]
            row["total_bright"] = total_bias(mean[lit], hidden[lit])
            row["skill"] = skill(mean[lit], straight[lit], hidden[lit], floor)
            row["coverage_90"] = float(shares_inside(mean[look], std[look], hidden[look], 0.9).mean())
        yield row


def summary(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """A row for each split (and both), width and brightness (and all), calibration off and on."""
    table = []
    choices = [(*SPLITS, "both"), ("all", *WIDTHS), ("all", *LEVELS), ("off", "on")]
    for split, width, level, calibrated in itertools.product(*choices):
        asked = {"width": width, "level": level, "calibrated": calibrated} | ({} if split == "both" else {"split": split})
        mine = [
            row for row in rows if all(value in ("all", row[key]) for key, value in ((k, str(v)) for k, v in asked.items()))
        ]
        if mine:
            table.append({"split": split, "width": width, "level": level, "calibrated": calibrated} | scores_of(mine))
    return table


def scores_of(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Medians and means over some gaps."""
    total, lit, coverage, skills = (np.array([float(row[name]) for row in rows if row[name]]) for name in SCORES)
    of_scans = grouped(rows, KEY[:3]).values()  # gaps of one scan err together
    scans = [np.array([float(row["total"]) for row in mine]) for mine in of_scans]
    rng = np.random.default_rng(0)
    again = [np.median(np.concatenate([scans[i] for i in rng.integers(len(scans), size=len(scans))])) for _ in range(500)]
    low, middle, high = np.percentile(total, (25, 50, 75))
    found = {
        "gaps": len(total),
        "total": middle,
        "error": np.std(again) if len(scans) >= FEWEST_SCANS else "",
        "quartile_1": low,
        "quartile_3": high,
    }
    many = {"total_bright": np.median(lit), "coverage_90": coverage.mean(), "skill": skills.mean()} if len(lit) else {}
    return found | {"total_bright": "", "coverage_90": "", "skill": ""} | many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--size", type=int, default=96, help="voxels along each axis of a scan")
    parser.add_argument("--measured", help="the Au scan, in place of crystals")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table, learned = GrowingTable(arguments.out / "totals_cases.csv", COLUMNS), Learned.read()
    if arguments.measured:
        write_table(arguments.out / "totals_au.csv", list(rows_of_measured(arguments.measured, learned)))
        return
    there = {tuple(row[name] for name in KEY[:-1]) for row in table.rows() if row["calibrated"] == "on"}
    crystals = range(arguments.first, arguments.first + arguments.number)
    for crystal, split, level in itertools.product(crystals, SPLITS, LEVELS):
        widths = [width for width in WIDTHS if (split, str(crystal), str(level), str(width)) not in there]
        for row in rows_of(split, crystal, level, arguments.size, widths, learned) if widths else ():
            table.add(row)
    write_table(arguments.out / "totals.csv", summary(table.rows()))


if __name__ == "__main__":
    main()
