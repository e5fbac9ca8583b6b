"""How much faster than the paper's procedure is a whole fill? 128³ voxels, a cross 6 wide, on this machine, in one run.

The paper's procedure is one call of a 3-D U-Net for each 32³ window that slides over the gap. Its size is public, its
weights are not needed for timing: a network of that size with random weights is timed on 100 windows and multiplied.

Usage: python benchmarks/fill.py [--windows 100] [--repeat 3] [--out docs/results/fill_speed.json]
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from braggfill import fill_gaps
from braggfill.gaps import Slab
from braggfill.patches import windows_for
from braggfill.simulation import detector_cross, simulate

BOTTLENECK_CHANNELS = 478
"""At 2³ voxels, after Masto et al. (2024); the levels above are taken as halves of the one below."""


class Dilated(nn.Module):
    """Four convolutions of different dilation, concatenated."""

    def __init__(self, channels_in: int, channels_out: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        parts = [channels_out // 4 + (i < channels_out % 4) for i in range(4)]
        self.branches = nn.ModuleList(
            nn.Conv3d(channels_in, part, 3, padding=d, dilation=d) for part, d in zip(parts, dilations, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels_in, 32, 32, 32) to (batch, channels_out, 32, 32, 32), or half that extent."""
        return F.leaky_relu(torch.cat([branch(x) for branch in self.branches], 1), 0.2)


def double(channels_in: int, channels_out: int) -> nn.Sequential:
    """Two convolutions with leaky ReLU."""
    act = nn.LeakyReLU(0.2)
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, 3, padding=1), act, nn.Conv3d(channels_out, channels_out, 3, padding=1), act
    )


def same_padding(kernel: int) -> nn.ConstantPad3d:
    """Padding that keeps the extent under a convolution with an odd or even kernel."""
    return nn.ConstantPad3d(((kernel - 1) // 2, kernel // 2) * 3, 0.0)


class PaperSizedUNet(nn.Module):
    """A 3-D U-Net of the size in the paper: four poolings from 32³ to 2³, dilated first blocks, layers 24-12-6-1 at the end."""

    def __init__(self) -> None:
        super().__init__()
        c = [BOTTLENECK_CHANNELS // 2**i for i in (4, 3, 2, 1, 0)]
        first, second = Dilated(1, c[0], (4, 3, 2, 1)), Dilated(c[0], c[1], (3, 2, 2, 1))
        self.down = nn.ModuleList([first, second, double(c[1], c[2]), double(c[2], c[3])])
        self.bottom = double(c[3], c[4])
        self.up = nn.ModuleList([double(c[i + 1] + c[i], c[i]) for i in (3, 2, 1, 0)])
        sizes = [(c[0], 24, 4), (24, 12, 3), (12, 6, 2), (6, 1, 1)]
        self.end = nn.Sequential(*[nn.Sequential(same_padding(k), nn.Conv3d(i, o, k)) for i, o, k in sizes])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, 32, 32, 32) in and out."""
        skips = []
        for block in self.down:
            skips.append(x := block(x))
            x = F.max_pool3d(x, 2)
        x = self.bottom(x)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), skip], 1))
        return torch.sigmoid(1.5 * self.end(x))


def seconds_a_window(windows: int) -> float:
    """Time of one call of the paper-sized network on one window, mean of many, in the faster of both memory layouts."""
    times = []
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        model = PaperSizedUNet().eval().to(memory_format=layout)
        portion = torch.rand(1, 1, 32, 32, 32).to(memory_format=layout)
        with torch.inference_mode():
            model(portion)
            start = time.perf_counter()
            for _ in range(windows):
                model(portion)
        times.append((time.perf_counter() - start) / windows)
    return min(times)


def windows_of_a_cross(size: int, skip: int) -> int:
    """Windows that slide over both arms of a cross in a cube."""
    return 2 * len(windows_for(Slab(1, 60, 65, np.ones((6, size, size), bool)), skip))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    scan = next(simulate(1, seed=1))
    mask = detector_cross(scan, 6)
    window = seconds_a_window(arguments.windows)
    paper = {f"k{k}": window * windows_of_a_cross(128, k) for k in (0, 4)}
    ours = {}
    for name, method, skip in (("quick k4", "quick", 4), ("quick one pass", "quick", None), ("unet one pass", "unet", None)):
        times = []
        for _ in range(arguments.repeat):
            start = time.perf_counter()
            fill_gaps(scan.counts, mask, method=method, skip=skip, device="cpu")
            times.append(time.perf_counter() - start)
        ours[name] = float(np.median(times))
    result = {
        "processors": len(os.sched_getaffinity(0)),
        "torch_threads": torch.get_num_threads(),
        "paper_sized_network_parameters": sum(p.numel() for p in PaperSizedUNet().parameters()),
        "paper_seconds_a_window": window,
        "paper_windows": {f"k{k}": windows_of_a_cross(128, k) for k in (0, 4)},
        "paper_seconds_extrapolated": paper,
        "fill_gaps_seconds": ours,
        "ratio": {f"paper {p} / fill_gaps {o}": paper[p] / ours[o] for p in paper for o in ours},
    }
    print(json.dumps(result, indent=2))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
