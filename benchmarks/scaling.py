"""How time and memory of a fill grow with the voxels, the width of the gap and the number of gaps.

The scan is that of a box (sinc² along each axis, a fringe of four voxels, 10⁶ counts in the peak) with counting noise: made in
a moment at any size. Each point is a process of its own that fills a small
scan before; times are of the processor, memory is what the process holds at most beyond what it held before the scan was made.
A point that has its row is not measured again, so that a run may be stopped.

Usage: OMP_NUM_THREADS=1 python benchmarks/scaling.py --out docs/results [--method unet] [--most 400] [--threads 1]
"""

import argparse
import csv
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from shared.growing_table import GrowingTable
from shared.memory import PeakMemory
from shared.timing import in_own_process, seconds

from braggfill import fill_gaps
from braggfill.base.memory import give_back, return_large_blocks
from braggfill.base.pictures import new_figure, write_picture

SIDES = (64, 80, 96, 128, 160, 192, 256, 320, 400)
WIDTHS = (2, 4, 6, 8, 10, 12, 14)
NUMBERS = (1, 2, 3, 4, 6, 8)
SIDE, WIDTH = 128, 6
"""Of what is not varied."""
FRINGE, PEAK_COUNTS = 4.0, 1e6
BAR = 1.1
"""Largest exponent in the voxels."""
DPI = 300


@dataclass(frozen=True)
class Point:
    """One fill: of a cube, with a cross, or with a number of stripes across the columns."""

    series: str
    """voxels, width or gaps: what is varied."""
    side: int = SIDE
    width: int = WIDTH
    gaps: int = 2
    """Two are a cross."""

    def mask(self) -> np.ndarray:
        """True (rows, columns) where nothing is measured."""
        missing = np.zeros((self.side, self.side), bool)
        if self.series != "gaps":
            missing[self.side * 2 // 3 :][: self.width] = True
            missing[:, self.side // 3 :][:, : self.width] = True
            return missing
        for number in range(self.gaps):
            first = round(self.side * (number + 0.5) / self.gaps) - self.width // 2
            missing[:, first : first + self.width] = True
        return missing


POINTS = (
    *(Point("voxels", side=side) for side in SIDES),
    *(Point("width", width=width) for width in WIDTHS),
    *(Point("gaps", gaps=gaps) for gaps in NUMBERS),
)
COLUMNS = ("series", "side", "width", "gaps", "method", "threads", "voxels", "filled", "seconds", "megabytes", "arrays")


def box_scan(side: int) -> np.ndarray:
    """Counts (side, side, side) of a box, the peak in the middle."""
    line = np.sinc((np.arange(side) - side / 2 + 0.3) / FRINGE) ** 2
    plane = PEAK_COUNTS * line[:, None] * line
    rng = np.random.default_rng(side)
    return np.stack([rng.poisson(height * plane) for height in line]).astype(np.float32)


def measured(point: Point, method: str, threads: int) -> dict[str, object]:
    """What a fill takes in this process, which keeps no large blocks, as the command does."""
    return_large_blocks()
    torch.set_num_threads(threads)
    small = Point("voxels", side=48)
    fill_gaps(box_scan(small.side), small.mask(), method=method, device="cpu")
    give_back()
    peak = PeakMemory()
    counts, mask = box_scan(point.side), point.mask()
    give_back()
    peak.forget()
    filled = []
    taken = seconds(lambda: filled.append(fill_gaps(counts, mask, method=method, device="cpu")), time.process_time)
    held = peak.held()
    figures = {"voxels": counts.size, "filled": int(filled[0].filled.sum()), "seconds": taken}
    return (
        asdict(point)
        | {"method": method, "threads": threads}
        | figures
        | {
            "megabytes": held / 1e6,
            "arrays": held / counts.nbytes,
        }
    )


def exponent(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of log y over log x, and what y is where x is 1."""
    slope, start = np.polyfit(np.log(x), np.log(y), 1)
    return float(slope), float(np.exp(start))


def draw(rows: list[dict[str, str]], out: Path) -> dict[str, float]:
    """Draw time and memory of each series, and say with which power of the voxels they grow from ``SIDE`` voxels a side on.

    In smaller scans most is what any fill takes.
    """
    figure, powers = new_figure(7.2, 4.4), {}
    panels = figure.subplots(2, 3, sharey="row")
    named = {"voxels": "voxels of the scan, a cross 6 wide", "width": "voxels across a cross", "gaps": "stripes 6 wide"}
    for row, (quantity, label) in enumerate((("seconds", "core seconds"), ("megabytes", "peak memory (MB)"))):
        for panel, (series, what) in zip(panels[row], named.items(), strict=True):
            some = [r for r in rows if r["series"] == series]
            x, y = (np.array([float(r[key]) for r in some]) for key in (series, quantity))
            panel.loglog(x, y, "o", color="black", markersize=3.5)
            panel.set(xlabel=what)
            panel.tick_params(which="both", labelsize=6)
            panel.xaxis.label.set_size(8)
            if series == "voxels":
                large = x >= SIDE**3 if np.count_nonzero(x >= SIDE**3) > 1 else x > 0
                powers[quantity], start = exponent(x[large], y[large])
                panel.loglog(x, start * x ** powers[quantity], color="0.5", linewidth=1, zorder=0)
                panel.set_title(f"voxels to the power of {powers[quantity]:.2f}", fontsize=8)
                panel.set_ylabel(label, fontsize=8)
            else:
                panel.set_xticks(x, [f"{v:g}" for v in x])
                panel.minorticks_off()
    write_picture(out, figure, DPI)
    return powers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="unet")
    parser.add_argument("--most", type=int, default=max(SIDES), help="largest side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(Point(**json.loads(options.child)), options.method, options.threads)))
        return
    how = {"method": options.method, "threads": options.threads}
    table = GrowingTable(options.out / "scaling.csv", COLUMNS, COLUMNS[:6])
    for keys in table.missing_of([asdict(point) | how for point in POINTS if point.side <= options.most]):
        point = json.dumps({name: value for name, value in keys.items() if name not in how})
        asked = ["--child", point, "--method", options.method, "--threads", str(options.threads)]
        table.add(in_own_process(__file__, *asked))
    with table.path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(row[name] == str(value) for name, value in how.items())]
    powers = draw(rows, options.out / "scaling.png")
    for quantity, power in powers.items():
        print(f"{quantity}: voxels to the power of {power:.3f}{'' if power <= BAR else f', more than {BAR}'}")


if __name__ == "__main__":
    main()
