"""The fill by the crystal (method ``retrieval``) beside the network's, on crystals that nothing was trained on.

Every crystal of a split of the library is measured once, 128³ voxels; a gap is cut through all frames and rows some columns
beside the peak, on the roomier side, and filled. Scores are those of the protocol (judging/studies/protocol.py); ``misfit`` and
``noise_misfit`` are of the retrieved objects, best first; ``taken`` says whether the gate chose them; ``seconds`` are CPU time.

Usage: python benchmarks/crystal_fill.py [--split validation] [--crystals 0 1 2] [--width 6] [--distance 13] [--effort usual]
[--out docs/results/crystal_fill.csv]    (rows are added as they are made; about 90 s each on one core)
"""

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import torch

from braggfill.base.writing import rounded
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.filling.terms import Estimate
from braggfill.judging.studies.contenders import CONTENDERS
from braggfill.judging.studies.crystals import HELD_OUT
from braggfill.judging.studies.gaps import columns_beside
from braggfill.judging.studies.protocol import fill_stripe
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.library import Library
from braggfill.simulation.scans import SimulatedScan, simulate

SEED, SHAPE = 50_000, (128, 128, 128)
KEPT = ("skill", "bias", "coverage_90")


def row_of(name: str, scan: SimulatedScan, width: int, distance: int, effort: Any) -> dict[str, Any]:
    """Scores of both methods in one gap, and how the crystal's came about."""
    found: list[Estimate] = []

    def retrieval(gapped: GappedScan) -> Estimate:
        options = FillOptions("retrieval", device="cpu", effort=effort)
        found.append(METHODS["retrieval"].estimate(gapped, options, lambda *_: None, lambda *_: None))
        return found[-1]

    began = time.process_time()
    contenders = {"linear": CONTENDERS["linear"], "unet": CONTENDERS["unet"], "retrieval": retrieval}
    rows, _ = fill_stripe(contenders, scan, columns_beside(scan, distance, width), width)
    seconds = time.process_time() - began
    row: dict[str, Any] = {"crystal": name, "width": width, "from_peak": distance}
    for scores in (r for r in rows if r["method"] != "linear"):
        row |= {f"{score}_{scores['method']}": rounded(float(scores[score])) for score in KEPT}
    climbed = found[0].record["retrieval"]["climbed"] if found[0].record else []
    row |= {key: " ".join(f"{c[key]:.3f}" for c in climbed) for key in ("misfit", "noise_misfit")}
    gate = found[0].record.get("gate", {})
    return row | {"taken": gate.get("taken", False), "widening": rounded(gate.get("widening", 1.0)), "seconds": round(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    parser.add_argument("--crystals", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--width", type=int, default=6)
    parser.add_argument("--distance", type=int, default=13)
    parser.add_argument("--effort", default="usual")
    parser.add_argument("--out", type=Path, default=Path("docs/results/crystal_fill.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    library = Library(split=arguments.split)
    for index in arguments.crystals:
        scan = next(simulate(1, shape=SHAPE, seed=SEED + index, crystals=[library[index]], config=HELD_OUT))
        row = row_of(f"{arguments.split} {index}", scan, arguments.width, arguments.distance, arguments.effort)
        new = not arguments.out.exists()
        with arguments.out.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
