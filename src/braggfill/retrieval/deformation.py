"""From a complex object to the crystal's deformation: displacement and strain along the scattering vector.

The phase of an object is -G.u, G the reflection's vector and u the displacement of its atoms from the ideal lattice, so that
u along G is -phase / |G|, and its change along G is a component of the strain.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from skimage.restoration import unwrap_phase

from braggfill.base.errors import InputError
from braggfill.base.limits import MOST_VOXELS, check_number
from braggfill.base.smoothing import gaussian_blur
from braggfill.crystal.search.alignment import Object
from braggfill.scan.counts import as_array, as_numbers

INSIDE_SHARE = 0.3
"""Share of the bulk's modulus above which a voxel is inside the crystal where no support is given."""
BULK = 0.95
"""Quantile of the modulus above that share of its maximum that stands for the bulk."""
SURFACE = 2
"""Voxels below the surface where the interior begins."""
HIGH_PASS_WIDTH = 2.0
"""Width in voxels of the Gaussian that is taken off to leave oscillations."""


@dataclass(frozen=True)
class Deformation:
    """What a crystal's phase says; arrays are (frames, rows, columns), NaN outside the support."""

    phase: NDArray[np.float32]
    """Radians: unwrapped, its mean gradient and its mean taken off."""
    displacement_nm: NDArray[np.float32]
    """Along the scattering vector."""
    strain: NDArray[np.float32]
    """Change of the displacement along the scattering vector; NaN too where a voxel has no neighbour."""
    support: NDArray[np.bool_]
    """True = inside the crystal."""
    ramp_rad: tuple[float, float, float]
    """The phase's mean gradient that was taken off, radians a voxel."""
    average_strain: float
    """What that gradient means as a strain: the crystal's lattice against the one that the pattern is centred on."""


def strain(
    crystal: Object,
    support: NDArray[Any] | None = None,
    *,
    voxel_nm: float | tuple[float, float, float] | NDArray[Any] = 1.0,
    q_inv_nm: tuple[float, float, float] = (1.0, 0.0, 0.0),
    keep_ramp: bool = False,
) -> Deformation:
    """Turn an object's phase into displacement and strain along the scattering vector.

    Parameters
    ----------
    crystal : complex array
        As ``retrieve`` gives it.
    support : array (frames, rows, columns), optional
        > 0 = inside the crystal; else where the modulus exceeds a share of the bulk's.
    voxel_nm : float, three floats, or array (3, 3)
        Edges of a voxel in nm: of a cube, along the three axes, or as vectors, one a row, in the frame of ``q_inv_nm``.
    q_inv_nm : three floats
        The reflection's vector G in 1/nm, with the factor 2π.
    keep_ramp : bool
        Leave the mean gradient in phase, displacement and strain.

    Returns
    -------
    Deformation
        strain = Q·∇u with u = -phase / |G| and Q = G / |G|. Differences of phase are taken between neighbours and brought
        to -π…π, so that the cut which unwrapping leaves beside a dislocation makes no strain.

    Raises
    ------
    InputError
        If the object is not a finite complex volume, the support is empty, or voxels or G are degenerate.

    References
    ----------
    M. A. Pfeifer et al., Nature 442, 63 (2006), https://doi.org/10.1038/nature04867;
    unwrapping: M. A. Herráez et al., Appl. Opt. 41, 7437 (2002), https://doi.org/10.1364/AO.41.007437
    """
    crystal = as_array(crystal, "crystal")
    inside = check_crystal(crystal, support)
    edges, g = check_geometry(voxel_nm, q_inv_nm)
    length = float(np.linalg.norm(g))
    gradient = phase_gradient(crystal, inside)
    thick = [bool(np.isfinite(steps).any()) for steps in gradient]
    ramp = np.array([np.nanmean(steps) if known else 0.0 for steps, known in zip(gradient, thick, strict=True)])
    along = -np.linalg.solve(edges, np.eye(3)).T @ (g / length) / length  # strain = along · (radians a voxel)
    used = np.flatnonzero(np.abs(along) > 1e-12 * np.abs(along).max())
    if not all(thick[a] for a in used):
        raise InputError(
            "support: got one a single voxel thick along an axis that G has a part along, expected two and more, for strain is "
            "a difference between neighbours"
        )
    average = float(sum(along[a] * ramp[a] for a in used))
    field = sum(along[a] * gradient[a] for a in used)
    wrapped = np.ma.masked_array(np.angle(crystal), ~inside)
    phase = np.ma.filled(unwrap_phase(wrapped, rng=0), np.nan)  # type: ignore[no-untyped-call,unused-ignore]
    if not keep_ramp:
        field = field - average
        frames, rows, columns = np.ogrid[tuple(slice(n) for n in inside.shape)]
        phase = phase - (ramp[0] * frames + ramp[1] * rows + ramp[2] * columns)
    phase = np.where(inside, phase - np.nanmean(phase[inside]), np.nan).astype(np.float32)
    steps = (float(ramp[0]), float(ramp[1]), float(ramp[2]))
    displacement = np.asarray(-phase / np.float32(length), np.float32)
    return Deformation(phase, displacement, np.asarray(field, np.float32), inside, steps, average)


