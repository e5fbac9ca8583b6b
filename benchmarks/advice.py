"""Is the advice of ``evaluate`` right? Gaps are cut into scans, judged without their counts, then with them.

The advice is given from copies of a gap elsewhere in the scan; here the counts under the gap are known, so that what each
method puts there can be scored, too. Three groups of cases: ``validation`` (40 simulated scans of crystals of the library's
validation split, on which the rule was chosen), ``test`` (100 of its test split) and ``au`` (20 places on the measured scan).
The fill by the crystal is left out: it takes two minutes a case.

The advice is **right** if the method that it names has a skill in the gap within 0.05 of the best method's, or if it says not
to fill and the best method harms there: it removes less than a fifth of what a straight line leaves (which, taken as measured,
makes more false strain than an empty gap, docs/retrieval.md), or its 90 % intervals hold less than 80 % of the counts.

Written are advice.csv, a row for each case, and advice_summary.csv. Estimates are kept in the folder --work: a case that is
there is not filled again, so that another rule takes seconds. A case takes about 8 s of one core, a place on the Au scan 6 s.

With --whole, instead, ``evaluate`` with all its baselines on the whole scan with a cross 6 wide, timed: evaluate_au.json, .png.

Usage: python benchmarks/advice.py [GROUP ...] --work FOLDER [--measured au_34idc_s0054.npz] [--number N] [--out docs/results]
       python benchmarks/advice.py --measured au_34idc_s0054.npz --whole docs/results
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from shared.advice_cases import AU_PLACES, Case, au_case, case_rules, simulated_case
from shared.au_scan import CROSS

from braggfill import evaluate
from braggfill.base.writing import write_table
from braggfill.classical.kriging import guessed
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions, MethodName
from braggfill.filling.terms import Estimate
from braggfill.judging.evaluation import hides_peak, no_brighter
from braggfill.judging.record import write_evaluation
from braggfill.judging.studies.contenders import CONTENDERS
from braggfill.judging.studies.gaps import cut
from braggfill.judging.studies.kept import Kept, Part, Row, asked
from braggfill.judging.verdict import HONEST_COVERAGE, TOLERABLE_BIAS, USEFUL_SKILL, Score, recommended, score
from braggfill.reports.self_test import plot_evaluation
from braggfill.scan.copies import Trial, bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.gapped import GappedScan
from braggfill.scan.measured import read_measured

METHODS_ASKED: tuple[MethodName, ...] = ("unet", "kriging", "ridge", "linear", "idw")
WITH_SPREAD: tuple[MethodName, ...] = ("unet", "kriging", "ridge")
"""The others are interpolations, which are not advised: their spread is not asked for."""
AS_GOOD = 0.05
"""A method whose skill in the gap is so far behind the best one's, at most, would have been as right to advise."""
NUMBERS = {"validation": 40, "test": 100, "au": len(AU_PLACES)}


def estimates(scan: GappedScan, spread: tuple[MethodName, ...]) -> dict[str, Estimate]:
    """Estimates of every method, all from one kriging; the spread of a classical fill takes longer than the fill."""
    ready = guessed(scan)
    nothing = lambda *_: None  # noqa: E731
    return {
        m: METHODS[m].estimate(ready, FillOptions(m, device="cpu"), nothing, nothing) if m in spread else CONTENDERS[m](ready)
        for m in METHODS_ASKED
    }


def filled(case: Case) -> Part:
    """What every method puts into the copies of a gap, into the gap beside them, and into the gap alone; what was hidden."""
    start = process_time()
    scan = GappedScan.blanked(case.counts, case.mask | case.gap)
    trial = Trial.of(scan)
    judged, real = estimates(trial.scan, WITH_SPREAD), estimates(scan, ("unet",))
    copied, here = (trial.scored & bright(scan.counts))[trial.scan.wanted], case.gap[trial.scan.wanted]
    alone = case.gap[scan.wanted]
    arrays = {"copies": case.counts[trial.scan.wanted][copied], "gap": case.counts[scan.wanted][alone]}
    arrays["scored"] = case.hidden[scan.wanted][alone]
    for name in METHODS_ASKED:
        for kind in ("mean", "std"):
            before, after = getattr(judged[name], kind).astype(np.float32), getattr(real[name], kind).astype(np.float32)
            places = {"copies": before[copied], "here": before[here], "gap": after[alone]}
            arrays |= {f"{name} {kind} {place}": values for place, values in places.items()}
    about = case.about | {"hides_peak": hides_peak(scan), "seconds": process_time() - start}
    return Part([about], arrays)


def parts(groups: list[str], number: int | None, address: str | None, kept: Kept) -> Iterator[tuple[str, Part]]:
    """The cases of some groups, filled if they are not there."""
    for group in groups:
        what = asked(case_rules(group), address if group == "au" else None)
        for n in range(NUMBERS[group])[:number]:
            name = f"{group} {n}"
            made = partial(au_case, n, address) if group == "au" else partial(simulated_case, n, group)
            part = kept.part(f"{name.replace(' ', '_')}_{what}", lambda made=made: filled(made()))
            yield name, part


