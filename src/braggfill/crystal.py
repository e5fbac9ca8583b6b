"""Faceted crystals as complex objects: a convex polyhedron with soft edges, uneven modulus and a strain phase.

A quick stand-in for relaxed atoms: facets, smoothing and correlated fields follow the supplement (S2.2) of
Masto et al. (2024), https://arxiv.org/abs/2403.08596.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import HalfspaceIntersection
from scipy.spatial.transform import Rotation
from scipy.special import expit

FILLED_SHARE_OF_BOX = 0.88
"""Share of the box that the crystal spans along each axis; the rest keeps soft edges off the border."""


@dataclass(frozen=True)
class CrystalRanges:
    """Ranges from which a random crystal is drawn; lengths are shares of the box, phases in radians."""

    modulus_noise: tuple[float, float] = (0.0, 0.15)
    modulus_correlation: tuple[float, float] = (0.02, 0.25)
    phase_range_rad: tuple[float, float] = (0.05, 3 * np.pi)
    phase_correlation: tuple[float, float] = (0.08, 0.4)
    edge_width: tuple[float, float] = (0.004, 0.012)
    corner_smoothing: tuple[float, float] = (0.003, 0.014)
    substrate_share: float = 0.4


def facet_normals() -> np.ndarray:
    """Unit normals (26, 3) of the {111}, {100} and {110} facets of an fcc crystal, in that order."""
    signs = np.array([v for v in product((-1, 0, 1), repeat=3) if any(v)], float)
    nonzero = np.count_nonzero(signs, axis=1)
    ordered = np.concatenate([signs[nonzero == n] for n in (3, 1, 2)])
    return ordered / np.linalg.norm(ordered, axis=1, keepdims=True)


def random_facets(rng: np.random.Generator, substrate_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Facets of a random crystal in random orientation: normals (26, 3) and distances (26,) from the centre.

    Every facet's distance is drawn by itself; a share of the crystals sits on a substrate (Winterbottom): one facet
    cuts much closer to the centre.
    """
    family = np.repeat([1.0, rng.uniform(0.85, 1.4), rng.uniform(0.95, 1.4)], [8, 6, 12])
    distances = family * rng.uniform(0.8, 1.25, family.size)
    if rng.random() < substrate_share:
        distances[rng.integers(14)] = rng.uniform(-0.2, 0.5)
    return Rotation.random(rng=rng).apply(facet_normals()), distances


def polyhedron(normals: np.ndarray, distances: np.ndarray, box: int, edge_width: float) -> np.ndarray:
    """Modulus (box, box, box) in 0…1 of the convex body inside all facets, stretched to span the box on each axis.

    ``edge_width`` is the width of the soft edge in voxels of the box.
    """
    inside = -0.5 * normals[np.argmin(distances)] * max(0.0, 0.4 - distances.min())
    corners = HalfspaceIntersection(np.column_stack([normals, -distances]), inside).intersections
    low, high = corners.min(0), corners.max(0)
    voxel = (high - low) / (FILLED_SHARE_OF_BOX * box)
    axes = [(low[a] + high[a]) / 2 + voxel[a] * (np.arange(box) - (box - 1) / 2) for a in range(3)]
    outside = np.full((box,) * 3, -np.inf)
    for normal, distance in zip(normals, distances, strict=True):
        x, y, z = (n * axis for n, axis in zip(normal, axes, strict=True))
        height = x[:, None, None] + y[:, None] + z - distance
        np.maximum(outside, height / np.linalg.norm(normal * voxel), out=outside)
    return expit(-outside / edge_width)


def correlated_field(rng: np.random.Generator, box: int, correlation: float) -> np.ndarray:
    """Gaussian random field (box, box, box), zero mean, unit variance; ``correlation`` length as a share of the box."""
    field = gaussian_filter(rng.standard_normal((box,) * 3), correlation * box, mode="wrap")
    return (field - field.mean()) / field.std()


def random_crystal(rng: np.random.Generator, box: int = 64, ranges: CrystalRanges | None = None) -> np.ndarray:
    """Draw a random crystal as a complex object.

    Parameters
    ----------
    rng : numpy Generator
        Source of every random choice.
    box : int
        Voxels along each axis of the box that the crystal fills.
    ranges : CrystalRanges, optional

    Returns
    -------
    complex64 array (box, box, box)
        Modulus about 1 inside, 0 outside; phase -G.u in radians.
    """
    ranges = ranges or CrystalRanges()
    normals, distances = random_facets(rng, ranges.substrate_share)
    modulus = polyhedron(normals, distances, box, box * rng.uniform(*ranges.edge_width))
    modulus = gaussian_filter(modulus, box * rng.uniform(*ranges.corner_smoothing))
    uneven = correlated_field(rng, box, rng.uniform(*ranges.modulus_correlation))
    modulus *= np.clip(1 + rng.uniform(*ranges.modulus_noise) * uneven, 0, None)
    phase = correlated_field(rng, box, rng.uniform(*ranges.phase_correlation))
    inside = phase[modulus > 0.5]
    phase *= np.exp(rng.uniform(*np.log(ranges.phase_range_rad))) / np.ptp(inside)
    return (modulus * np.exp(1j * phase)).astype(np.complex64)
