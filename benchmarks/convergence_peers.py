"""How near to the true object other searches come, beside ``convergence.py``: full coherence as before, and cohere-core.

The same crystals and crosses. Each object that was found is given the last fits that the fill makes, begun from it; ``ratio_…``
is the misfit then over that of the same fits begun from the true object, at the smallest κ that both came to, at most 1.1 being
convergence. So only what the search itself came to is compared: blur, frames and pixels are fitted for all.

Usage: python benchmarks/convergence_peers.py [--first 0] [--number 20] [--cohere cohere/bin/python]
       [--out docs/results/convergence_peers.csv]
(a row takes about ten minutes of one core; cohere-core 4.5.4 is installed as ``retrieve_cohere.py`` says)
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from convergence import numbered_crystal
from shared.growing_table import GrowingTable

from braggfill import retrieve
from braggfill.crystal.model.windows import Window, on_larger_window
from braggfill.crystal.search.turns import State
from braggfill.judging.studies.gaps import Voxel
from braggfill.judging.studies.last_fits import LastFits, Misfits, in_support
from braggfill.judging.studies.starts import cross
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.scan.gapped import GappedScan

PEERS = ("full_coherence", "cohere")
COLUMNS = ("crystal", "phase_over_pi", "dislocated", *(f"{what}_{peer}" for peer in PEERS for what in ("ratio", "seconds")))
Search = Callable[[GappedScan, Voxel], np.ndarray]
"""From a scan and its peak, as ``retrieve`` has it, to an object (frames, rows, columns) in the middle of an array whose
transform is the pattern, the peak at frequency zero."""


def of_full_coherence(scan: GappedScan, _: Voxel) -> np.ndarray:
    """HIO, RAAR, ER and likelihood on the whole pattern, the gap free, five starts."""
    found = retrieve(scan.counts, scan.mask, coherence="full", treatment="free", counts_per_unit=1, device="cpu")
    return found.crystal


def of_cohere(python: Path) -> Search:
    """The search that runs cohere-core in an environment of its own, the gap being zero as it has no mask."""

    def search(scan: GappedScan, peak: Voxel) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            pattern, found = Path(folder) / "pattern.npz", Path(folder) / "object.npz"
            np.savez(pattern, data=scan.counts, peak=peak)
            script = Path(__file__).parent / "retrieve_cohere.py"
            subprocess.run([python, script, pattern, found], check=True, capture_output=True)
            with np.load(found) as file:
                return np.asarray(file["crystal"])

    return search


def state_of(crystal: np.ndarray, peak: Voxel, fits: LastFits) -> State:
    """What a search found with a voxel of the pattern at frequency zero, on the whole level."""
    level = fits.level
    f, r, c = (-p for p in peak)
    coarse = Window((f, r, c), torch.ones(crystal.shape))
    found = on_larger_window(torch.from_numpy(crystal.astype(np.complex64)), coarse, level)
    light = torch.fft.fftn(found).abs().square()
    found *= (level.target.sum() / light[level.measured].sum()).sqrt()
    return in_support(found, level, level.roomiest)


def compared(found: Misfits, true: Misfits) -> float:
    """Ratio of misfits at the smallest κ that both have."""
    kappa = min(set(found) & set(true))
    return found[kappa] / true[kappa]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cohere", type=Path, help="Python of an environment with cohere-core; without it, it is left out.")
    parser.add_argument("--out", type=Path, default=Path("docs/results/convergence_peers.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    searches: dict[str, Search] = {"full_coherence": of_full_coherence}
    if arguments.cohere:
        searches["cohere"] = of_cohere(arguments.cohere)
    table = GrowingTable(arguments.out, COLUMNS)
    for index in table.missing(range(arguments.first, arguments.first + arguments.number)):
        crystal = numbered_crystal(index)
        fits = LastFits(crystal, GappedScan.blanked(crystal.counts, cross(crystal)))
        true, peak = fits.from_the_truth(), prepare_pattern(fits.scan.counts, fits.scan.mask, counts_per_unit=1).peak
        row = {"crystal": index} | {key: crystal.about[key] for key in ("phase_over_pi", "dislocated")}
        for name, search in searches.items():
            began = time.perf_counter()
            found = search(fits.scan, peak)
            row |= {f"seconds_{name}": round(time.perf_counter() - began)}
            row |= {f"ratio_{name}": compared(fits.begun_from(state_of(found, peak, fits)), true)}
        table.add(row)


if __name__ == "__main__":
    main()
