"""Scans of strained crystals whose object is known, measured with blur, dead time, faults, aliens and photons."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex64
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.fourier import box_to_reciprocal, centred_positions
from braggfill.base.ranges import log_uniform
from braggfill.simulation.crystal import FILLED_SHARE_OF_BOX, Crystal, CrystalBox, box_round, continuum_object
from braggfill.simulation.degrade import ObjectRanges, replaced_phase, smooth_modulus, uneven_modulus
from braggfill.simulation.dislocation import BURGERS, SLIP_NORMAL, Dislocation
from braggfill.simulation.measurement import MeasurementRanges, counting_noise, measured_pattern
from braggfill.simulation.particle import METALS, Particle, random_body
from braggfill.simulation.scans import COARSEST_BOX, PatternRanges, needed_size, random_sampling

EDGE_WIDTH = 0.008
"""Softness of the surface as a share of the box."""
BESIDE_FACES = 0.05
"""Layers beside the faces of a scan, as a share of its length, whose light tells how much of the pattern it holds."""
THROUGH = 0.08
"""Distance of a dislocation from the middle of its crystal, as a share of the crystal's extent."""


@dataclass(frozen=True)
class Strained:
    """A measured crystal."""

    drawn: Complex64[Tensor, "x y z"]
    """The object in its box, its transform's square the counts that an ideal instrument would expect."""
    steps: tuple[float, float, float]
    """Radians a voxel of the box from one voxel of the scan to the next."""
    peak: tuple[float, float, float]
    """Where the Bragg peak of the unstrained crystal lies in the scan."""
    counts: NDArray[np.float32]
    """(frames, rows, columns)."""
    expected: NDArray[np.float32]
    """Noise-free, (frames, rows, columns)."""
    faulty: NDArray[np.bool_]
    """(rows, columns): dead and hot pixels."""
    about: dict[str, float]
    """Range of the phase over π, whether it is ``dislocated``, counts at the peak, oversampling along each axis."""

    def amplitude(self, first: tuple[int, int, int], shape: tuple[int, int, int]) -> Complex64[Tensor, "frames rows columns"]:
        """Transform of the object from a voxel of the scan on, which may lie outside it."""
        return transform(self.drawn, self.steps, self.peak, first, shape)

    @property
    def held(self) -> float:
        """Share of the expected counts that does not lie beside the faces: where it is small, the scan cuts the pattern."""
        beside = [max(1, round(BESIDE_FACES * n)) for n in self.expected.shape]
        inside = self.expected[tuple(slice(b, n - b) for b, n in zip(beside, self.expected.shape, strict=True))]
        return float(inside.sum(dtype=np.float64) / self.expected.sum(dtype=np.float64))


def strained_crystal(
    rng: np.random.Generator, shape: tuple[int, int, int], phase_over_pi: tuple[float, float], broken: bool = False
) -> Strained:
    """A crystal with facets drawn anew and a smooth phase, measured once.

    Parameters
    ----------
    rng : numpy Generator
    shape : (frames, rows, columns)
    phase_over_pi : two floats
        Between which the phase's range, peak to valley in π, is drawn.
    broken : bool
        Whether it holds a screw dislocation besides.

    Returns
    -------
    Strained
    """
    ranges = ObjectRanges()
    oversampling, peak = random_sampling(rng, shape, PatternRanges())
    size = max(COARSEST_BOX, needed_size(shape, oversampling, peak))
    crystal = Crystal(random_body(rng), None, (1, -1, 1))
    box = box_round(crystal, np.linalg.qr(rng.normal(size=(3, 3)))[0], size)
    drawn = smooth_modulus(continuum_object(crystal, box, EDGE_WIDTH * size), size * rng.uniform(*ranges.smoothing))
    phase = np.pi * float(rng.uniform(*phase_over_pi))
    drawn = replaced_phase(rng, drawn, phase, size * rng.uniform(*ranges.phase_correlation))
    drawn = uneven_modulus(rng, drawn, rng.uniform(*ranges.modulus_noise), size * rng.uniform(*ranges.modulus_correlation))
    if broken:
        drawn = drawn * torch.from_numpy(dislocated(crystal.particle, box, crystal.g_inv_angstrom))
    f, r, c = (2 * np.pi / (s * FILLED_SHARE_OF_BOX * size) for s in oversampling)
    amplitude = transform(drawn, (f, r, c), peak, (0, 0, 0), shape)
    brightest = amplitude.abs().amax()
    doses = MeasurementRanges()
    pattern = measured_pattern(rng, (amplitude / brightest).abs().square(), peak, doses)
    peak_counts = log_uniform(rng, doses.peak_counts)
    expected = pattern.expected(peak_counts, log_uniform(rng, doses.background_counts))
    counts = counting_noise(rng, expected).numpy()
    about = {"phase_over_pi": phase / np.pi, "dislocated": float(broken), "peak_counts": peak_counts}
    about |= dict(zip(("oversampling_frames", "oversampling_rows", "oversampling_columns"), oversampling, strict=True))
    scaled = drawn * (peak_counts**0.5 / brightest)
    return Strained(scaled, (f, r, c), peak, counts, expected.numpy(), pattern.faulty.numpy(), about)


def transform(
    drawn: Complex64[Tensor, "x y z"],
    steps: tuple[float, float, float],
    peak: tuple[float, float, float],
    first: tuple[int, int, int],
    shape: tuple[int, int, int],
) -> Complex64[Tensor, "frames rows columns"]:
    """Transform of an object in its box where voxels lie some steps apart."""
    axes = zip(steps, peak, first, shape, strict=True)
    f, r, c = (step * (torch.arange(start, start + n, dtype=torch.float64) - at) for step, at, start, n in axes)
    return box_to_reciprocal(drawn, (f, r, c))


def dislocated(particle: Particle, box: CrystalBox, g_inv_angstrom: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Phase factors exp(-iG.u) (x, y, z) of a straight screw dislocation near the middle of a box.

    Parameters
    ----------
    particle : Particle
    box : CrystalBox
    g_inv_angstrom : float64 array (3,)
        The reciprocal lattice vector.
    """
    lattice = METALS[particle.metal].lattice_angstrom
    axis = centred_positions(box.size).numpy()
    voxels = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    positions = voxels @ np.linalg.inv(box.voxel_inverse).T + box.centre_angstrom
    extent = np.ptp(positions[:, 0])
    through = box.centre_angstrom + THROUGH * extent * SLIP_NORMAL / np.sqrt(3)
    line = Dislocation("screw", tuple(lattice * BURGERS), tuple(SLIP_NORMAL / np.sqrt(3)), tuple(through))
    phase = -line.displacement(positions, METALS[particle.metal].poisson_ratio) @ g_inv_angstrom
    factors: NDArray[np.complex64] = np.exp(1j * phase).astype(np.complex64).reshape((box.size,) * 3)
    return factors
