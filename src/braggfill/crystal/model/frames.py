"""Working through an array a few frames at a time: what is made of them stays in the processor's cache.

Through the whole array at once, several searches side by side would wait for memory most of the time.
"""

from collections.abc import Iterator

from braggfill.crystal.model.shapes import Volume

CACHED_VOXELS = 2**18
"""So many voxels are worked on at a time."""


def frames_at_once(like: Volume) -> Iterator[slice]:
    """Frames of an array (frames, rows, columns) that are worked on together; on a graphics card all are."""
    frames, pixels = like.shape[0], like[0].numel()
    step = max(CACHED_VOXELS // pixels, 1) if like.device.type == "cpu" else frames
    return (slice(first, min(first + step, frames)) for first in range(0, frames, step))


class Ring:
    """Frames of an array (frames, rows, columns) on a ring: at both ends some of the other end are there again."""

    def __init__(self, like: Volume, beyond: int) -> None:
        self.beyond = beyond
        self.wider = like.new_empty((len(like) + 2 * self.beyond, *like.shape[1:]))
        self.inside = self.wider[self.beyond : self.beyond + len(like)]

    def close(self) -> None:
        """Copy the frames at one end beyond the other, once all are there."""
        self.wider[: self.beyond] = self.inside[len(self.inside) - self.beyond :]
        self.wider[self.beyond + len(self.inside) :] = self.inside[: self.beyond]

    def around(self, frames: slice, reach: int) -> Volume:
        """Some frames and as many before and after them as something reaches."""
        return self.wider[self.beyond + frames.start - reach : self.beyond + frames.stop + reach]
