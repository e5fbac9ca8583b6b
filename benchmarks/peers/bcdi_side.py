"""bcdi's side of the run: its loader on our files, its post-processing of our retrieved object. In its own environment."""

import json
import sys
from pathlib import Path

import numpy as np
from bcdi.postprocessing.postprocessing_utils import find_datarange, remove_ramp
from bcdi.utils.utilities import load_file

FOLDER = Path(sys.argv[1])
TRUTH = np.load(FOLDER / "truth.npz")


def tell(step: str, same: object) -> None:
    print(json.dumps({"step": step, "same": str(bool(same))}), flush=True)


def main() -> None:
    for name in ("f.npz", "S1_pynx.npz", "f.cxi"):
        tell(f"its load_file reads our {name}: data", np.array_equal(load_file(str(FOLDER / name))[0], TRUTH["data"]))
    tell("its load_file reads our pair: mask", np.array_equal(load_file(str(FOLDER / "S1_maskpynx.npz"))[0] > 0, TRUTH["mask"]))
    crystal, _ = load_file(str(FOLDER / "object.npz"))
    with np.load(FOLDER / "object.npz") as ours:
        tell("its load_file reads our retrieved object", np.array_equal(crystal, ours["crystal"]))
    size = find_datarange(np.abs(crystal), plot_margin=0, amplitude_threshold=0.3)
    tell("its find_datarange of it: inside the array", all(0 < s <= n for s, n in zip(size, crystal.shape, strict=True)))
    amplitude, phase, *_ = remove_ramp(np.abs(crystal), np.angle(crystal), crystal.shape, method="gradient")
    peak = np.abs(amplitude / amplitude.max() - np.abs(crystal) / np.abs(crystal).max()).max()
    tell("its remove_ramp of it: amplitude as it was, phase finite", peak < 1e-5 and np.isfinite(phase).all())
    np.savez_compressed(FOLDER / "S2_pynx_theirs.npz", data=TRUTH["data"])
    np.savez_compressed(FOLDER / "S2_maskpynx_theirs.npz", mask=TRUTH["mask"].astype(np.uint8))


if __name__ == "__main__":
    main()
