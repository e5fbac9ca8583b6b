"""The 3-D U-Net of Masto et al. (2024), https://arxiv.org/abs/2403.08596, to time beside this program's, and a larger one.

``PaperUNet`` has the layers, channels, kernels and order of operations that the authors' public code states (2.77 million
parameters; facts alone are taken from it): after each of four encoding convolutions 2 × 2 × 2 voxels are pooled, the first two
are four dilated ones side by side with their input, and what is decoded is doubled in extent by repetition. Weights are random.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from braggfill.network.gapnet import COUNT_FLOOR, LOG_SCALE, log_linear_along_normal

POOLED = 16
"""Extents are multiples of this inside the networks."""
SLOPE = 0.2
"""Of the leaky ReLU below zero."""
SIGMOID_SLOPE = 1.5
"""What the last layer's values are multiplied by before the logistic function."""


def same(channels_in: int, channels_out: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """A convolution that keeps the extent, with what an even kernel needs more of padding at the end."""
    reach = dilation * (kernel - 1)
    padding = nn.ConstantPad3d((reach // 2, reach - reach // 2) * 3, 0.0)
    return nn.Sequential(padding, nn.Conv3d(channels_in, channels_out, kernel, dilation=dilation))


class PaperUNet(nn.Module):
    """The published network, from one channel to one; the extent is 32 there, and a multiple of POOLED here."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ModuleList(same(1, 8, 3, d) for d in (4, 3, 2, 1))
        self.second = nn.ModuleList(same(33, 16, 2, d) for d in (3, 2, 2, 1))
        self.third, self.fourth, self.bottom = same(97, 128, 2), same(128, 256, 2), same(256, 478, 2)
        self.up = nn.ModuleList([same(478 + 128, 222, 2), same(222 + 97, 96, 2), same(96 + 33, 32, 2)])
        self.end = nn.ModuleList([same(32, 24, 4), same(24, 12, 3), same(12, 6, 2)])
        self.last = nn.Conv3d(6, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, normal, h, w) to the same."""
        skips = []
        for branches in (self.first, self.second):
            x = torch.cat([x, *(branch(x) for branch in branches)], 1)
            skips.append(x := F.leaky_relu(F.max_pool3d(x, 2), SLOPE))
        skips.append(x := F.leaky_relu(F.max_pool3d(self.third(x), 2), SLOPE))
        x = F.leaky_relu(F.max_pool3d(self.fourth(x), 2), SLOPE)
        x = F.leaky_relu(F.interpolate(self.bottom(x), scale_factor=2.0), SLOPE)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = F.leaky_relu(F.interpolate(block(torch.cat([x, skip], 1)), scale_factor=2.0), SLOPE)
        for block in self.end:
            x = F.leaky_relu(block(x), SLOPE)
        return torch.sigmoid(SIGMOID_SLOPE * self.last(x))


class Dilated(nn.Module):
    """Four convolutions of different dilation, concatenated."""

    def __init__(self, channels_in: int, channels_out: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        parts = [channels_out // 4 + (i < channels_out % 4) for i in range(4)]
        self.branches = nn.ModuleList(
            nn.Conv3d(channels_in, part, 3, padding=d, dilation=d) for part, d in zip(parts, dilations, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels_in, normal, h, w) to (batch, channels_out, normal, h, w)."""
        return F.leaky_relu(torch.cat([branch(x) for branch in self.branches], 1), 0.2)


def double(channels_in: int, channels_out: int) -> nn.Sequential:
    """Two convolutions with leaky ReLU."""
    act = nn.LeakyReLU(0.2)
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, 3, padding=1), act, nn.Conv3d(channels_out, channels_out, 3, padding=1), act
    )


class LargerUNet(nn.Module):
    """Two convolutions a level where the paper has one, pooled after the skips, from ``inputs`` to ``outputs`` channels."""

    def __init__(self, inputs: int, outputs: int, bottom: int) -> None:
        super().__init__()
        c = [bottom // 2**i for i in (4, 3, 2, 1, 0)]
        first, second = Dilated(inputs, c[0], (4, 3, 2, 1)), Dilated(c[0], c[1], (3, 2, 2, 1))
        self.down = nn.ModuleList([first, second, double(c[1], c[2]), double(c[2], c[3])])
        self.bottom = double(c[3], c[4])
        self.up = nn.ModuleList([double(c[i + 1] + c[i], c[i]) for i in (3, 2, 1, 0)])
        sizes = [(c[0], 24, 4), (24, 12, 3), (12, 6, 2), (6, outputs, 1)]
        self.end = nn.Sequential(*[same(i, o, k) for i, o, k in sizes])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, normal, h, w) to (batch, outputs, normal, h, w), extents multiples of POOLED."""
        skips = []
        for block in self.down:
            skips.append(x := block(x))
            x = F.max_pool3d(x, 2)
        x = self.bottom(x)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), skip], 1))
        return self.end(x)


class CountingPaperUNet(nn.Module):
    """The larger one with fewer channels and what this program's network has: mask channel, counts in, mean and spread out."""

    def __init__(self, bottom: int = 192) -> None:
        super().__init__()
        self.unet = LargerUNet(2, 2, bottom)
        for parameter in self.unet.end[-1].parameters():
            nn.init.zeros_(parameter)
        self.to(memory_format=torch.channels_last_3d)

    def forward(self, counts: Tensor, measured: Tensor, guess: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As ``GapNet.forward``; the guess is not looked at."""
        height, width = counts.shape[2:]
        beyond = (0, -width % POOLED, 0, -height % POOLED)
        counts, measured = F.pad(counts, beyond), F.pad(measured, beyond)
        linear = log_linear_along_normal(torch.log1p(counts), measured)
        features = torch.stack([linear / LOG_SCALE, measured.float()], 1)
        correction, spread = self.unet(features.contiguous(memory_format=torch.channels_last_3d)).float().unbind(1)
        log_mean = torch.log(torch.expm1(linear) + COUNT_FLOOR) + correction.clamp(-12, 12)
        return log_mean[..., :height, :width], (6 * torch.tanh(spread / 6) - 3)[..., :height, :width]
