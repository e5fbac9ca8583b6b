"""States that are kept for later, as small as their objects: an array of the whole level each would be most of the memory."""

from dataclasses import dataclass, replace

import torch

from braggfill.crystal.search.turns import State
from braggfill.scan.boxes import Box, as_box, bounding_box


@dataclass(frozen=True)
class Kept:
    """States whose objects and supports are cut to the box that holds them."""

    cut: State
    box: Box
    shape: tuple[int, ...]
    """(frames, rows, columns) of their level."""

    @classmethod
    def of(cls, state: State) -> "Kept":
        """States to be kept."""
        box = as_box(bounding_box(state.support.any(0)))
        place = (slice(None), *box)
        crystal, support = (field[place].clone() for field in (state.crystal, state.support))
        return cls(replace(state, crystal=crystal, support=support), box, tuple(state.support.shape[1:]))

    @property
    def state(self) -> State:
        """The states on their level again."""
        fields = self.cut.crystal, self.cut.support
        whole = [torch.zeros((len(field), *self.shape), dtype=field.dtype, device=field.device) for field in fields]
        for field, inside in zip(whole, fields, strict=True):
            field[(slice(None), *self.box)] = inside
        return replace(self.cut, crystal=whole[0], support=whole[1])
