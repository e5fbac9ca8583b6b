"""Instruments and windows of reciprocal space that are given, for the tests of the search for the crystal."""

import torch

from braggfill.crystal.model.coherence import Instrument
from braggfill.crystal.model.windows import Window


def instrument(frames, widths=(0.5, 0.5, 0.5), background=0.0, **others):
    """One with no blur but ``widths``, frames and pixels alike, and what else is given."""
    plain = {
        "widths": torch.tensor(widths),
        "frame_factors": torch.ones(frames),
        "background": torch.tensor(float(background)),
        "diffuse": torch.tensor(0.0),
        "half_widths": torch.full((3,), 10.0),
        "dead_time": torch.tensor(0.0),
        "efficiency": torch.ones(1, 1),
    }
    return Instrument(**(plain | others))


def ring(shape):
    """A window as large as an array, the peak in its middle, without a taper."""
    return Window(tuple(-(n // 2) for n in shape), torch.ones(shape))
