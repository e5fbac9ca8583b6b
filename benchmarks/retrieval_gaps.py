"""Study S7: how much false strain does each treatment of a cross make in a crystal without strain.

Strain is given as phase gradient along the rows' axis in 10⁻³ radians a voxel (over |G| in radians a voxel it would be the
strain): its average, which is 0 in truth, and the root mean square of what is left without the average, both in the crystal's
interior. Once with the true phases, as the paper did it, and once with retrieval from random starts, whose spread is given:
of single starts with full coherence, of the best of three each time with partial coherence (the default).

    python benchmarks/retrieval_gaps.py widths 6 true --work s7     # 0, 3, 6, 9, 12; 80³ voxels, oversampling 3.4, peak 10⁶
    python benchmarks/retrieval_gaps.py widths 6 free --work s7     # free, zero, linear, idw, filled, bounded
    python benchmarks/retrieval_gaps.py regimes 0 free --work s7    # one of REGIMES; 64³ voxels: sampling, dose, distance
    python benchmarks/retrieval_gaps.py draw --work s7 --out docs/results

The figures in docs/results were made with ``--coherence full``. ``draw`` writes retrieval_gaps.csv, retrieval_regimes.csv,
retrieval_gaps.png and retrieval_gaps_phase.png of what is there.
"""

import argparse
import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from shared.known_crystals import Known, cross, measure, object_of

from braggfill import fill_gaps
from braggfill.base.pictures import new_figure, write_picture
from braggfill.base.writing import write_table
from braggfill.crystal.starts import first_support
from braggfill.filling.result import FillResult
from braggfill.retrieval.alignment import align
from braggfill.retrieval.coherent import run_start
from braggfill.retrieval.deformation import check_crystal, interior, oscillation, phase_gradient
from braggfill.retrieval.options import Coherence, SearchOptions
from braggfill.retrieval.partial import partial_starts
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.retrieval.result import Found

WIDTHS = (0, 3, 6, 9, 12)
SEED = 7001
STARTS = 3
COLOURS = {"zero": "C7", "linear": "C2", "idw": "C3", "free": "C0", "filled": "C1", "bounded": "k"}
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
        ends.append((aligned, {"start": number, "hidden_deviance": found.start.deviance, "correlation": correlation}))
    return ends


def of_one(arrays: tuple, treatment: str, number: int) -> Found:
    """What one start finds with full coherence."""
    pattern = prepare_pattern(*arrays, counts_per_unit=1.0)
    support, _ = first_support(torch.from_numpy(pattern.counts))
    return run_start(pattern, treatment, support, SearchOptions(coherence="full"), number, lambda n: None)


def of_a_few(arrays: tuple, treatment: str, seed: int) -> Found:
    """What the best of a few starts finds with partial coherence."""
    pattern, options = prepare_pattern(*arrays, counts_per_unit=1.0), SearchOptions(FEW, 1, seed=seed)
    return partial_starts(pattern, treatment, None, options, torch.device("cpu"), lambda done, total: None)[1][0]


