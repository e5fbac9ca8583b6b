"""How often light of another crystal is found without a model, and how often where there is none.

Scans of relaxed and drawn crystals are simulated without such light, behind a detector's cross 3 to 12 wide, and looked at;
into each a spot is put anywhere, one to thirty per cent as bright as the peak: a round one, or the fringes of another crystal.
It is found if a voxel is marked within twice its width.

Usage: python benchmarks/aliens.py --number 200 --out docs/results/aliens.json    (two minutes of one core)
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from braggfill.scan.aliens import find_aliens
from braggfill.scan.masks import find_hot_pixels
from braggfill.simulation.library import Library
from braggfill.simulation.scans import SimulationConfig, detector_cross, simulate

HEIGHTS, WIDTHS = (0.01, 0.3), (0.8, 5.0)
SPLIT = "test"
BARS = ((0.01, 0.03), (0.03, 0.1), (0.1, 0.3))


def spot(rng: np.random.Generator, shape: tuple[int, ...], width: float, fringes: bool) -> np.ndarray:
    """A round spot, or the pattern of a brick, of maximum 1 at a random place; and the place."""
    place = rng.uniform(0, shape)
    axes = [(n - p) / width for n, p in zip(np.ogrid[tuple(map(slice, shape))], place, strict=True)]
    along = [np.sinc(a / 2) ** 2 if fringes else np.exp(-0.5 * a**2) for a in axes]
    return place, along[0] * along[1] * along[2]


def look(counts: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """What is found beside a gap (rows, columns) and the hot pixels, as the program does it."""
    missing = np.broadcast_to(gap, counts.shape)
    return find_aliens(counts, missing | find_hot_pixels(counts, missing))


def cases(number: int, size: int, seed: int) -> list[dict[str, float]]:
    """A row a scan."""
    config = SimulationConfig()
    config = replace(config, measurement=replace(config.measurement, alien_share=0.0))
    scans = simulate(number, shape=(size,) * 3, seed=seed, crystals=Library(split=SPLIT), config=config)
    rng, rows = np.random.default_rng(seed), []
    for n, scan in enumerate(scans):
        width, height = rng.uniform(*WIDTHS), float(np.exp(rng.uniform(*np.log(HEIGHTS))))
        place, light = spot(rng, scan.counts.shape, width, n % 2 == 1)
        peak = float(scan.counts.max())
        gap = detector_cross(scan, int(rng.integers(3, 13)))
        before = look(scan.counts, gap)
        after = look(scan.counts + rng.poisson(height * peak * light), gap)
        about = tuple(slice(max(int(p - 2 * width), 0), int(p + 2 * width) + 1) for p in place)
        there = np.zeros(after.shape, bool)
        there[about] = True
        rows.append(
            {
                "height": height,
                "false": bool(before.any()),
                "found": bool(after[about].any()),
                "light_marked": float((light * after).sum() / light.sum()),
                "marked": float(after.mean()),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = cases(given.number, given.size, given.seed)
    figures = {"scans": len(rows), "size": given.size, "seed": given.seed, "false_alarms": sum(r["false"] for r in rows)}
    figures["found"] = sum(r["found"] for r in rows)
    for low, high in BARS:
        some = [r["found"] for r in rows if low <= r["height"] < high]
        figures[f"found_of_{low:g}_to_{high:g}"] = [sum(some), len(some)]
    figures["light_marked_median"] = round(float(np.median([r["light_marked"] for r in rows if r["found"]])), 3)
    figures["voxels_marked_median"] = float(np.median([r["marked"] for r in rows if r["found"]]).round(5))
    text = json.dumps(figures, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
