"""Fourier sums between the crystal's box and reciprocal space; the sign and the centre of every transform are set here.

Convention: A(q) = sum_r O(r) exp(-i q.r), with r and q measured from the centre of their boxes. An object's axes are (x, y, z),
those of its amplitude (frames, rows, columns) lie along them in this order.
"""

import torch
from jaxtyping import Complex, Complex64, Float64, Inexact
from torch import Tensor

Lines = tuple[Float64[Tensor, " frames"], Float64[Tensor, " rows"], Float64[Tensor, " columns"]]
"""Reciprocal coordinates of a grid's lines along each axis, radians a real-space voxel."""


def centred_positions(count: int) -> Float64[Tensor, " {count}"]:
    """Voxel positions -(count-1)/2 … (count-1)/2 about the centre of an axis, in voxels."""
    return torch.arange(count, dtype=torch.float64) - (count - 1) / 2


def box_to_reciprocal(crystal: Complex[Tensor, "x y z"], q_axes: Lines) -> Complex64[Tensor, "frames rows columns"]:
    """Amplitude of a complex object in a small box on any rectangular grid of q.

    A discrete Fourier transform by one matrix product per axis: the grid's step and extent are free, so
    any oversampling needs no padded array and wraps nothing round the border.

    Parameters
    ----------
    crystal : complex tensor
        Complex object, modulus and phase, one value per real-space voxel.
    q_axes : three float64 tensors
        The grid's lines.

    References
    ----------
    R. Soummer et al., Opt. Express 15, 15935 (2007), https://doi.org/10.1364/OE.15.015935
    """
    x, y, z = (_span(crystal, axis) for axis in range(3))  # zeros beside the crystal add nothing
    frames, rows, columns = (
        _phase_factors(q, n, -1)[:, span].to(crystal.device)
        for q, n, span in zip(q_axes, crystal.shape, (x, y, z), strict=True)
    )
    return along_each_axis(crystal[x, y, z].to(torch.complex64), frames, rows, columns)


def reciprocal_to_box(
    amplitude: Complex[Tensor, "frames rows columns"], q_axes: Lines
) -> Complex64[Tensor, "frames rows columns"]:
    """The inverse of ``box_to_reciprocal`` from the grid of the box's own discrete Fourier transform, 2π/size apart.

    The box has as many voxels along each axis as the grid has lines.
    """
    x, y, z = (_phase_factors(q, len(q), 1).T.to(amplitude.device) / len(q) for q in q_axes)
    return along_each_axis(amplitude.to(torch.complex64), x, y, z)


def _span(crystal: Complex[Tensor, "x y z"], axis: int) -> slice:
    """The part of an axis of a box beyond which the object is zero."""
    others = tuple({0, 1, 2} - {axis})
    places = (crystal != 0).any(others).nonzero()
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 1)


def _phase_factors(q: Float64[Tensor, " lines"], count: int, sign: int) -> Complex64[Tensor, "lines {count}"]:
    """exp(±iqr) at the voxels r of an axis."""
    return torch.exp(sign * 1j * q.cpu()[:, None] * centred_positions(count)).to(torch.complex64)


def along_each_axis(
    field: Inexact[Tensor, "*parts x y z"],
    first: Inexact[Tensor, "frames x"],
    second: Inexact[Tensor, "rows y"],
    third: Inexact[Tensor, "columns z"],
) -> Inexact[Tensor, "*parts frames rows columns"]:
    """Apply one matrix to each of the last three axes of a field, the last axis first."""
    field = second @ (field @ third.T)
    turned: Tensor = (first @ field.flatten(-2)).unflatten(-1, field.shape[-2:])
    return turned
