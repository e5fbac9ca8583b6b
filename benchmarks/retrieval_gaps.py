"""Study S7: how much false strain does each treatment of a cross make in a crystal without strain.

Strain is given as phase gradient along the rows' axis in 10⁻³ radians a voxel (over |G| in radians a voxel it would be the
strain): its average, which is 0 in truth, and the root mean square of what is left without the average, both in the crystal's
interior. Once with the true phases, as the paper did it, and once with retrieval from random starts, whose spread is given:
of single starts with full coherence, of the best of three each time with partial coherence (the default).

``widths`` are crosses 0, 3, 6, 9 and 12 wide (80³ voxels, oversampling 3.4, peak 10⁶), ``regimes`` 24 other measurements (64³:
oversampling 2.5, 3.4 and 5, peak 10⁵ and 10⁷, a cross 3 or 6 wide, 6 or 16 voxels beside the peak). Everything is run that is
not in the table yet, or some parts of it; every part is written as soon as it is done. ``draw`` makes the pictures of the
tables that are there.

Usage: python benchmarks/retrieval_gaps.py regimes [NUMBER ...] [--treatments free,filled,bounded] [--coherence full]
       python benchmarks/retrieval_gaps.py widths [WIDTH ...] [--treatments true,free,zero,…] --work s7
       python benchmarks/retrieval_gaps.py draw --work s7

Tables: retrieval_gaps.csv and retrieval_regimes.csv with full coherence, …_partial.csv with partial.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from time import process_time

import numpy as np
import torch
from shared.growing_table import GrowingTable
from shared.known_crystals import Known, cross, measure, object_of
from shared.strain_pictures import conditions, curves, slices

from braggfill import fill_gaps
from braggfill.base.pictures import print_style
from braggfill.crystal.model.autocorrelation import first_support
from braggfill.crystal.search.alignment import align
from braggfill.filling.result import FillResult
from braggfill.judging.studies.kept import Row, read_rows
from braggfill.retrieval.coherent import run_start
from braggfill.retrieval.deformation import check_crystal, interior, oscillation, phase_gradient
from braggfill.retrieval.options import Coherence, SearchOptions
from braggfill.retrieval.partial import partial_starts
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.retrieval.result import Found

WIDTHS = (0, 3, 6, 9, 12)
SEED = 7001
STARTS = 3
TREATMENTS = {
    "widths": ("true", *("free", "zero", "linear", "idw", "filled", "bounded")),
    "regimes": ("free", "filled", "bounded"),
}
FEW = 3
"""Random starts with partial coherence of which the best is kept: one alone may be stuck, and says so."""
ROWS_AXIS = 1
"""Strain is looked at along the rows: across the cross's horizontal arm."""
FILLS = {"linear": "linear", "idw": "idw", "filled": "unet"}
"""Treatments that take estimates as measured, and the method that makes these."""


@dataclass(frozen=True)
class Case:
    """What is measured, and what of it is missing."""

    size: int = 80
    oversampling: float = 3.4
    peak_counts: float = 1e6
    distance: int = 6
    """Measured voxels between peak and gap."""
    width: int = 6
    seed: int = SEED


COLUMNS = (
    *("part", "size", "oversampling", "peak_counts", "distance", "width", "seed", "phases", "treatment", "start"),
    *("hidden_deviance", "correlation", "average", "rmse", "strain_oscillation", "modulus_oscillation", "seconds"),
)
REGIMES = tuple(
    Case(64, oversampling, peak, distance, width, SEED + 1)
    for oversampling, peak, distance, width in product((2.5, 3.4, 5.0), (1e5, 1e7), (6, 16), (3, 6))
)


