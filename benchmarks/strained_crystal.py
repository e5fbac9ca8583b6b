"""One strained crystal, as it is and as it is retrieved behind a cross-shaped gap: a picture and its figures.

Crystal 0 of 2 to 4π of the study of starts, 128³ voxels, measured with blur, dead time, faults and photons, a cross 6 wide
cut out. Retrieved three times: the gap filled by a straight line or left free, with full coherence, as programs of the field
do, and the gap filled by the crystal, with the default options. Columns of the table, all against the truth: the correlation,
and in the interior the errors (root mean square) of amplitude, phase and phase gradient.

Usage: python benchmarks/strained_crystal.py [--least 2] [--most 4] [--out docs/results]
(about six minutes of one core)
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from shared.known_crystals import object_of

from braggfill import fill_gaps, retrieve
from braggfill.base.pictures import new_figure, write_picture
from braggfill.base.writing import write_table
from braggfill.crystal.search.alignment import align, correlation
from braggfill.judging.studies.starts import FULL, cross, drawn
from braggfill.judging.studies.table import PRINT_DPI
from braggfill.reports.insides import hatch, surface
from braggfill.reports.objects import Units, fields_of
from braggfill.retrieval.deformation import Deformation, check_crystal, interior, strain, strain_rmse
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.scan.boxes import bounding_box
from braggfill.simulation.strained import Strained

TRUTH = "truth"
MARGIN = 4
"""Voxels shown round the crystal."""
Objects = dict[str, np.ndarray]
"""complex64 (frames, rows, columns), by what was done with the gap, all lying on the truth."""


def retrieved(crystal: Strained, mask: np.ndarray) -> tuple[Objects, list[dict[str, object]]]:
    """The true object and the retrieved ones, and how each of these was found; the mask is (frames, rows, columns)."""
    counts = np.where(mask, 0, crystal.counts)
    truth = object_of(crystal.amplitude((0, 0, 0), counts.shape), prepare_pattern(counts, mask).peak)
    objects, found = {TRUTH: truth}, []
    for name, method, treatment, coherence in (
        ("straight line, full coherence", "linear", "filled", "full"),
        ("gap free, full coherence", "linear", "free", "full"),
        ("filled by the crystal", "retrieval", "bounded", "partial"),
    ):
        began = time.process_time()
        fill = fill_gaps(counts, mask, method=method, device="cpu")
        estimates = {"filled": fill.filled, "std": fill.std}
        result = retrieve(fill.intensity, fill.mask, **estimates, treatment=treatment, coherence=coherence, device="cpu")
        objects[name], alike = align(truth, result.crystal)
        about = {"gap": name, "correlation": alike, "converged": f"{result.converged} of {result.tried}"}
        found.append(about | {"core_seconds": round(time.process_time() - began)})
    return objects, found


def errors(found: np.ndarray, truth: np.ndarray, deformations: tuple[Deformation, Deformation]) -> dict[str, float]:
    """Of an object and its deformation, against the true ones, inside the crystal."""
    inside = interior(check_crystal(truth))
    ours, true = deformations
    modulus, expected = (np.abs(c) / np.abs(c)[inside].mean() for c in (found, truth))
    turn = np.angle(found * truth.conj())[inside]
    return {
        "amplitude_error": float(np.sqrt(np.mean((modulus - expected)[inside] ** 2))),
        "phase_error_rad": float(np.sqrt(np.mean(turn**2))),
        "strain_rmse_mrad": 1e3 * strain_rmse(ours.strain, true.strain, inside),
        "correlation_inside": correlation(truth[inside], found[inside]),
    }


def picture(path: Path, objects: Objects, deformations: dict[str, Deformation]) -> None:
    """Draw modulus, phase and strain in the middle frame, an object a column, in the colours of the true one."""
    support, units = deformations[TRUTH].support, Units()
    frame = int(np.median(np.nonzero(support)[0]))
    window = bounding_box(support.any(0), MARGIN)
    each = {name: fields_of(crystal, deformations[name], units) for name, crystal in objects.items()}
    figure = new_figure(2.4 * len(each) + 0.8, 7.4)
    for line, number in zip(figure.subplots(3, len(each)), (0, 1, 3), strict=True):
        true = each[TRUTH][number]
        for panel, (name, fields) in zip(line, each.items(), strict=True):
            alike = replace(fields[number], largest=true.largest)
            shown = alike.show(panel, (0, frame), (window[0], window[1]), units)
            if true.signed:
                hatch(panel, surface(support)[frame][window])
            panel.set_title(name if number == 0 else "", fontsize=9)
        figure.colorbar(shown, ax=list(line), label=true.name, pad=0.01, extend="both" if true.signed else "max")
    write_picture(path, figure, PRINT_DPI)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=float, default=2, help="of the phase's range, peak to valley, in π")
    parser.add_argument("--most", type=float, default=4)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    crystal = drawn(FULL.shape, (arguments.least, arguments.most), 0)
    objects, found = retrieved(crystal, cross(crystal))
    support = check_crystal(objects[TRUTH])
    deformations = {name: strain(found_crystal, support) for name, found_crystal in objects.items()}
    for row in found:
        name = str(row["gap"])
        row |= errors(objects[name], objects[TRUTH], (deformations[name], deformations[TRUTH]))
        row |= {"phase_over_pi": crystal.about["phase_over_pi"], "peak_counts": crystal.about["peak_counts"]}
        print(row)
    write_table(arguments.out / "strained_crystal.csv", found)
    picture(arguments.out / "strained_crystal.png", objects, deformations)


if __name__ == "__main__":
    main()