def study(case: Case, treatment: str, coherence: Coherence, starts: int, work: Path, name: str) -> None:
    """Judge a treatment (``true``: all, with the true phases): rows into NAME.json, middle slices of phase into NAME.npz."""
    shape = (case.size,) * 3
    known = measure("perfect", case.seed, shape, case.oversampling, case.peak_counts)
    inside = check_crystal(known.crystal)
    mask = cross(shape, case.width, case.distance)
    blank = np.where(mask, 0, known.counts).astype(np.float32)
    rows: list[dict] = []
    phases: dict[str, np.ndarray] = {}

    def note(crystal: np.ndarray, **what: object) -> None:
        rows.append({**case.__dict__, **what, **scores(crystal, inside)})
        middle = np.angle(crystal * np.exp(-1j * np.angle((crystal * inside).sum())))[case.size // 2]
        phases.setdefault(f"{what['phases']} {what['treatment']}", np.where(inside[case.size // 2], middle, np.nan))
        print(rows[-1], flush=True)

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
    (work / f"{name}.json").write_text(json.dumps(rows))
    np.savez(work / f"{name}.npz", **phases)


def tables(work: Path, out: Path) -> None:
    """Write the tables of what was run, and draw them."""
    for kind in ("widths", "regimes"):
        rows = [row for path in sorted(work.glob(f"{kind}_*.json")) for row in json.loads(path.read_text())]
        if rows:
            columns = dict.fromkeys((key for row in rows for key in row), "")
            write_table(out / f"retrieval_{'gaps' if kind == 'widths' else kind}.csv", [columns | row for row in rows])
        if rows and kind == "widths":
            curves(rows, out / "retrieval_gaps.png")
            slices(work, out / "retrieval_gaps_phase.png")


def curves(rows: list[dict], path: Path) -> None:
    """Draw average strain (bars: its spread) and zero-average RMSE against the gap's width (Figs 17 and 18)."""
    figure = new_figure(9, 6.5)
    axes = figure.subplots(2, 2, sharex=True)
    for column, phases in zip(axes.T, ("true", "retrieved"), strict=True):
        mine = [row for row in rows if row["phases"] == phases]
        reference = [row for row in mine if row["width"] == 0]
        for treatment in dict.fromkeys(row["treatment"] for row in mine if row["width"]):
            if treatment == "no gap":
                continue
            points = [[r for r in mine if r["treatment"] == treatment and r["width"] == w] for w in WIDTHS[1:]]
            groups = [reference, *points]
            widths = [w for w, g in zip(WIDTHS, groups, strict=True) if g]
            groups = [g for g in groups if g]
            average, rmse = ([[r[key] for r in group] for group in groups] for key in ("average", "rmse"))
            mean = [np.mean(v) for v in rmse]
            column[0].errorbar(
                widths, [np.mean(v) for v in average], mean, label=treatment, capsize=2, color=COLOURS[treatment]
            )
            spread = [
                [m - min(v) for m, v in zip(mean, rmse, strict=True)],
                [max(v) - m for m, v in zip(mean, rmse, strict=True)],
            ]
            column[1].errorbar(widths, mean, spread, label=treatment, capsize=2, color=COLOURS[treatment])
        column[0].set(title=f"{phases} phases", ylabel="average strain ± spread", ylim=(-60, 60))
        column[1].set(xlabel="width of the cross in voxels", ylabel="zero-average strain RMSE", yscale="log")
        column[1].legend(fontsize=8)
    figure.suptitle("10⁻³ radians a voxel; the true strain is 0")
    write_picture(path, figure)


def slices(work: Path, path: Path) -> None:
    """Draw the phase in the middle frame for every width and treatment (Fig 16)."""
    shown = ("true zero", "true filled", "retrieved zero", "retrieved free", "retrieved filled", "retrieved bounded")
    found: dict[int, dict[str, np.ndarray]] = {w: {} for w in WIDTHS[1:]}
    for width in found:
        for part in sorted(work.glob(f"widths_{width:02d}*.npz")):
            with np.load(part) as phases:
                found[width] |= dict(phases)
    there = [w for w in found if set(shown) <= set(found[w])]
    figure = new_figure(11, 2 * len(there))
    axes = figure.subplots(len(there), len(shown), squeeze=False)
    for line, width in zip(axes, there, strict=True):
        for panel, name in zip(line, shown, strict=True):
            phase = found[width][name]
            rows, columns = (slice(n.min() - 2, n.max() + 3) for n in np.nonzero(np.isfinite(phase)))
            drawn = panel.imshow(phase[rows, columns], cmap="RdBu_r", vmin=-0.3, vmax=0.3)
            panel.set(xticks=[], yticks=[], title=name if width == there[0] else None)
        line[0].set_ylabel(f"{width} wide")
    figure.colorbar(drawn, ax=axes, label="phase in radians; truth is 0", shrink=0.6)
    write_picture(path, figure, 70)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("widths", "regimes", "draw"))
    parser.add_argument("number", nargs="?", type=int, help="width, or number of a regime")
    parser.add_argument("treatment", nargs="?", choices=("true", "free", "zero", "linear", "idw", "filled", "bounded"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--coherence", choices=("partial", "full"), default="partial")
    parser.add_argument("--size", type=int, help="voxels along each axis, else the case's own")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(exist_ok=True)
    if arguments.part == "draw":
        return tables(arguments.work, arguments.out)
    case = REGIMES[arguments.number] if arguments.part == "regimes" else Case(width=arguments.number)
    name = f"{arguments.part}_{arguments.number:02d}_{arguments.treatment}"
    case = replace(case, size=arguments.size or case.size)
    return study(case, arguments.treatment, arguments.coherence, arguments.starts, arguments.work, name)


if __name__ == "__main__":
    main()
