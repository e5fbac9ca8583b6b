"""cdiutils' side of the run: its loaders on beamlines' files, its reader on our CXI, its writer. In its own environment."""

import json
import sys
from pathlib import Path

import numpy as np
from cdiutils.io import CristalLoader, CXIFile, ID01Loader, NanoMAXLoader, P10Loader, SIXSLoader, load_cxi

FOLDER = Path(sys.argv[1])
TRUTH = np.load(FOLDER / "truth.npz")


def tell(step: str, same: object) -> None:
    print(json.dumps({"step": step, "same": str(bool(same))}), flush=True)


def main() -> None:
    scan = {"scan": 12, "sample_name": "sample"}
    loaders = {
        "id01": (ID01Loader(str(FOLDER / "id01_dataset.h5"), 12, "sample", "mpx1x4"), scan, 1.0),
        "sixs": (SIXSLoader(str(FOLDER / "spare_ascan_mu_00012.nxs"), 12, "sample", "maxipix"), {}, 1.0),
        "cristal": (CristalLoader(str(FOLDER / "S12.nxs"), 12), {"scan": 12}, 1.0),
        "nanomax": (NanoMAXLoader(str(FOLDER / "000012.h5"), "merlin"), {}, 1.0),
        "p10": (P10Loader(str(FOLDER), 12, "sample", "e4m"), scan, 1.0),
    }
    for name, (loader, arguments, unit) in loaders.items():
        ours = np.load(FOLDER / f"read_{name}.npz")
        theirs = loader.load_detector_data(**arguments)
        lit = theirs != 0 if name == "p10" else np.ones(theirs.shape, bool)  # its loader sets the detector's gaps to zero
        tell(f"its {type(loader).__name__} and read_scan: frames", np.array_equal(theirs[lit], ours["data"][lit]))
        energy = np.ravel(loader.load_energy(**({"scan": 12} if name in ("sixs", "cristal") else arguments)))[0]
        tell(f"its {type(loader).__name__} and read_scan: energy", abs(energy * unit - ours["energy_ev"]) < 0.01)
    with CXIFile(str(FOLDER / "f.cxi"), "r") as file:
        tell("its CXIFile reads our CXI: data", np.array_equal(file["entry_1/data_1/data"], TRUTH["data"]))
        mask = file["entry_1/instrument_1/detector_1/mask"]
        tell("its CXIFile reads our CXI: mask", np.array_equal(mask > 0, TRUTH["mask"]))
    tell(
        "its load_cxi reads our CXI by a path",
        np.array_equal(load_cxi(str(FOLDER / "f.cxi"), "entry_1/data_1/data"), TRUTH["data"]),
    )
    with np.load(FOLDER / "S1_pynx_input_data.npz") as data, np.load(FOLDER / "S1_pynx_input_mask.npz") as mask:
        tell("pair for its phasing: data", np.array_equal(data["data"], TRUTH["data"]))
        tell("pair for its phasing: mask", np.array_equal(mask["data"] > 0, TRUTH["mask"]))
    with CXIFile(str(FOLDER / "theirs.cxi"), "w") as file:
        file.set_entry()
        file.create_cxi_group("detector", distance=0.83, x_pixel_size=55e-6, y_pixel_size=55e-6)
        file.create_cxi_image(TRUTH["data"], mask=TRUTH["mask"].astype(np.uint8))


if __name__ == "__main__":
    main()
