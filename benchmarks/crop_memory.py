"""What a crop of an Eiger's master holds in memory: a made master of a given size is cropped about its peak, and filled.

``python benchmarks/crop_memory.py --frames 200 --shape 2167 2070 --crop 128 200 200 --out docs/results/crop_memory.json``
"""

import argparse
import json
import resource
import tempfile
from pathlib import Path
from time import perf_counter

import h5py
import hdf5plugin
import numpy as np
from shared.timing import in_own_process

PER_FILE = 100


def make_master(folder: Path, frames: int, shape: tuple[int, int]) -> Path:
    """A master with a Bragg peak off its middle, the gaps of an Eiger 4M where they fit, compressed as DECTRIS does."""
    bits = np.zeros(shape, np.uint32)
    for first, last in ((513, 552), (1064, 1103), (1615, 1654)):
        bits[first:last] = 1
    bits[:, 1029:1041] = 1
    rng = np.random.default_rng(0)
    peak = (frames // 2, int(0.52 * shape[0]), int(0.47 * shape[1]))
    rows, columns = (np.sinc((np.arange(n) - p) / 7.3) ** 2 for n, p in zip(shape, peak[1:], strict=True))
    master = folder / "made_master.h5"
    with h5py.File(master, "w") as file:
        for number, first in enumerate(range(0, frames, PER_FILE), 1):
            name = f"made_data_{number:06d}.h5"
            with h5py.File(folder / name, "w") as part:
                count = min(PER_FILE, frames - first)
                data = part.create_dataset(
                    "entry/data/data", (count, *shape), np.uint32, chunks=(1, *shape), compression=hdf5plugin.Bitshuffle()
                )
                for n in range(count):
                    along = 1e5 * np.sinc((first + n - peak[0]) / 6.1) ** 2
                    frame = rng.poisson(along * rows[:, None] * columns + 0.01).astype(np.uint32)
                    data[n] = np.where(bits > 0, np.iinfo(np.uint32).max, frame)
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(name, "entry/data/data")
        file["entry/instrument/detector/detectorSpecific/pixel_mask"] = bits
    return master


def largest_mb() -> float:
    """Most memory that this process has held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(master: str, crop: list[int], method: str) -> dict[str, float]:
    """In a process of its own: memory after the imports, after the crop was read, and after it was filled."""
    import braggfill
    from braggfill.filling.methods import METHODS
    from braggfill.scan.crop import box_chooser
    from braggfill.scan.files import read_scan

    small, gap = np.random.default_rng(0).poisson(9.0, (34, 40, 40)), np.zeros((40, 40), bool)
    gap[:, 20:23] = True
    braggfill.fill_gaps(small, gap, method=method)  # what is imported and kept, however small a scan is
    assert method in METHODS
    before, start = largest_mb(), perf_counter()
    scan = read_scan(master, box_chooser(tuple(crop)))
    read, read_s = largest_mb(), perf_counter() - start
    result = braggfill.fill_gaps(scan.intensity, scan.mask, method=method)
    return {
        "before_mb": before,
        "read_mb": read - before,
        "filled_mb": largest_mb() - before,
        "read_s": read_s,
        "seconds": perf_counter() - start,
        "voxels_filled": int(result.filled.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--shape", type=int, nargs=2, default=(2167, 2070))
    parser.add_argument("--crop", type=int, nargs=3, default=(128, 200, 200))
    parser.add_argument("--method", default="unet")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.crop, given.method)))
        return
    with tempfile.TemporaryDirectory() as folder:
        master = make_master(Path(folder), given.frames, tuple(given.shape))
        again = ["--measure", str(master), "--crop", *map(str, given.crop), "--method", given.method]
        figures = in_own_process(__file__, *again)
    crop_mb, frame_mb = 4 * float(np.prod(given.crop)) / 2**20, 4 * float(np.prod(given.shape)) / 2**20
    figures |= {"crop_mb": crop_mb, "frame_mb": frame_mb, "allowed_mb": 12 * crop_mb + frame_mb, "method": given.method}
    figures |= {"frames": given.frames, "shape": list(given.shape), "crop": list(given.crop)}
    text = json.dumps({k: round(v, 1) if isinstance(v, float) else v for k, v in figures.items()}, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
