"""How long does an iteration of phase retrieval take, beside its two Fourier transforms alone? In one run, taken in turn.

Usage: python benchmarks/retrieve_speed.py [--repeat 9] [--threads 1] [--out docs/results/retrieve_speed.json]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from shared.timing import in_turn, report

from braggfill.crystal.search.algorithms import ALGORITHMS
from braggfill.retrieval.iterations import Iterate
from braggfill.retrieval.treatments import Bounds

SHAPES = ((128, 128, 128), (256, 300, 300))
MASKED = 0.04
"""Share of the voxels that are free."""


def ratios(shape: tuple[int, int, int], repeat: int) -> dict[str, dict[str, float]]:
    """Median time of each algorithm's iteration, of two bare transforms, and their ratio."""
    low = torch.rand(shape) * 30
    free = torch.rand(shape) < MASKED
    bounds = Bounds(torch.where(free, 0, low), torch.where(free, torch.inf, low))
    support = torch.zeros(shape, dtype=torch.bool)
    support[tuple(slice(n // 3, 2 * n // 3) for n in shape)] = True
    crystal = torch.randn(shape, dtype=torch.complex64) * support
    iterate, buffer = Iterate(crystal.clone(), support, bounds), torch.empty_like(crystal)

    def bare() -> None:
        torch.fft.fftn(crystal, out=buffer)
        torch.fft.ifftn(buffer, out=buffer)

    work: dict[str, Callable[[], object]] = {"two transforms": bare}
    work |= {name: lambda name=name: iterate.step(name) for name in ALGORITHMS}
    for task in work.values():
        task()
    median = {name: float(np.median(times)) for name, times in in_turn(work, repeat).items()}
    return {name: {"seconds": s, "ratio": s / median["two transforms"]} for name, s in median.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result = {"threads": arguments.threads}
    result |= {"x".join(map(str, shape)): ratios(shape, arguments.repeat) for shape in SHAPES}
    report(result, arguments.out)


if __name__ == "__main__":
    main()
