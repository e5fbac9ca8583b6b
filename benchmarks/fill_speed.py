"""How much faster than the paper's procedure is a whole fill? 128³ voxels, a cross 6 wide, on this machine, in one run.

The paper's procedure is one call of a 3-D U-Net for each 32³ window that slides over the gap. Its layers are public, its
weights are not needed for timing: the same network with random weights is timed on 100 windows and multiplied.
With --error, also whether one pass is as right as portions at every place (minutes). With --processor times are of the
processor, not of the clock on the wall: all that is fair where other programs share the machine; give OMP_NUM_THREADS=1.

Usage: python benchmarks/fill_speed.py [--windows 100] [--repeat 3] [--error] [--processor] [--cases k4]
       [--out docs/results/fill_speed.json]
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared.paper_unet import PaperUNet
from shared.timing import Clock, in_turn, median_seconds, report, seconds
from torch.utils.flop_counter import FlopCounterMode

from braggfill import FillResult, fill_gaps
from braggfill.base.metrics import poisson_deviance
from braggfill.network.config import NORMAL
from braggfill.network.portions import windows_for
from braggfill.network.weights import SHIPPED_WEIGHTS, read_weights
from braggfill.scan.gaps import Slab
from braggfill.simulation.scans import SimulatedScan, detector_cross, simulate

LARGE = "one pass 256x300x300"


def seconds_a_window(windows: int, clock: Clock) -> float:
    """Time of one call of the paper's network on one window, mean of many, in the faster of both memory layouts."""
    times = []
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        model = PaperUNet().eval().to(memory_format=layout)
        portion = torch.rand(1, 1, 32, 32, 32).to(memory_format=layout)
        with torch.inference_mode():
            model(portion)
            times.append(sum(seconds(lambda m=model, p=portion: m(p), clock) for _ in range(windows)) / windows)
    return min(times)


def windows_of_a_cross(size: int, skip: int) -> int:
    """Windows that slide over both arms of a cross in a cube."""
    return 2 * len(windows_for(Slab(1, 60, 65, np.ones((6, size, size), bool)), skip))


def forward_pass(repeat: int, clock: Clock) -> dict[str, object]:
    """Time of the network over a plane of a 128³ scan, in turn with that of its convolutions alone, which is its limit here.

    Beside it the rate of its largest convolution, and of a product of matrices, which a convolution may well surpass.
    """
    model, _ = read_weights(SHIPPED_WEIGHTS)
    counts, guess = torch.rand(2, 1, NORMAL, 128, 128)
    matrix = torch.rand(4096, 4096)
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model(counts, counts > 0.2, guess)
        counted = counter.get_total_flops()
        bare = bare_convolutions(model, lambda: model(counts, counts > 0.2, guess))
        layer, plane = max(bare, key=lambda one: one[0].weight.numel() * one[1][0, 0].numel())
        works = {
            "forward": lambda: model(counts, counts > 0.2, guess),
            "its convolutions alone": lambda: [convolve(given) for convolve, given in bare],
            "its largest convolution alone": lambda: layer(plane),
            "a product of matrices": lambda: matrix @ matrix,
        }
        times = {name: np.median(found) for name, found in in_turn(works, 2 * repeat + 1, clock).items()}
    flops = {
        "its largest convolution alone": 2 * layer.weight.numel() * plane[0, 0].numel(),
        "a product of matrices": 2 * 4096**3,
    }
    gflop_s = {name: flops.get(name, counted) / seconds_taken / 1e9 for name, seconds_taken in times.items()}
    share = times["its convolutions alone"] / times["forward"]
    return {"forward_s": times["forward"], "gflop_s": gflop_s, "share of the machine's convolution limit": share}


def bare_convolutions(model: torch.nn.Module, call: Callable[[], object]) -> list[tuple[torch.nn.Conv2d, torch.Tensor]]:
    """Every convolution of a call of the network, with an input of the same shape and order."""
    seen: list[tuple[torch.nn.Conv2d, torch.Size]] = []
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    hooks = [layer.register_forward_hook(lambda layer, given, _: seen.append((layer, given[0].shape))) for layer in layers]
    call()
    for hook in hooks:
        hook.remove()
    return [(layer, torch.rand(shape).contiguous(memory_format=torch.channels_last)) for layer, shape in seen]


def tiled(scan: SimulatedScan, shape: tuple[int, int, int]) -> np.ndarray:
    """Counts of a larger scan, for timing: the scan mirrored at its borders."""
    beyond = [(0, n - m) for n, m in zip(shape, scan.counts.shape, strict=True)]
    return np.pad(scan.counts, beyond, mode="symmetric")


def by_network(counts: np.ndarray, mask: np.ndarray, **how: Any) -> FillResult:
    """Fill a scan (frames, rows, columns) on the processor."""
    return fill_gaps(counts, mask, method="unet", device="cpu", **how)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--error", action="store_true")
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--cases", default=f"k4,one pass,one pass bfloat16,{LARGE}")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    clock = time.process_time if arguments.processor else time.perf_counter
    scan = next(simulate(1, seed=1))
    mask = detector_cross(scan, 6)
    large = tiled(scan, (256, 300, 300))
    large_mask = np.pad(mask, [(0, n - m) for n, m in zip((300, 300), mask.shape, strict=True)], mode="edge")
    window = seconds_a_window(arguments.windows, clock)
    paper = {f"k{k}": window * windows_of_a_cross(128, k) for k in (0, 4)}
    cases = {
        "k4": (scan.counts, mask, {"skip": 4}),
        "one pass": (scan.counts, mask, {}),
        "one pass bfloat16": (scan.counts, mask, {"precision": "bfloat16"}),
        LARGE: (large, large_mask, {}),
    }
    ours = {
        name: median_seconds(lambda c=case: by_network(c[0], c[1], **c[2]), arguments.repeat, clock)
        for name, case in cases.items()
        if name in arguments.cases.split(",")
    }
    result = {
        "processors": len(os.sched_getaffinity(0)),
        "torch_threads": torch.get_num_threads(),
        "times": "of the processor" if arguments.processor else "on the wall",
        "paper_network_parameters": sum(p.numel() for p in PaperUNet().parameters()),
        "paper_seconds_a_window": window,
        "paper_windows": {f"k{k}": windows_of_a_cross(128, k) for k in (0, 4)},
        "paper_seconds_extrapolated": paper,
        "fill_gaps_seconds": ours,
        "ratio": {f"paper {p} / fill_gaps {o}": paper[p] / ours[o] for p in paper for o in ours if o != LARGE},
        "256x300x300 over 128x128x128": ours[LARGE] / ours["one pass"] if LARGE in ours else None,
        "forward_pass": forward_pass(arguments.repeat, clock),
    }
    if arguments.error:
        hidden = np.broadcast_to(mask, scan.counts.shape)
        kinds = {"k0": {"skip": 0}, "one pass": {}, "one pass bfloat16": {"precision": "bfloat16"}}
        fills = {name: by_network(scan.counts, mask, **kind).intensity[hidden] for name, kind in kinds.items()}
        result["deviance_from_truth"] = {n: poisson_deviance(filled, scan.expected[hidden]) for n, filled in fills.items()}
    report(result, arguments.out)


if __name__ == "__main__":
    main()
