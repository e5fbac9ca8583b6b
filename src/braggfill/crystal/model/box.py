"""The transform of an object in a small box to a large array, a few frames at a time.

Most lines of the array are empty at first, so the axes are transformed one after the other. Arrays of the whole size are made
once: memory that is given back and asked for again with every transform cost more than the arithmetic.
"""

import torch

from braggfill.crystal.model.coherence import squared_modulus
from braggfill.crystal.model.shapes import Object, Volume


class BoxTransform:
    """The Fourier transform of an object in a box, its squared modulus, and the way back of a gradient.

    Where in the array the box lies makes no difference to the modulus. The object goes in by ``begin``, then frames come out by
    ``forth`` in any order; the gradient by all frames goes in by ``back``, that by the object comes out at the ``end``.
    """

    def __init__(self, box: tuple[int, ...], like: Volume) -> None:
        self.box, self.shape = box, like.shape
        self.amplitude = torch.empty_like(like, dtype=like.dtype.to_complex())

    def begin(self, crystal: Object) -> None:
        """Take an object in the box."""
        self.lines = torch.fft.fft(crystal, self.shape[0], dim=0)

    def forth(self, frames: slice) -> Volume:
        """|transform|² in some frames, (frames, rows, columns) of the array."""
        planes = torch.fft.fft(self.lines[frames], self.shape[1], dim=1)
        amplitude = self.amplitude[frames] = torch.fft.fft(planes, self.shape[2], dim=2)
        return squared_modulus(amplitude)

    def back(self, frames: slice, by_intensity: Volume) -> None:
        """Take in the gradient by the intensity of some frames."""
        _, rows, columns = self.box
        planes = torch.fft.ifft(self.amplitude[frames] * by_intensity, dim=2, norm="forward")[:, :, :columns]
        self.lines[frames] = torch.fft.ifft(planes, dim=1, norm="forward")[:, :rows]

    def end(self) -> Object:
        """Gradient by the real and the imaginary part of the object."""
        by_crystal: Object = torch.fft.ifft(self.lines, dim=0, norm="forward")[: self.box[0]]
        return by_crystal * 2
