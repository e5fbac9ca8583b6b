"""The network: one gap's normal as channels, two-dimensional convolutions over the gap's plane.

It sees a slab of voxels (batch, normal, height, width): 32 voxels along the gap's normal, centred on the gap, over any
extent of the plane. It knows each voxel's counts, whether it was measured, and a first guess that was fitted to the same
scan (kriging). It starts from this guess (without one from a log-linear fill along the normal) and predicts for every voxel
the expected count and how far off that expectation may be.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from braggfill.base.limits import check_fields
from braggfill.network.config import NORMAL

PLANE_STRIDE = 4
"""The plane's height and width are multiples of this inside the network (two poolings by 2)."""
COUNT_FLOOR = 0.05
"""Counts added to the first guess before its logarithm is taken, so that an empty bank is no hard zero."""
STRIP, HALO = 32, 2
"""Rows of the plane that a block convolves together when nothing is trained, and how far its two convolutions reach."""
LOG_SCALE = 5.0
"""log(1 + counts) is divided by this at the entrance."""
LARGEST_CORRECTION = 12.0
"""Limit on the network's departure from its first guess, in natural logarithms: beyond it lies no data it was trained on."""

Features = Float[Tensor, "batch channels height width"]
"""In float32, or lower precision where that is asked for."""
Coarse = Float[Tensor, "batch more height//2 width//2"]
"""Features at half the resolution of the plane."""
Slabs = Float32[Tensor, "batch normal height width"]
Marked = Bool[Tensor, "batch normal height width"]


@dataclass(frozen=True)
class ModelConfig:
    """Size of the network: feature channels at full, half and quarter resolution of the plane."""

    channels: tuple[int, int, int] = (96, 128, 192)

    def __post_init__(self) -> None:
        check_fields(self)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a skip connection."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x: Features, coarse: Coarse | None = None) -> Float[Tensor, "batch out height width"]:
        """From some channels, with those of ``coarse`` as further ones, to ``channels_out``.

        Without gradients it goes through the plane in strips with the two rows beyond that the convolutions reach: the same
        numbers in a fraction of the memory.
        """
        height = x.shape[2]
        if torch.is_grad_enabled() or height <= STRIP:
            return self.convolved(joined(x, coarse, slice(0, height)))
        out = _empty_plane(x, self.second.out_channels)
        for first in range(0, height, STRIP):
            above = max(first - HALO, 0)
            part = self.convolved(joined(x, coarse, slice(above, first + STRIP + HALO)))
            out[:, :, first : first + STRIP] = part[:, :, first - above :][:, :, :STRIP]
        return out

    def convolved(self, x: Features) -> Float[Tensor, "batch out height width"]:
        """From ``channels_in`` to ``channels_out``."""
        in_place = not torch.is_grad_enabled()
        inner = self.second(F.silu(self.first(x), in_place))
        return F.silu(inner.add_(self.skip(x)), in_place)


