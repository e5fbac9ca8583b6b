"""A 3-D U-Net after Masto et al. (2024), https://arxiv.org/abs/2403.08596, to time and to train beside this program's.

Four poolings, dilated convolutions in the first blocks, layers 24-12-6 at the end. The paper names the channels at the bottom
(478 at 2³ voxels); the levels above are taken as halves of the one below.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from braggfill.network.gapnet import COUNT_FLOOR, LOG_SCALE, log_linear_along_normal

BOTTOM_CHANNELS = 478
POOLED = 16
"""Extents are multiples of this inside the network."""


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


def same_padding(kernel: int) -> nn.ConstantPad3d:
    """Padding that keeps the extent under a convolution with an odd or even kernel."""
    return nn.ConstantPad3d(((kernel - 1) // 2, kernel // 2) * 3, 0.0)


class PaperUNet(nn.Module):
    """The architecture, from ``inputs`` to ``outputs`` channels."""

    def __init__(self, inputs: int = 1, outputs: int = 1, bottom: int = BOTTOM_CHANNELS) -> None:
        super().__init__()
        c = [bottom // 2**i for i in (4, 3, 2, 1, 0)]
        first, second = Dilated(inputs, c[0], (4, 3, 2, 1)), Dilated(c[0], c[1], (3, 2, 2, 1))
        self.down = nn.ModuleList([first, second, double(c[1], c[2]), double(c[2], c[3])])
        self.bottom = double(c[3], c[4])
        self.up = nn.ModuleList([double(c[i + 1] + c[i], c[i]) for i in (3, 2, 1, 0)])
        sizes = [(c[0], 24, 4), (24, 12, 3), (12, 6, 2), (6, outputs, 1)]
        self.end = nn.Sequential(*[nn.Sequential(same_padding(k), nn.Conv3d(i, o, k)) for i, o, k in sizes])

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
    """It, smaller, with what this program's network has besides: mask channel, counts in, mean and spread out."""

    def __init__(self, bottom: int = 192) -> None:
        super().__init__()
        self.unet = PaperUNet(2, 2, bottom)
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
