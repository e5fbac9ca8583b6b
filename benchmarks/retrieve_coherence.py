"""How near to the truth is the object of partially coherent light? With its coherence fitted, and with full coherence assumed.

    python benchmarks/retrieve_coherence.py --out docs/results/retrieve_coherence.csv

Known crystals, 64³ voxels, oversampling 3.4, peak 10⁶ (of coherent light), their patterns blurred by Gaussians, with counting
noise. A row is written for each retrieval, with the default options: what it says itself, and against the truth the correlation
and, in the interior, the errors (root mean square) of amplitude, phase and strain.
"""

import argparse
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from shared.known_crystals import Known, measure, object_of

from braggfill import retrieve
from braggfill.base.writing import write_table
from braggfill.crystal.search.alignment import align
from braggfill.retrieval.deformation import check_crystal, interior, phase_gradient
from braggfill.retrieval.options import Coherence

SHAPE, OVERSAMPLING, PEAK_COUNTS = (64, 64, 64), 3.4, 1e6
SEEDS = {"perfect": 9101, "smooth": 9102, "dislocation": 9103}
BLURS = (0.0, 0.5, 1.0)
COHERENCES: tuple[Coherence, ...] = ("partial", "full")
STEEP = 0.3
"""Phase gradients in radians a voxel above which a voxel belongs to the core of a dislocation, and its strain is not judged."""


def errors(crystal: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Errors of an object that lies on the truth, strain being the phase gradient in 10⁻³ radians a voxel along any axis."""
    inside = check_crystal(truth)
    core = interior(inside)
    scaled = crystal * (np.vdot(crystal, truth) / np.vdot(crystal, crystal))
    slopes, true_slopes = (phase_gradient(c, inside)[:, core] for c in (scaled, truth))
    judged = np.isfinite(slopes) & (np.abs(true_slopes) < STEEP)
    return {
        "amplitude_error": float(np.square(np.abs(scaled) - np.abs(truth))[core].mean() ** 0.5 / np.abs(truth)[core].mean()),
        "phase_error_rad": float(np.square(np.angle(scaled * truth.conj()))[core].mean() ** 0.5),
        "strain_rmse_mrad": 1e3 * float(np.square(slopes - true_slopes)[judged].mean() ** 0.5),
    }


def row_of(known: Known, coherence: Coherence) -> dict[str, object]:
    """What one retrieval says, and how right it is."""
    began = time.perf_counter()
    found = retrieve(known.counts, coherence=coherence, counts_per_unit=1, device="cpu")
    seconds = time.perf_counter() - began
    truth, best = object_of(known.amplitude, known.peak), found.starts[0]
    crystal, alike = align(truth, found.crystal)
    says = {
        "taken": found.coherence,
        "converged": f"{found.converged} of {found.tried}",
        "misfit_over_noise": best.misfit / best.noise_misfit,
        "hidden_deviance": best.hidden_deviance,
        "widths": " ".join(f"{w:.2f}" for w in best.widths),
    }
    return says | {"correlation": alike} | errors(crystal, truth) | {"seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crystals", nargs="*", choices=list(SEEDS), default=list(SEEDS))
    parser.add_argument("--blurs", nargs="*", type=float, default=BLURS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for kind, blur in product(arguments.crystals, arguments.blurs):
        known = measure(kind, SEEDS[kind], SHAPE, OVERSAMPLING, PEAK_COUNTS, blur=blur)
        for coherence in COHERENCES:
            rows.append({"crystal": kind, "blur": blur, "coherence": coherence} | row_of(known, coherence))
            print(rows[-1], flush=True)
    write_table(arguments.out, rows)


if __name__ == "__main__":
    main()
