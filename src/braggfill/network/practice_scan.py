"""A scan whose gaps hold known counts, and the portions that are cut from it to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.network.portions import along_normal, normal_start
from braggfill.scan.gapped import GappedScan

Portion = tuple[NDArray[Any], ...]
"""The parts of ``Portions``, each (NORMAL, plane, plane)."""


@dataclass(frozen=True)
class Portions:
    """A batch of training portions; every tensor is (batch, NORMAL, plane, plane)."""

    counts: torch.Tensor
    """Photon counts, float32; zero where not measured."""
    measured: torch.Tensor
    """Bool."""
    guess: torch.Tensor
    """First guess of log(1 + counts), float32; NaN where there is none."""
    target: torch.Tensor
    """Bool: the voxels of the gap, whose prediction is scored."""
    expected: torch.Tensor
    """Noise-free expected counts, float32."""
    drawn: torch.Tensor
    """A draw of counts from the expectation, float32, also inside the gap."""


@dataclass(frozen=True, eq=False)
class PracticeScan:
    """A scan with gaps whose contents are known; arrays are (frames, rows, columns)."""

    scan: GappedScan
    """As a fill sees it, with its first guess; its gaps are those to learn from."""
    expected: NDArray[np.float32]
    """Noise-free expected counts, also inside the gaps."""
    drawn: NDArray[np.float32]
    """A draw of counts from the expectation, also inside the gaps."""
    known: NDArray[np.bool_]
    """Whole or (rows, columns): voxels whose expected counts are told by ``expected``."""
    places: NDArray[np.int64]
    """(places, 3): gap's number and a place in its plane."""
    chances: NDArray[np.float64]
    """Cumulative chance of each place."""

    @classmethod
    def of(
        cls, scan: GappedScan, expected: NDArray[np.float32], drawn: NDArray[np.float32], known: NDArray[np.bool_]
    ) -> "PracticeScan":
        """Weigh the places where portions are drawn: more often where it is bright; arrays are as in ``PracticeScan``."""
        places, weights = [np.empty((0, 3), int)], [np.empty(0)]
        for number, slab in enumerate(scan.slabs):
            inside = np.log1p(20 * slab.within(expected))
            weight = np.where(slab.target.any(0), (inside * slab.target).mean(0) + 0.02, 0)
            at = np.argwhere(weight)
            places.append(np.column_stack([np.full(len(at), number), at]))
            weights.append(weight[tuple(at.T)] / np.sqrt(weight.sum()))
        return cls(scan, expected, drawn, known, np.concatenate(places), np.cumsum(np.concatenate(weights)))

    def portion(self, rng: np.random.Generator, plane: int) -> Portion:
        """Counts, measured, guess, target, expected and drawn of a random portion, randomly mirrored and turned."""
        number, *centre = self.places[np.searchsorted(self.chances, self.chances[-1] * rng.random(), "right")]
        scan, slab = self.scan, self.scan.slabs[number]
        shift = rng.integers(-plane // 2, plane // 2, 2)
        corner = [
            int(np.clip(c - plane // 2 + s, 0, n - plane)) for c, s, n in zip(centre, shift, slab.target.shape[1:], strict=True)
        ]
        crop = [slice(c, c + plane) for c in corner]
        crop.insert(slab.axis, slice(None))
        frames, rows, columns = crop
        volumes: list[tuple[NDArray[Any], float | bool]] = [
            (scan.counts[frames, rows, columns], 0.0),
            (~scan.mask[frames, rows, columns], False),
            (scan.first_guess[frames, rows, columns], np.nan),
            (np.broadcast_to(self.known, scan.mask.shape)[frames, rows, columns], False),
            (self.expected[frames, rows, columns], 0.0),
            (self.drawn[frames, rows, columns], 0.0),
        ]
        cut = [along_normal(volume, slab, beyond) for volume, beyond in volumes]
        target = np.zeros_like(cut[1])
        first = slab.first - normal_start(slab)
        target[first : first + len(slab.target)] = slab.target[:, *(slice(c, c + plane) for c in corner)]
        cut[-3] = cut[-3] & target
        turn = [slice(None, None, int(step)) for step in rng.choice([-1, 1], 3)]
        order = (0, 1, 2) if rng.random() < 0.5 else (0, 2, 1)
        return tuple(v[tuple(turn)].transpose(order) for v in cut)


def draw_batch(
    rng: np.random.Generator, scans: Sequence[PracticeScan], size: int, plane: int, device: torch.device
) -> Portions:
    """A batch of portions, each from any of the scans."""
    return stacked([scans[int(rng.integers(len(scans)))].portion(rng, plane) for _ in range(size)], device)


def stacked(portions: Sequence[Portion], device: torch.device | str) -> Portions:
    """Portions as one batch on a device."""
    return Portions(*(torch.from_numpy(np.stack(part)).to(device) for part in zip(*portions, strict=True)))