def in_the_copies(part: Part, everywhere: bool = False) -> list[Score]:
    """Scores of the methods that may be advised, where copies are as bright as the gap, or ``everywhere`` in them."""
    arrays = part.arrays
    alike = no_brighter(arrays["linear mean copies"], arrays["linear mean here"])
    alike |= everywhere
    known = arrays["copies"][alike]
    said = {m: tuple(arrays[f"{m} {kind} copies"][alike].astype(float) for kind in ("mean", "std")) for m in METHODS_ASKED}
    return [score(m, said, known, np.nan) for m in WITH_SPREAD]


def in_the_gap(part: Part) -> dict[str, Score]:
    """Scores of every method where the gap alone was filled; a classical fill's spread is the one it had beside the copies."""
    arrays, scored = part.arrays, part.arrays["scored"]
    said = {}
    for m in METHODS_ASKED:
        std = arrays[f"{m} std {'gap' if m == 'unet' else 'here'}"]
        said[m] = (arrays[f"{m} mean gap"][scored].astype(float), std[scored].astype(float))
    return {m: score(m, said, arrays["gap"][scored], np.nan) for m in METHODS_ASKED}


def harms(best: Score) -> bool:
    """Whether even the best fill of a gap harms: as far off as a straight line, or surer of itself than it may be."""
    return best.skill < USEFUL_SKILL or (best.method in WITH_SPREAD and best.coverage_90 < HONEST_COVERAGE)


def before(part: Part) -> str | None:
    """What was advised until November 2026: by all of the copies, the network or nothing, and nothing if totals were off."""
    ours = in_the_copies(part, everywhere=True)[0]
    useful = ours.skill >= USEFUL_SKILL and abs(ours.bias - 1) <= TOLERABLE_BIAS and ours.coverage_90 >= HONEST_COVERAGE
    return "unet" if useful and not part.rows[0]["hides_peak"] else None


def row(name: str, part: Part) -> Row:
    """What was advised, and what would have been right."""
    about, said, true = part.rows[0], in_the_copies(part), in_the_gap(part)
    best = max(true.values(), key=lambda s: s.skill)

    def right(method: str | None) -> bool:
        if harms(best):
            return method is None
        return method is not None and bool(true[method].skill >= best.skill - AS_GOOD)

    take = recommended(said, about["hides_peak"])
    keys = ("gap", "width", "at", "oversampling", "peak_counts", "hides_peak")
    found: Row = {"case": name} | {key: about.get(key, "") for key in keys}
    found |= {"advised": take or "do not fill", "best": "do not fill" if harms(best) else best.method, "right": right(take)}
    found |= {"right_before": right(before(part)), "right_always_unet": right("unet")}
    found["total_right"] = bool(take is None or abs(true[take].bias - 1) <= TOLERABLE_BIAS)
    found |= {f"skill_{s.method}_copies": s.skill for s in said} | {f"skill_{m}_gap": s.skill for m, s in true.items()}
    for figure in ("bias", "coverage_90"):
        found |= {f"{figure}_unet_copies": getattr(said[0], figure), f"{figure}_unet_gap": getattr(true["unet"], figure)}
    return found


def summary(table: list[Row]) -> list[Row]:
    """How often advice was right, by group of cases."""
    found = []
    for group in dict.fromkeys(row["case"].split()[0] for row in table):
        mine = [row for row in table if row["case"].startswith(group)]
        shares = {key: float(np.mean([row[key] for row in mine])) for key in ("right", "right_before", "right_always_unet")}
        off = [row for row in mine if not row["total_right"]]
        found.append({"group": group, "cases": len(mine)} | shares | {"total_over_20_percent_off": len(off)})
    return found


def judge_whole(address: str, folder: Path) -> None:
    """What a user with a detector cross runs and gets, on all of the measured scan."""
    scan = read_measured(address)
    gap = cut(scan.counts.shape, brightest_voxel(scan.counts), CROSS)
    start = perf_counter()
    verdict = evaluate(np.where(gap, 0, scan.counts), scan.mask | gap)
    print(f"{scan.counts.shape}: {perf_counter() - start:.0f} s. {verdict.advice}")
    write_evaluation(folder / "evaluate_au.json", verdict, scan.name)
    plot_evaluation(folder / "evaluate_au.png", verdict, f"{scan.name}, a cross 6 wide")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of {', '.join(NUMBERS)}; else all")
    parser.add_argument("--work", type=Path, help="folder of what was filled")
    parser.add_argument("--measured", help="the Au scan; without it its places are left out")
    parser.add_argument("--number", type=int, help="only so many cases of each group")
    parser.add_argument("--out", type=Path, help="folder of the table")
    parser.add_argument("--whole", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.whole:
        return judge_whole(arguments.measured, arguments.whole)
    groups = arguments.groups or [g for g in NUMBERS if g != "au" or arguments.measured]
    table: list[Row] = []
    for name, part in parts(groups, arguments.number, arguments.measured, Kept(arguments.work)):
        table.append(row(name, part))
        print(table[-1], flush=True)
        if arguments.out:
            write_table(arguments.out / "advice.csv", table)
    if arguments.out:
        write_table(arguments.out / "advice_summary.csv", summary(table))
    print(*summary(table), sep="\n")
    return None


if __name__ == "__main__":
    main()
