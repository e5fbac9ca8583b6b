"""From a crystal to its diffraction pattern around one Bragg peak: the kinematic sum on the detector's grid."""

import numpy as np
import torch

from braggfill.crystal import FILLED_SHARE_OF_BOX
from braggfill.errors import InputError
from braggfill.fourier import box_to_reciprocal


def diffraction_pattern(
    crystal: np.ndarray,
    shape: tuple[int, int, int],
    oversampling: tuple[float, float, float],
    peak: tuple[float, float, float],
) -> np.ndarray:
    """Intensity |A(q)|² of a crystal, normalised to a maximum of 1.

    Parameters
    ----------
    crystal : complex array (box, box, box)
        Complex object that spans ``FILLED_SHARE_OF_BOX`` of its box.
    shape : (frames, rows, columns)
        Size of the pattern in voxels.
    oversampling : three floats
        Voxels per fringe along each axis: array size over crystal size (2 is the Nyquist limit).
    peak : three floats
        Position of q = 0 in the pattern, in voxels.

    Returns
    -------
    float32 array (frames, rows, columns)

    Raises
    ------
    InputError
        If the grid reaches beyond the first zone of the box, where the pattern would repeat.
    """
    box = crystal.shape[0]
    q_axes = tuple(
        2 * np.pi / (s * FILLED_SHARE_OF_BOX * box) * (torch.arange(n, dtype=torch.float64) - p)
        for n, s, p in zip(shape, oversampling, peak, strict=True)
    )
    reach = max(float(q.abs().max()) for q in q_axes)
    if reach > np.pi:
        raise InputError(
            f"shape {shape} at oversampling {tuple(round(s, 2) for s in oversampling)} reaches {reach / np.pi:.2f} times "
            f"the first zone of a box of {box} voxels; expected at most 1; use a larger box or oversampling"
        )
    intensity = box_to_reciprocal(torch.from_numpy(crystal), q_axes).abs().square_().numpy()
    return intensity / intensity.max()
