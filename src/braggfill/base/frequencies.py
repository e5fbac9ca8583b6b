"""The low frequencies of arrays in the order of the Fourier transform, index 0 in the middle of the box that is kept."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Shaped
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


def low_frequencies(
    array: Shaped[NDArray[Kind], "frames rows columns"], lengths: Sequence[int]
) -> Shaped[NDArray[Kind], "low_frames low_rows low_columns"]:
    """The box of given lengths about index 0 of an array in the order of the Fourier transform."""
    for axis, length in enumerate(lengths):
        array = np.take(array, np.fft.fftfreq(length, 1 / length).astype(int), axis)
    return array


def high_frequencies_added(
    array: Shaped[NDArray[Kind], "low_frames low_rows low_columns"], shape: tuple[int, ...]
) -> Shaped[NDArray[Kind], "frames rows columns"]:
    """The inverse of ``low_frequencies``: an array of a larger shape, zeros round about."""
    larger = np.zeros(shape, array.dtype)
    places = [np.fft.fftfreq(n, 1 / n).astype(int) for n in array.shape]
    larger[np.ix_(*places)] = array
    return larger
