"""silx' side of the run: the default plot of our CXI is the filled scan. In its own environment."""

import json
import sys
from pathlib import Path

import numpy as np
import silx.io
from silx.io import nxdata

FOLDER = Path(sys.argv[1])


def main() -> None:
    with silx.io.open(str(FOLDER / "f.cxi")) as file:
        same = np.array_equal(nxdata.get_default(file).signal[()], np.load(FOLDER / "truth.npz")["data"])
    print(json.dumps({"step": "its default plot of our CXI is the filled scan", "same": str(same)}))


if __name__ == "__main__":
    main()
