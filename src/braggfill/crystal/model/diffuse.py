"""Diffuse scattering about the peak, which has no fringes: a Lorentzian of three widths, from thermal motion and defects.

References
----------
B. E. Warren, X-ray Diffraction (1969), chapter 11: near a peak it falls as the inverse square of the distance.
"""

import torch
from torch import Tensor

from braggfill.crystal.model.shapes import Number, PerAxis, Volume
from braggfill.crystal.model.windows import Window

NARROWEST_SHARE, WIDEST_SHARE = 0.05, 2.0
"""Limits of the half widths, in lengths of the window: a narrower Lorentzian would be light of the crystal's."""


class Lorentzian:
    """1 / (1 + (f/w)² + (r/w')² + (c/w'')²) in a window, some frames at a time, and its gradient by the half widths."""

    def __init__(self, window: Window, half_widths: PerAxis) -> None:
        self.squares = [(d / w).square() for d, w in zip(window.distances, half_widths, strict=True)]
        self.across = 1 + self.squares[1][:, None] + self.squares[2]
        self.by_frame: list[Tensor] = []
        self.by_pixel = torch.zeros_like(self.across)

    def light(self, frames: slice) -> Volume:
        """In some of the window's frames, (frames, rows, columns)."""
        light: Volume = (self.across + self.squares[0][frames, None, None]).reciprocal_()
        return light

    def learn(self, light: Volume, by_light: Volume) -> None:
        """Take in the gradient by the light of the next frames, both (frames, rows, columns); what ``light`` held is lost."""
        slope = light.square_().mul_(by_light)
        self.by_frame.append(slope.sum((1, 2)))
        self.by_pixel += slope.sum(0)

    def by_half_widths(self) -> PerAxis:
        """Gradient by the three log half widths of the light, (3,)."""
        lines = torch.cat(self.by_frame), self.by_pixel.sum(1), self.by_pixel.sum(0)
        sums = [(by_line * square).sum() for by_line, square in zip(lines, self.squares, strict=True)]
        return 2 * torch.stack(sums)


def diffuse_light(window: Window, height: Number, half_widths: PerAxis) -> Volume:
    """Counts (frames, rows, columns) of a Lorentzian of some height and half widths (3,)."""
    return Lorentzian(window, half_widths).light(slice(None)) * height
