"""The fill by the crystal: phase retrieval and the network side by side where counts were hidden.

What the crystal tells of a gap is right only where the search for it converged, which no fit tells for sure. So blocks shaped
like the gaps are hidden as well, elsewhere in the scan. Both methods fill them; what was measured there says which of the two
is returned, and how wide its standard deviation must be. Gaps too wide for the network are filled where hidden copies as wide
were found again, else refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.devices import find_device
from braggfill.base.errors import InputError
from braggfill.base.fallback import out_of_memory
from braggfill.base.progress import Progress, name_phase
from braggfill.classical.interpolate import linear
from braggfill.crystal.blocks import Blocks
from braggfill.crystal.record import CrystalOptions
from braggfill.crystal.retrieved import CrystalFill, fill_by_crystal
from braggfill.filling.bright_part import bright_part, filled_in_part
from braggfill.filling.gate import accounted, gates
from braggfill.filling.options import Effort, FillOptions
from braggfill.filling.terms import Estimate
from braggfill.network.config import PracticeConfig
from braggfill.network.practice import choose_held_out
from braggfill.scan.copies import FEWEST_VOXELS
from braggfill.scan.faulty import faulty_pixels
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import MAX_WIDTH, WIDEST_MODULE_GAP

Network = Callable[[GappedScan], Estimate]
"""From a scan to the network's estimate of it."""


@dataclass(frozen=True)
class EffortOptions:
    """How hard an effort looks for the crystal."""

    crystal: CrystalOptions
    largest_part: int
    """Voxels of the brightest part of a scan in which it is looked for, at most."""


EFFORTS: dict[Effort, EffortOptions] = {
    "low": EffortOptions(CrystalOptions(starts=4, climbs=2, thorough=False), largest_part=2**20),
    "usual": EffortOptions(CrystalOptions(starts=8, climbs=2, generations=6), largest_part=8_000_000),
    "high": EffortOptions(CrystalOptions(starts=12, climbs=6, generations=6), largest_part=8_000_000),
}
SMALLEST_AXIS = 24
"""Scans that are shorter along an axis are left to the network: no coarse level holds their crystal."""
ENVELOPE_STD = 5.0
"""Standard deviation, in units of itself, of a line between the banks of a wide gap: it knows nothing of the fringes there, and
with 1.5 it held 38 hidden columns of a simulated crystal too dark (total 0.88 against 0.93, skill 0.68 against 0.80)."""
MOSTLY = 0.5
"""Share of what was not measured above which it is pixels, and what few frames lack besides does not matter."""


@dataclass(frozen=True)
class WithoutCrystal:
    """What is known of a scan's gaps and hidden blocks without the crystal; arrays are (frames, rows, columns)."""

    mean: NDArray[np.float32]
    """Expected counts, NaN where nothing is known."""
    std: NDArray[np.float32]
    by_network: NDArray[np.bool_]
    """Where the network said so; in wider gaps it is a line between the banks."""
    weights_sha256: str | None

    @classmethod
    def of(cls, scan: GappedScan, hidden: NDArray[np.bool_], network: Network) -> "WithoutCrystal":
        """The network's, and a line's in what it doesn't see across, without the ``hidden`` blocks (frames, rows, columns)."""
        unknown = scan.mask | hidden
        near, far = (GappedScan.blanked(scan.counts, unknown, widest) for widest in (MAX_WIDTH, WIDEST_MODULE_GAP))
        told = network(near) if near.slabs else Estimate(np.zeros(0), np.zeros(0))
        mean, std = near.laid_out(told.mean), near.laid_out(told.std)
        wide = far.wanted & ~near.wanted
        if wide.any():
            line = np.expm1(linear(np.log1p(far.counts), far.mask, far.slabs)[wide])
            mean[wide], std[wide] = line, ENVELOPE_STD * line + 1
        return cls(mean, std, near.wanted, told.weights_sha256)


def by_crystal(scan: GappedScan, options: FillOptions, network: Network, on_progress: Progress) -> Estimate:
    """Fill by phase retrieval where hidden counts say that it is better than the network, else by the network.

    A scan that is too large is searched in its brightest part and filled by the network elsewhere.

    Parameters
    ----------
    scan : GappedScan
    options : FillOptions
    network : callable
    on_progress : callable

    Returns
    -------
    Estimate
        With what was decided, and why; NaN in gaps too wide for the network that the crystal does not determine.
    """
    most = EFFORTS[options.effort].largest_part
    if scan.mask.size <= most:
        return judged_by_hidden_counts(scan, options, network, on_progress)
    return filled_in_part(
        scan,
        bright_part(scan.counts, scan.mask, most),
        lambda part: judged_by_hidden_counts(part, options, network, on_progress),
        lambda whole: where_it_sees(whole, network),
    )