def check_crystal(crystal: Object, support: NDArray[Any] | None = None) -> NDArray[np.bool_]:
    """The voxels inside a crystal, bool, by its support or its modulus, all (frames, rows, columns), or InputError."""
    if (
        crystal.ndim != 3
        or crystal.size > MOST_VOXELS
        or crystal.dtype.kind != "c"
        or not np.isfinite(crystal).all()
        or not crystal.any()
    ):
        raise InputError(
            f"crystal: got {crystal.dtype} of shape {crystal.shape}, expected a complex volume, finite and not all zero, as "
            "'braggfill retrieve' writes it"
        )
    if support is None:
        modulus = np.abs(crystal)
        inside: NDArray[np.bool_] = modulus > INSIDE_SHARE * np.quantile(modulus[modulus > INSIDE_SHARE * modulus.max()], BULK)
        return inside
    support = as_numbers(support, "support")
    if support.shape != crystal.shape or not (support > 0).any():
        raise InputError(
            f"support: got shape {support.shape}, expected {crystal.shape} like the object, with voxels > 0 inside it"
        )
    return np.asarray(support > 0)


def check_geometry(
    voxel_nm: float | tuple[float, float, float] | NDArray[Any], q_inv_nm: tuple[float, float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges of a voxel as vectors (3, 3), one a row, and G (3,), or InputError."""
    voxel, g = (as_numbers(given, name).astype(float) for given, name in ((voxel_nm, "voxel_nm"), (q_inv_nm, "q_inv_nm")))
    if voxel.shape not in ((), (3,), (3, 3)) or g.shape != (3,):
        raise InputError(
            f"voxel_nm, q_inv_nm: got shapes {voxel.shape} and {g.shape}, expected 1, 3 or 3 × 3 lengths, and a vector of 3"
        )
    edges = voxel if voxel.ndim == 2 else np.diag(np.broadcast_to(voxel, 3))
    if not (np.isfinite(edges).all() and np.isfinite(g).all() and g.any()) or (voxel.ndim < 2 and (voxel <= 0).any()):
        raise InputError(
            f"voxel_nm, q_inv_nm: got {voxel.tolist()} and {g.tolist()}, expected lengths above 0 and a vector that is not 0"
        )
    for edge in edges:
        check_number("voxel_nm", float(np.abs(edge).max()))
    check_number("q_inv_nm", float(np.abs(g).max()))
    if abs(np.linalg.det(edges)) < 1e-9 * np.prod(np.linalg.norm(edges, axis=1)):
        raise InputError(f"voxel_nm: got edges {edges.tolist()} that enclose no volume, expected three independent vectors")
    return edges, g


def phase_gradient(crystal: Object, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Change of phase along each axis, radians a voxel, float64 (3, frames, rows, columns).

    The mean of the differences to both neighbours, or the one that lies ``inside``, bool (frames, rows, columns); NaN where
    neither does.
    """
    gradient = np.full((3, *crystal.shape), np.nan)
    for axis in range(3):
        ahead, behind = (np.moveaxis(crystal, axis, 0)[part] for part in (slice(1, None), slice(None, -1)))
        steps = np.angle(ahead * behind.conj())
        lines = np.moveaxis(inside, axis, 0)
        both = lines[1:] & lines[:-1]
        total, number = np.zeros(lines.shape), np.zeros(lines.shape)
        for part in (slice(1, None), slice(None, -1)):
            total[part] += np.where(both, steps, 0)
            number[part] += both
        with np.errstate(invalid="ignore"):
            np.moveaxis(gradient[axis], axis, 0)[:] = total / number
    return gradient


def interior(support: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels at least ``SURFACE`` below the surface, those of the whole support if none is; both (frames, rows, columns)."""
    core: NDArray[np.bool_] = binary_erosion(support, iterations=SURFACE)
    return core if core.any() else support


def oscillation(field: NDArray[np.floating[Any]], where: NDArray[np.bool_]) -> float:
    """Root mean square of what a field has beyond its smooth part, in part of the array: the measure of artefacts.

    Parameters
    ----------
    field : array (frames, rows, columns)
        Modulus, phase or strain.
    where : bool array (frames, rows, columns)
        Where to look, such as ``interior(support)``; voxels outside do not count for the smooth part either.
    """
    known = where & np.isfinite(field)
    weight = torch.from_numpy(known.astype(np.float32))
    value = torch.from_numpy(np.where(known, field, 0).astype(np.float32))
    smooth = gaussian_blur(value, HIGH_PASS_WIDTH) / gaussian_blur(weight, HIGH_PASS_WIDTH).clamp(min=1e-12)
    return float((value - smooth)[weight > 0].square().mean().sqrt())


def strain_rmse(ours: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]], where: NDArray[np.bool_]) -> float:
    """Root mean square difference of two strain fields (frames, rows, columns), in a part of it, where both are known."""
    difference = (ours - truth)[where]
    return float(np.sqrt(np.nanmean(difference**2)))
