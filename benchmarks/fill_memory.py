"""Peak memory of a fill, in arrays of float32 of the scan's size: 256×300×300 voxels, a cross 6 wide.

Each method runs in a process of its own; what the imports and a small fill before it hold is taken off. The scan itself counts.

Usage: python benchmarks/fill_memory.py [--methods unet,kriging] [--shape 256,300,300] [--out docs/results/fill_memory.json]
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
from shared.memory import PeakMemory
from shared.timing import in_own_process, report, seconds

from braggfill import fill_gaps
from braggfill.base.memory import give_back, return_large_blocks


def demo_scan(shape: tuple[int, ...]) -> np.ndarray:
    """Counts of the bundled scan, mirrored at its borders to a larger shape."""
    with np.load(Path(__file__).parents[1] / "examples" / "demo_scan.npz") as scan:
        counts = np.where(scan["mask"] > 0, scan["hidden"], scan["data"]).astype(np.float32)
    beyond = [(0, max(n - m, 0)) for n, m in zip(shape, counts.shape, strict=True)]
    return np.ascontiguousarray(np.pad(counts, beyond, mode="symmetric")[tuple(slice(0, n) for n in shape)])


def peak_arrays(method: str, shape: tuple[int, ...]) -> dict[str, float]:
    """Peak of one fill in this process, which keeps no large blocks as the command does, less what it held before."""
    return_large_blocks()
    small = demo_scan((40, 48, 48))
    mask = np.zeros((48, 48), bool)
    mask[20:26] = True
    fill_gaps(small, mask, method=method)
    give_back()
    peak = PeakMemory()
    counts, mask = demo_scan(shape), np.zeros(shape[1:], bool)
    mask[shape[1] * 2 // 3 :][:6] = True
    mask[:, shape[2] // 3 :][:, :6] = True
    give_back()
    peak.forget()
    results = []
    duration = seconds(lambda: results.append(fill_gaps(counts, mask, method=method)))
    array = 4 * math.prod(shape)
    held = peak.held() / array
    return {
        "arrays": round(held, 2),
        "megabytes": round(held * array / 1e6),
        "seconds": round(duration, 1),
        "filled": int(results[0].filled.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default="unet,kriging,ridge,linear")
    parser.add_argument("--shape", default="256,300,300")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    shape = tuple(int(n) for n in options.shape.split(","))
    if options.child:
        print(json.dumps(peak_arrays(options.child, shape)))
        return
    figures = {}
    for method in options.methods.split(","):
        figures[method] = in_own_process(__file__, "--child", method, "--shape", options.shape)
        print(f"{method:10} {figures[method]['arrays']:5.2f} arrays  {figures[method]['megabytes']} MB", flush=True)
    report({"shape": shape, "methods": figures}, options.out)


if __name__ == "__main__":
    main()
