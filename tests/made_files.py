"""Files as beamlines and detectors leave them, made small: the layouts that their readers are held against.

Each function writes one kind of file or folder from frames (frames, rows, columns) and returns the address that a user gives.
"""

from pathlib import Path

import h5py
import numpy as np

ENERGY_KEV = 8.5
DISTANCE_M = 1.83
PIXEL_M = 75e-6


def counts_of_a_crystal(shape=(12, 40, 36), peak_counts=2e4, seed=0) -> np.ndarray:
    """Whole counts of a brick-shaped crystal: the analytic pattern of a parallelepiped, drawn once."""
    axes = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in shape)]
    expected = peak_counts * np.prod(np.broadcast_arrays(*(np.sinc(a / 5.5) ** 2 for a in axes)), axis=0) + 0.3
    return np.random.default_rng(seed).poisson(expected).astype(np.uint32)


def eiger_master(folder: Path, counts: np.ndarray, bits: np.ndarray, per_file: int = 5, stem: str = "scan_00012") -> Path:
    """A DECTRIS master: external links to files of frames, the largest integer where a pixel is bad, a mask of bits."""
    raw = np.where(bits > 0, np.iinfo(np.uint32).max, counts).astype(np.uint32)
    master = folder / f"{stem}_master.h5"
    with h5py.File(master, "w") as file:
        data = file.create_group("entry/data")
        for number, first in enumerate(range(0, len(raw), per_file), 1):
            name = f"{stem}_data_{number:06d}.h5"
            with h5py.File(folder / name, "w") as part:
                part.create_dataset("entry/data/data", data=raw[first : first + per_file], chunks=(1, *raw.shape[1:]))
            data[f"data_{number:06d}"] = h5py.ExternalLink(name, "entry/data/data")
        detector = file.create_group("entry/instrument/detector")
        detector["detectorSpecific/pixel_mask"] = bits.astype(np.uint32)
        detector["detectorSpecific/photon_energy"] = ENERGY_KEV * 1e3
        detector["detector_distance"] = DISTANCE_M
        detector["x_pixel_size"] = detector["y_pixel_size"] = PIXEL_M
        detector["detector_distance"].attrs["units"] = "m"
    return master
