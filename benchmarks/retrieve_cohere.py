"""The object that cohere-core finds in a pattern, to compare ours with; in an environment of its own, for a benchmark only.

    python -m venv cohere && cohere/bin/pip install cohere-core==4.5.4
    cohere/bin/python benchmarks/retrieve_cohere.py known.npz cohere.npz

``known.npz`` is written by ``retrieve_known.py``; ``peak``, if it holds one, is taken for the pattern's, else the brightest
voxel. The object lies in the middle, the pattern's peak at frequency zero.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from cohere_core.controller.phasing import create_rec

PARAMETERS = {
    "algorithm_sequence": "2*(80*HIO+20*ER)+100*RAAR+40*ER",
    "shrink_wrap_trigger": [10, 10],
    "shrink_wrap_type": "GAUSS",
    "shrink_wrap_threshold": 0.15,
    "shrink_wrap_gauss_sigma": 1.0,
    "initial_support_area": [0.5, 0.5, 0.5],
    "twin_trigger": [2],
}
"""As its documentation has them, but for fewer iterations."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", type=Path)
    parser.add_argument("object", type=Path)
    arguments = parser.parse_args()
    with np.load(arguments.pattern) as file:
        counts = file["data"]
        peak = file["peak"] if "peak" in file else np.unravel_index(counts.argmax(), counts.shape)
    centred = np.roll(counts, [n // 2 - p for n, p in zip(counts.shape, peak, strict=True)], (0, 1, 2))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npy"
        np.save(data, np.sqrt(centred))  # it takes amplitudes, the peak in the middle
        worker = create_rec(dict(PARAMETERS), str(data), "np", -1, debug=True)
        worker.iterate()
    found = np.asarray(worker.get_image()).conj()  # it goes to reciprocal space by the inverse transform
    np.savez(arguments.object, crystal=found.astype(np.complex64))


if __name__ == "__main__":
    main()