def judged_by_hidden_counts(scan: GappedScan, options: FillOptions, network: Network, on_progress: Progress) -> Estimate:
    """The fill of a scan small enough to be searched whole; the arguments are those of ``by_crystal``."""
    blocks = hidden_blocks(scan, options.seed)
    if np.count_nonzero(blocks.judging) < FEWEST_VOXELS or min(scan.mask.shape) < SMALLEST_AXIS:
        why = "the scan is too small or too dark, or its gaps too wide, to hide blocks that tell whether retrieval is right"
        return by_network(scan, network, why, {})
    name_phase(on_progress, "the network, with blocks hidden")
    prior = WithoutCrystal.of(scan, blocks.hidden, network)
    try:
        fill = retrieved(scan, blocks, prior, options, on_progress)
    except InputError as error:
        return by_network(scan, network, f"phase retrieval failed ({error})", {})
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return by_network(scan, network, "memory did not suffice for phase retrieval; a lower effort needs less", {})
    return by_the_better(scan, blocks.judging, fill, prior, network)


def by_the_better(
    scan: GappedScan, judging: NDArray[np.bool_], fill: CrystalFill, prior: WithoutCrystal, network: Network
) -> Estimate:
    """What the crystal or the network tells of the gaps, and of those too wide for it, as ``judging`` voxels say.

    These are hidden ones (frames, rows, columns).
    """
    elsewhere = judging & ~prior.by_network & np.isfinite(prior.mean)
    narrow, wide = gates(scan.counts, judging & prior.by_network, elsewhere, fill, prior.mean)
    far = ~scan.seen_across().wanted[scan.wanted]
    sentence, record = accounted(far, fill.record, narrow, wide)
    mean = np.where(far & (not wide.taken), np.nan, fill.mean[scan.wanted])
    std = fill.std[scan.wanted] * np.where(far, wide.widening, narrow.widening).astype(np.float32)
    if narrow.taken or (wide.taken and far.all()):
        return Estimate(
            mean.astype(float), std.astype(float), prior.weights_sha256, sentence=sentence, record=record, crystal=fill.best
        )
    other = by_network(scan, network, sentence, record)
    best, by = (fill.best, None) if wide.taken and far.any() else (None, other.filled_by)
    return replace(other, mean=np.where(far, mean, other.mean), std=np.where(far, std, other.std), crystal=best, filled_by=by)


def hidden_blocks(scan: GappedScan, seed: int) -> Blocks:
    """Measured voxels to hide: blocks like the gaps, whole pixels where the gaps are of whole pixels.

    What other frames tell of a hidden pixel, its efficiency above all, is not known of the gaps either. Every second block of a
    frame is hidden; those of the frame are taken that hold the most counts.
    """
    faulty = faulty_pixels(scan.counts, scan.mask)
    blocks = choose_held_out(np.random.default_rng(seed), scan, PracticeConfig())
    if scan.mask.all(0).sum() * len(scan.mask) > MOSTLY * scan.mask.sum():
        total = np.where(faulty, 0, scan.counts.sum(0))
        frame = (blocks * total).sum((1, 2)).argmax()
        blocks = np.broadcast_to(blocks[frame], blocks.shape)
    return Blocks.of(scan.counts, faulty, blocks & ~scan.mask)


def by_network(scan: GappedScan, network: Network, why: str, record: dict[str, Any]) -> Estimate:
    """The network's estimate where it sees across, nothing elsewhere, and why it is not the crystal's."""
    estimate = where_it_sees(scan, network)
    sentence = f"{'left open' if np.isnan(estimate.mean).all() else 'filled by the network'}: {why}"
    return estimate.told(sentence, record)


def where_it_sees(scan: GappedScan, network: Network) -> Estimate:
    """The network's estimate of gaps that it sees across, NaN in the others."""
    near = scan.seen_across()
    if not near.slabs:
        nothing = np.full(np.count_nonzero(scan.wanted), np.nan)
        return Estimate(nothing, nothing.copy())
    estimate = network(near)
    mean, std = (near.laid_out(v)[scan.wanted].astype(float) for v in (estimate.mean, estimate.std))
    return replace(estimate, mean=mean, std=std, filled_by=estimate.filled_by or "unet")


def retrieved(
    scan: GappedScan, blocks: Blocks, prior: WithoutCrystal, options: FillOptions, on_progress: Progress
) -> CrystalFill:
    """What the crystal tells of the gaps and of hidden blocks."""
    chosen = replace(EFFORTS[options.effort].crystal, seed=options.seed, device=str(find_device(options.device)))
    fill = fill_by_crystal(scan.counts, scan.mask, blocks, prior.mean, prior.std, chosen, on_progress)
    asked = scan.wanted | blocks.hidden
    if not (np.isfinite(fill.mean[asked]).all() and np.isfinite(fill.std[asked]).all()):
        raise InputError("what was expected of the gaps, or the object that was found, is not finite")
    return fill