def scores(crystal: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    """Average strain and the spread about it, and oscillations, inside a crystal."""
    core = interior(inside)
    gradient, modulus = phase_gradient(crystal, inside)[ROWS_AXIS], np.abs(crystal)
    return {
        "average": 1e3 * float(np.nanmean(gradient[core])),
        "rmse": 1e3 * float(np.nanstd(gradient[core])),
        "strain_oscillation": 1e3 * oscillation(gradient, core),
        "modulus_oscillation": oscillation(modulus / modulus[core].mean(), core),
    }


def with_true_phases(counts: np.ndarray, known: Known) -> np.ndarray:
    """The object of measured or filled counts with the true phases."""
    return object_of(np.sqrt(counts) * np.exp(1j * np.angle(known.amplitude)))


def retrieved(
    fill: FillResult | None, known: Known, treatment: str, coherence: Coherence, starts: int
) -> list[tuple[np.ndarray, dict]]:
    """The object of every start, or of the best of a few, aligned to the truth, and how it fits."""
    arrays = (known.counts,) if fill is None else (fill.intensity, None, fill.filled, fill.std)
    ends = []
    for number in range(starts):
        found = (of_one if coherence == "full" else of_a_few)(arrays, treatment, number)
        aligned, correlation = align(known.crystal, found.crystal)
        ends.append((aligned, {"start": number, "hidden_deviance": found.start.hidden_deviance, "correlation": correlation}))
    return ends


def of_one(arrays: tuple, treatment: str, number: int) -> Found:
    """What one start finds with full coherence."""
    pattern = prepare_pattern(*arrays, counts_per_unit=1.0)
    support = first_support(torch.from_numpy(pattern.counts))
    return run_start(pattern, treatment, support, SearchOptions(coherence="full"), number, lambda n: None)


def of_a_few(arrays: tuple, treatment: str, seed: int) -> Found:
    """What the best of a few starts finds with partial coherence."""
    pattern, options = prepare_pattern(*arrays, counts_per_unit=1.0), SearchOptions(FEW, 1, seed=seed)
    return partial_starts(pattern, treatment, None, options, torch.device("cpu"), lambda done, total: None)[1][0]


def study(case: Case, treatment: str, coherence: Coherence, starts: int) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Judge a treatment (``true``: all, with the true phases): rows of the table, middle slices of phase (rows, columns)."""
    began, shape = process_time(), (case.size,) * 3
    known = measure("perfect", case.seed, shape, case.oversampling, case.peak_counts)
    inside = check_crystal(known.crystal)
    mask = cross(shape, case.width, case.distance)
    blank = np.where(mask, 0, known.counts).astype(np.float32)
    rows: list[Row] = []
    phases: dict[str, np.ndarray] = {}

    def note(crystal: np.ndarray, **what: object) -> None:
        rows.append({**case.__dict__, **what, **scores(crystal, inside)})
        middle = np.angle(crystal * np.exp(-1j * np.angle((crystal * inside).sum())))[case.size // 2]
        phases.setdefault(f"{what['phases']} {what['treatment']}", np.where(inside[case.size // 2], middle, np.nan))

    if treatment == "true":
        note(with_true_phases(known.counts, known), phases="true", treatment="no gap", start=0)
        if case.width:
            note(with_true_phases(blank, known), phases="true", treatment="zero", start=0)
            for shown, method in FILLS.items():
                fill = fill_gaps(blank, mask, method=method, device="cpu")
                note(with_true_phases(fill.intensity, known), phases="true", treatment=shown, start=0)
    else:
        fill = fill_gaps(blank, mask, method=FILLS.get(treatment, "unet"), device="cpu") if case.width else None
        used = treatment if treatment in ("free", "zero", "bounded") else "filled"
        shown = treatment if case.width else "no gap"
        for crystal, fit in retrieved(fill, known, used if case.width else "free", coherence, starts):
            note(crystal, phases="retrieved", treatment=shown, **fit)
    return [row | {"seconds": process_time() - began} for row in rows], phases


def run(kind: str, cases: dict[int, Case], treatments: list[str], arguments: argparse.Namespace) -> None:
    """Study what is not in the table of a kind yet."""
    table = GrowingTable(table_of(kind, arguments.coherence, arguments.out), COLUMNS, ("part",))
    parts = {
        f"{number:02d} {treatment}": (case, treatment)
        for number, case in cases.items()
        for treatment in treatments
        if case.width or treatment in ("true", "free")
    }
    for name in table.missing(parts):
        case, treatment = parts[name]
        rows, phases = study(replace(case, size=arguments.size or case.size), treatment, arguments.coherence, arguments.starts)
        table.add(*({"part": name} | row for row in rows))
        if arguments.work:
            np.savez(arguments.work / f"{kind}_{name.replace(' ', '_')}.npz", **phases)


def table_of(kind: str, coherence: Coherence, out: Path) -> Path:
    """Where the rows of a kind are."""
    return out / f"retrieval_{'gaps' if kind == 'widths' else kind}{'' if coherence == 'full' else '_partial'}.csv"


def draw(out: Path, work: Path | None) -> None:
    """Draw the tables that are there, and the phases of what was kept."""
    with print_style():
        for coherence, ending in (("full", ""), ("partial", "_partial")):
            widths, regimes = (table_of(kind, coherence, out) for kind in ("widths", "regimes"))
            if widths.exists():
                curves(read_rows(widths), out / f"retrieval_gaps{ending}.png")
            if regimes.exists():
                conditions(read_rows(regimes), out / f"retrieval_regimes{ending}.png")
        if work:
            slices(work, WIDTHS[1:], out / "retrieval_gaps_phase.png")


def numbered(kind: str, numbers: list[int]) -> Iterator[tuple[int, Case]]:
    """The cases of a kind by their numbers, or all."""
    if kind == "regimes":
        yield from ((n, REGIMES[n]) for n in numbers or range(len(REGIMES)))
    else:
        yield from ((width, Case(width=width)) for width in numbers or WIDTHS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("widths", "regimes", "draw"))
    parser.add_argument("numbers", nargs="*", type=int, help="widths, or numbers of regimes; else all")
    parser.add_argument("--treatments", help="some of true,free,zero,linear,idw,filled,bounded; else those of the study")
    parser.add_argument("--work", type=Path, help="folder of the phases that are drawn")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--coherence", choices=("partial", "full"), default="partial")
    parser.add_argument("--size", type=int, help="voxels along each axis, else the case's own")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.work:
        arguments.work.mkdir(exist_ok=True)
    if arguments.part == "draw":
        return draw(arguments.out, arguments.work)
    treatments = (arguments.treatments or ",".join(TREATMENTS[arguments.part])).split(",")
    return run(arguments.part, dict(numbered(arguments.part, arguments.numbers)), treatments, arguments)


if __name__ == "__main__":
    main()
