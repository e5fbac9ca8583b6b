"""cohere's side of the run: its reader, its preparation and 150 iterations on our stack, its writer. In its own environment."""

import json
import sys
from pathlib import Path

import cohere_core.utilities as ut
import numpy as np
from cohere_core.controller.phasing import create_rec
from cohere_core.data.standard_preprocess import prep

FOLDER = Path(sys.argv[1])
TRUTH = np.load(FOLDER / "truth.npz")


def tell(step: str, same: object) -> None:
    print(json.dumps({"step": step, "same": str(bool(same))}), flush=True)


def main() -> None:
    stack = ut.read_tif(str(FOLDER / "prep_data.tif"))
    frames = np.stack([frame.transpose() for frame in TRUTH["data"]], axis=-1)  # as its beamlines stack what they read
    tell("its read_tif reads our prep_data.tif as (column, row, frame)", np.array_equal(stack, frames))
    (FOLDER / "phasing_data").mkdir(exist_ok=True)
    prep(str(FOLDER / "prep_data.tif"), data_dir=str(FOLDER / "phasing_data"), intensity_threshold=1.5)
    data = ut.read_tif(str(FOLDER / "phasing_data" / "data.tif"))
    kept = np.sqrt(np.where(TRUTH["data"] > 1.5, TRUTH["data"], 0).astype(np.float64))
    tell("its standard_preprocess.prep on it: no amplitude is lost", abs(data.sum() / kept.sum() - 1) < 1e-5)
    parameters = {
        "algorithm_sequence": "3*(40*HIO+10*ER)",
        "initial_support_area": [0.5, 0.5, 0.5],
        "shrink_wrap_trigger": [10, 10],
    }
    parameters |= {"shrink_wrap_type": "GAUSS", "shrink_wrap_threshold": 0.1, "shrink_wrap_gauss_sigma": 1.0}
    worker = create_rec(parameters, str(FOLDER / "phasing_data" / "data.tif"), "np", -1, debug=True)
    tell("150 of its iterations on numpy: an object", worker.iterate() == 0 and np.abs(worker.get_image()).max() > 0)
    ut.save_tif(frames, str(FOLDER / "prep_data_theirs.tif"))


if __name__ == "__main__":
    main()
