"""What a search could have come to: the last fits of the fill by the crystal, begun from the true object."""

from functools import cached_property

import numpy as np
import torch

from braggfill.base.metrics import expected_deviance
from braggfill.crystal.contest import Hidden, first_fit_of
from braggfill.crystal.model.levels import WHOLE, CountsWithPrior, Level, tapered_level
from braggfill.crystal.model.shapes import Object
from braggfill.crystal.retrieved import counts_with_prior
from braggfill.crystal.search.climb import RoughnessWeights
from braggfill.crystal.search.polish import FIRST, polished
from braggfill.crystal.search.turns import REFINED_BLUR, REFINED_CUT, State, first_instrument, refined, tightened
from braggfill.crystal.whole import WholeScan
from braggfill.filling.by_crystal import hidden_blocks
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.strained import Strained

Misfits = dict[float, float]
"""The smallest that was found for each κ."""


class LastFits:
    """Of one scan with a gap, the blocks hidden that a fill would hide."""

    def __init__(self, crystal: Strained, scan: GappedScan) -> None:
        self.crystal, self.scan, self.blocks = crystal, scan, hidden_blocks(scan, 0)

    @cached_property
    def known(self) -> CountsWithPrior:
        """The counts that are fitted; nothing else is known of the others."""
        nothing = np.full(self.scan.mask.shape, np.nan, np.float32)
        unknown = self.scan.mask | self.blocks.hidden | self.blocks.faulty
        return counts_with_prior(self.scan.counts, unknown, nothing, nothing)

    @cached_property
    def level(self) -> Level:
        """The whole pattern."""
        return tapered_level(self.known, WHOLE)

    def from_the_truth(self) -> Misfits:
        """Begun from the true object, in its support."""
        return self.begun_from(true_state(self.crystal, self.level, self.known.peak))

    def begun_from(self, state: State) -> Misfits:
        """Begun from a state on the whole level."""
        judging = self.blocks.judging
        whole = WholeScan(self.known, self.scan.mask | self.blocks.hidden, self.level)
        state = refined(self.level, state, RoughnessWeights().climbing())
        hidden = Hidden(judging, self.scan.counts[judging], [], expected_deviance(self.crystal.expected[judging]))
        made = polished(first_fit_of(whole, hidden, state, FIRST))
        return {k: min(p.state.misfit for p in made if p.way.kappa == k) for k in {p.way.kappa for p in made}}


def true_state(crystal: Strained, level: Level, peak: tuple[int, int, int]) -> State:
    """The true object on a level about a voxel of the scan, in its support, with the instrument that a search begins with."""
    start = tuple(p + f for p, f in zip(peak, level.first, strict=True))
    amplitude = crystal.amplitude((start[0], start[1], start[2]), level.shape)
    tapered = torch.fft.ifftn(torch.roll(amplitude, level.first, (0, 1, 2)) * level.taper.sqrt())
    found: Object = torch.fft.fftshift(tapered)
    return in_support(found, level, found.numel())


def in_support(found: Object, level: Level, most: int) -> State:
    """An object cut to a support of at most so many voxels, nothing known yet of its instrument and misfit."""
    support = tightened(found.abs(), REFINED_BLUR, REFINED_CUT, most)
    return State(found * support, support, first_instrument(level))
