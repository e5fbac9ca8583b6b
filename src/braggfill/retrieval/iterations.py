"""The iterations of phase retrieval: hither to the measured amplitudes, thither to the object's support.

Amplitudes are the square roots of counts, A = FFT(object), the peak at index 0. Elementwise work goes chunk by chunk, so that
each chunk is read into the processor's cache once; an iteration costs little more than its two transforms.

References
----------
The Poisson step: H. Chang, P. Enfedaque, S. Marchesini, SIAM J. Imaging Sci. 12, 153 (2019), https://doi.org/10.1137/18M1188446
"""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Complex64, Float32, Shaped
from torch import Tensor

from braggfill.crystal.search.algorithms import ALGORITHMS
from braggfill.retrieval.treatments import Bounds

CHUNK_VOXELS = 16_384
"""Voxels of a chunk: few enough for the processor's cache, and for torch to leave it to one thread."""
TINY = 1e-18
"""Added to an amplitude before it divides."""

Chunk = Complex64[Tensor, " voxels"]
Ends = Float32[Tensor, " voxels"]
"""Least or largest amplitudes of a chunk."""


class Iterate:
    """An object on its way, with its support and the amplitudes' intervals."""

    def __init__(
        self, crystal: Complex64[Tensor, "frames rows columns"], support: Bool[Tensor, "frames rows columns"], bounds: Bounds
    ) -> None:
        self.crystal = crystal
        """What the next iteration starts from; iterations work in this array, the caller's."""
        self.bounds = bounds
        self.support = support
        self.projected = torch.empty_like(crystal)
        """The object with the measured amplitudes that the last iteration found."""
        self._amplitude = torch.empty_like(crystal)

    def step(self, algorithm: str) -> None:
        """Make one iteration of one of ``ALGORITHMS``."""
        torch.fft.fftn(self.crystal, out=self._amplitude)
        project = follow_counts if algorithm == "ml" else keep_within
        for chunk in chunks(self._amplitude, self.bounds.low, self.bounds.high):
            project(*chunk)
        torch.fft.ifftn(self._amplitude, out=self.projected)
        for crystal, projected, inside in chunks(self.crystal, self.projected, self.support):
            ALGORITHMS[algorithm](crystal, projected)
            torch.where(inside, projected, crystal, out=crystal)


def chunks(*arrays: Shaped[Tensor, "frames rows columns"]) -> Iterator[tuple[Shaped[Tensor, " voxels"], ...]]:
    """Flat views of a few voxels of each array; on a GPU of all."""
    flat = [a.view(-1) for a in arrays]
    size = CHUNK_VOXELS if arrays[0].device.type == "cpu" else flat[0].numel()
    return zip(*(torch.split(a, size) for a in flat), strict=True)


def keep_within(amplitude: Chunk, low: Ends, high: Ends) -> None:
    """Put the modulus of every amplitude into its interval, in place; phases stay."""
    modulus = amplitude.abs()
    amplitude.mul_(torch.clamp(modulus, low, high).div_(modulus.add_(TINY)))


def follow_counts(amplitude: Chunk, low: Ends, high: Ends) -> None:
    """As ``keep_within``, but where a count n was measured, move the modulus r to what Poisson's likelihood and r agree on.

    It minimises a² - n log a² + (a - r)²: a = (r + √(r² + 8n)) / 4.
    """
    modulus = amplitude.abs()
    agreed = torch.hypot(modulus, low * 8**0.5).add_(modulus).mul_(0.25)  # torch.sqrt would wake all threads for each chunk
    target = torch.where(low == high, agreed, torch.clamp(modulus, low, high))
    amplitude.mul_(target.div_(modulus.add_(TINY)))
