"""States that are kept for later, as small as their objects: arrays of the whole level would be most of the memory."""

from dataclasses import dataclass, replace

from braggfill.crystal.search.turns import State
from braggfill.scan.boxes import Box, as_box, bounding_box


@dataclass(frozen=True)
class Kept:
    """A state whose object and support are cut to the box that holds them."""

    cut: State
    box: Box
    shape: tuple[int, ...]
    """(frames, rows, columns) of its level."""

    @classmethod
    def of(cls, state: State) -> "Kept":
        """A state to be kept."""
        box = as_box(bounding_box(state.support))
        crystal, support = (field[box].clone() for field in (state.crystal, state.support))
        return cls(replace(state, crystal=crystal, support=support), box, tuple(state.support.shape))

    @property
    def state(self) -> State:
        """The state on its level again."""
        crystal, support = (field.new_zeros(self.shape) for field in (self.cut.crystal, self.cut.support))
        crystal[self.box], support[self.box] = self.cut.crystal, self.cut.support
        return replace(self.cut, crystal=crystal, support=support)
