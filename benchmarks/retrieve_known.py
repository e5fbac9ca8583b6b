"""Is a known object found, from noise-free data without a gap? Ten random starts, an imposed strain, and another program.

    python benchmarks/retrieve_known.py --out docs/results/retrieve_known.csv --pattern known.npz
    python benchmarks/retrieve_cohere.py known.npz cohere.npz      # in an environment of its own, see there
    python benchmarks/retrieve_known.py --out docs/results/retrieve_known.csv --pattern known.npz --cohere cohere.npz

A row is written for each start: correlation with the truth after alignment, and the slope of the retrieved strain over the
true one in the interior (1 is right).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from shared.known_crystals import measure, object_of

from braggfill import retrieve
from braggfill.base.writing import write_table
from braggfill.crystal.search.alignment import align
from braggfill.retrieval.deformation import check_crystal, interior, strain

SHAPE, OVERSAMPLING, PEAK_COUNTS, SEED = (96, 96, 96), 3.4, 1e8, 11
G = (0.0, 1.0, 0.0)
"""Along the rows, in 1/voxel: strain is then a phase gradient."""


def slope(crystal: np.ndarray, truth: np.ndarray) -> float:
    """Slope of the retrieved strain over the true one."""
    inside = check_crystal(truth)
    ours, true = (strain(c, inside, q_inv_nm=G).strain[interior(inside)] for c in (crystal, truth))
    known = np.isfinite(ours) & np.isfinite(true)
    return float((ours * true)[known].sum() / np.square(true[known]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--pattern", type=Path, help="keep the pattern here, for other programs (.npz)")
    parser.add_argument("--cohere", type=Path, help="object that cohere found in it (.npz)")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    known = measure("smooth", SEED, SHAPE, OVERSAMPLING, PEAK_COUNTS, noise=False)
    if arguments.pattern:
        np.savez(arguments.pattern, data=known.counts)
    truth = object_of(known.amplitude, known.peak)
    rows, best = [], None
    for seed in range(arguments.starts):
        found = retrieve(known.counts, coherence="full", starts=1, keep=1, seed=seed, counts_per_unit=1, device="cpu")
        crystal, alike = align(truth, found.crystal)
        deviance = found.starts[0].hidden_deviance
        rows.append({"start": seed, "correlation": alike, "strain_slope": slope(crystal, truth), "hidden_deviance": deviance})
        best = crystal if deviance == min(row["hidden_deviance"] for row in rows) else best
        print(rows[-1], flush=True)
    if arguments.cohere:
        with np.load(arguments.cohere) as file:
            theirs = file["crystal"]
        crystal, alike = align(truth, theirs)
        rows.append({"start": "cohere", "correlation": alike, "strain_slope": slope(crystal, truth)})
        rows.append({"start": "cohere with the best start", "correlation": align(best, theirs)[1]})
        print(rows[-2:])
    write_table(arguments.out, rows)


if __name__ == "__main__":
    main()
