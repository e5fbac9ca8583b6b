"""Fourier sums between the crystal's box and reciprocal space; the sign and the centre of every transform are set here.

Convention: A(q) = sum_r O(r) exp(-i q.r), with r and q measured from the centre of their boxes.
"""

import torch


def centred_positions(count: int) -> torch.Tensor:
    """Voxel positions -(count-1)/2 … (count-1)/2 about the centre of an axis (count,), float64, in voxels."""
    return torch.arange(count, dtype=torch.float64) - (count - 1) / 2


def box_to_reciprocal(crystal: torch.Tensor, q_axes: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Amplitude of a complex object in a small box on any rectangular grid of q.

    A discrete Fourier transform by one matrix product per axis: the grid's step and extent are free, so
    any oversampling needs no padded array and wraps nothing round the border.

    Parameters
    ----------
    crystal : complex tensor (box, box, box)
        Complex object, modulus and phase, one value per real-space voxel.
    q_axes : three float64 tensors (frames,), (rows,), (columns,)
        Reciprocal coordinates of the grid lines in radians per real-space voxel.

    Returns
    -------
    complex64 tensor (frames, rows, columns)

    References
    ----------
    R. Soummer et al., Opt. Express 15, 15935 (2007), https://doi.org/10.1364/OE.15.015935
    """
    frames, rows, columns = (
        torch.exp(-1j * q[:, None] * centred_positions(n)).to(torch.complex64)
        for q, n in zip(q_axes, crystal.shape, strict=True)
    )
    amplitude = crystal.to(torch.complex64) @ columns.T  # (x, y, columns)
    amplitude = rows @ amplitude  # (x, rows, columns)
    return (frames @ amplitude.flatten(1)).unflatten(1, amplitude.shape[1:])