def _empty_plane(like: Features, channels: int) -> Float[Tensor, "batch {channels} height width"]:
    """A plane of many channels in the order in which convolutions are quick."""
    shape = (len(like), channels, *like.shape[2:])
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def joined(x: Features, coarse: Coarse | None, rows: slice) -> Float[Tensor, "batch joint rows width"]:
    """Some rows of a plane, with those of a coarse one as further channels; they start and end at even rows."""
    if coarse is None:
        return x[:, :, rows]
    return torch.cat([x[:, :, rows], F.interpolate(coarse[:, :, rows.start // 2 : rows.stop // 2], scale_factor=2.0)], 1)


class GapNet(nn.Module):
    """Expected counts and their relative variance for the voxels of a gap."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        full, half, quarter = self.config.channels
        self.stem = nn.Conv2d(3 * NORMAL, full, 3, padding=1)
        self.down_full = ResidualBlock(full, full)
        self.down_half = ResidualBlock(full, half)
        self.bottom = ResidualBlock(half, quarter)
        self.up_half = ResidualBlock(half + quarter, half)
        self.up_full = ResidualBlock(full + half, full)
        self.head = nn.Conv2d(full, 2 * NORMAL, 1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, counts: Slabs, measured: Marked, guess: Slabs | None = None) -> tuple[Slabs, Slabs]:
        """Predict every voxel of a slab.

        Parameters
        ----------
        counts : float32 tensor
            Photon counts; the values of voxels not measured are ignored.
        measured : bool tensor
        guess : float32 tensor, optional
            First guess of log(1 + counts), also of measured voxels; NaN where there is none.

        Returns
        -------
        log_mean : float32 tensor
            Natural logarithm of the expected count.
        log_dispersion : float32 tensor
            Natural logarithm of the relative variance a of the expectation: counts vary by mean + a mean².
        """
        height, width = counts.shape[2:]
        beyond = (0, -width % PLANE_STRIDE, 0, -height % PLANE_STRIDE)
        if any(beyond):
            counts, measured = F.pad(counts, beyond), F.pad(measured, beyond)
        linear = log_linear_along_normal(torch.log1p(counts), measured)
        smooth = linear
        if guess is not None:
            guess = F.pad(guess, beyond, value=torch.nan) if any(beyond) else guess
            smooth = torch.where(guess.isnan(), linear, guess)
        start = torch.where(measured, linear, smooth)
        features = [_empty_plane(start, 3 * NORMAL)]
        for part, values in enumerate((start / LOG_SCALE, measured, smooth - start)):
            features[0][:, part * NORMAL : (part + 1) * NORMAL] = values
        del values, counts, measured, guess, linear, smooth  # planes of 32 channels, whose memory the convolutions need
        correction, spread = self.features_to_head(features.pop()).float().chunk(2, 1)
        log_mean = torch.log(torch.expm1(start) + COUNT_FLOOR) + correction.clamp(-LARGEST_CORRECTION, LARGEST_CORRECTION)
        log_dispersion = 6 * torch.tanh(spread / 6) - 3
        return log_mean[..., :height, :width], log_dispersion[..., :height, :width]

    def features_to_head(self, features: Features) -> Float[Tensor, "batch out height width"]:
        """The U-Net proper, from 3 NORMAL channels to 2 NORMAL; height and width are multiples of PLANE_STRIDE."""
        full = self.stem(features)
        del features
        full = self.down_full(full)
        half = self.down_half(F.avg_pool2d(full, 2))
        bottom = self.bottom(F.avg_pool2d(half, 2))
        half = self.up_half(half, bottom)
        full = self.up_full(full, half)
        found: Tensor = self.head(full)
        return found


def log_linear_along_normal(log_counts: Slabs, measured: Marked) -> Slabs:
    """Fill voxels not measured linearly between the nearest measured ones along the normal.

    A line with one bank only takes that bank's value; a line with none (inside the crossing arm of a cross) takes the mean of
    the filled lines around it. Otherwise ``classical.interpolate.linear_along`` with tensors: part of the network, and of what
    it was trained with.
    """
    known = measured.any(1, keepdim=True)
    lines = zip(torch.split(log_counts, STRIP, 2), torch.split(measured, STRIP, 2), strict=True)
    filled = torch.cat([_lines_filled(*some) for some in lines], 2)
    if not bool(known.all()):
        for some in torch.split(filled, NORMAL // 4, 1):
            some.copy_(torch.where(known, some, mean_of_known_lines(some, known)))
    return filled


def _lines_filled(log_counts: Slabs, measured: Marked) -> Slabs:
    """Lines along the normal by themselves; one without a measured voxel means nothing."""
    n = log_counts.shape[1]
    position = torch.arange(n, device=log_counts.device).view(1, n, 1, 1)
    before = torch.where(measured, position, -1).cummax(1).values
    after = torch.where(measured, position, n).flip(1).cummin(1).values.flip(1)
    from_before = log_counts.gather(1, before.clamp(min=0))
    from_after = log_counts.gather(1, after.clamp(max=n - 1))
    share = (position - before) / (after - before).clamp(min=1)
    share = torch.where(before < 0, 1.0, torch.where(after >= n, 0.0, share))
    return torch.where(measured, log_counts, from_before + share * (from_after - from_before))


def mean_of_known_lines(filled: Slabs, known: Bool[Tensor, "batch 1 height width"], reach: int = 8) -> Slabs:
    """Mean over the known lines within ±reach of the plane."""

    def window_mean(x: Tensor) -> Tensor:
        x = F.avg_pool2d(x, (2 * reach + 1, 1), 1, (reach, 0))
        return F.avg_pool2d(x, (1, 2 * reach + 1), 1, (0, reach))

    weight = known.to(filled.dtype)
    return window_mean(filled * weight) / window_mean(weight).clamp(min=1e-6)
