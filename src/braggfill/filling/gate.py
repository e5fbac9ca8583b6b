"""The honest gate of the fill by the crystal: what counts say that were hidden from it and from what it is compared with.

They say which of the two fills is returned, and how wide its standard deviation must be.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import coverage, expected_deviance, poisson_deviance, predictive_rank
from braggfill.base.writing import finite_or_null
from braggfill.crystal.record import CrystalRecord
from braggfill.crystal.retrieved import CrystalFill
from braggfill.scan.copies import FEWEST_VOXELS
from braggfill.scan.gaps import MAX_WIDTH

WIDE_GAIN = 0.9
"""Share of the excess deviance that a line between the banks leaves in hidden wide gaps, which the crystal has to remove, with
an object that converged: where it removed 0.96 the gap beside the peak came out with a skill of 0.80, where it removed 0.79,
with 0.34, and where it removed 0.99 but nothing had converged with 0.12."""
LOST_GAIN = 0.7
"""The same share of what the network leaves, where the search was lost: of a crystal of 2.9π, whose objects all missed the
counts by ten times noise, hidden blocks said 0.55, and the cross came out with a skill of 0.13 (the network 0.44)."""
UNRELIABLE = 0.5
"""Share by which hidden counts are missed above which a user is warned."""
INTERVAL, HONEST = 0.9, 0.9
"""Probability of the intervals that hidden counts are held against, and share of them that must lie inside."""
WIDENINGS = np.geomspace(1, 8, 25)
"""Factors on the standard deviation that are tried for it."""


@dataclass(frozen=True)
class Compared:
    """Two fills of a scan with further blocks hidden, where the blocks' counts are known; arrays are (voxels,)."""

    known: NDArray[np.float32]
    """What was measured."""
    crystal: NDArray[np.float32]
    """Expected counts by phase retrieval."""
    crystal_std: NDArray[np.float32]
    other: NDArray[np.float32]
    """Expected counts by the network, or in wide gaps by a line between the banks."""


@dataclass(frozen=True)
class Gate:
    """What the hidden counts say and decide, JSON-ready."""

    taken: bool
    """Whether the fill by phase retrieval is returned."""
    hidden_voxels: int
    crystal_deviance: float
    """Mean Poisson deviance of the hidden counts."""
    other_deviance: float
    missed: float
    """Root mean square error of what is returned beyond counting noise, over the root mean square of the hidden counts."""
    widening: float
    """Factor on the standard deviation with which their intervals are honest."""

    def in_words(self, other: str) -> str:
        """Both deviances; ``other`` is what the crystal was compared with."""
        found = f"deviance {self.crystal_deviance:.3g} a voxel against {self.other_deviance:.3g} by {other}"
        return f"{found} on {self.hidden_voxels:,} hidden voxels"


NOTHING_KNOWN = Gate(False, 0, np.nan, np.nan, np.nan, 1.0)
NO_ROOM = f"there is no room to hide gaps of up to {MAX_WIDTH} voxels"


def gates(
    counts: NDArray[np.float32],
    near: NDArray[np.bool_],
    far: NDArray[np.bool_],
    fill: CrystalFill,
    other: NDArray[np.float32],
) -> tuple[Gate, Gate]:
    """What hidden counts decide of gaps that the network sees across, and of wider ones.

    Parameters
    ----------
    counts : float32 array (frames, rows, columns)
        Measured.
    near, far : bool array (frames, rows, columns)
        Hidden voxels that are bright enough to be scored, in blocks of either kind.
    fill : CrystalFill
    other : float32 array (frames, rows, columns)
        Expected counts without the crystal.
    """

    def of(hidden: NDArray[np.bool_], gain: float) -> Gate:
        if np.count_nonzero(hidden) < FEWEST_VOXELS:
            return NOTHING_KNOWN
        return gate(Compared(counts[hidden], fill.mean[hidden], fill.std[hidden], other[hidden]), gain)

    narrow, wide = of(near, LOST_GAIN if fill.record.lost else 0.0), of(far, WIDE_GAIN)
    return narrow, replace(wide, taken=wide.taken and fill.record.converged > 0)


def gate(compared: Compared, gain: float = 0.0) -> Gate:
    """What the hidden counts of one kind of gap decide: the crystal has to remove a share of the other's excess deviance."""
    ours, theirs = (poisson_deviance(v, compared.known) for v in (compared.crystal, compared.other))
    factor = widening(compared.crystal, compared.crystal_std, compared.known)
    noise = expected_deviance(compared.crystal)
    taken = ours < theirs - gain * max(theirs - noise, 0)
    returned = compared.crystal if taken else compared.other
    return Gate(taken, len(compared.known), ours, theirs, missed(returned, compared.known), factor)


def missed(mean: NDArray[np.float32], known: NDArray[np.float32]) -> float:
    """Error of expected counts beyond counting noise as a share of the ``known`` ones, root mean squares; both (voxels,)."""
    beyond = float(np.square(mean - known, dtype=np.float64).mean() - mean.mean(dtype=np.float64))
    return float(np.sqrt(max(beyond, 0.0) / np.square(known, dtype=np.float64).mean()))


def accounted(far: NDArray[np.bool_], record: CrystalRecord, narrow: Gate, wide: Gate) -> tuple[str, dict[str, Any]]:
    """One sentence for a user, and everything for a program; ``far`` (voxels,) are out of the network's reach."""
    sentence = f"{record.converged} of {len(record.best_of_each)} retrieved objects converged"
    if not far.all():
        worse = "retrieval found no crystal" if record.lost else "retrieval does no better"
        said = "filled by phase retrieval" if narrow.taken else worse
        why = f"{said}: {narrow.in_words('the network')}" if narrow.hidden_voxels else NO_ROOM
        sentence = f"{why}; {sentence}{unreliable(narrow)}"
    everything = {"retrieval": asdict(record), "gate": asdict(narrow)}
    if far.any():
        known = wide.in_words("a line between the banks") if wide.hidden_voxels else "there is no room to hide one"
        filled = "filled" if wide.taken else "left open"
        sentence += f"; {known}" if far.all() and not wide.taken else f"; gaps wider than {MAX_WIDTH} {filled}: {known}"
        sentence += unreliable(wide) if wide.taken else ""
        everything["wide_gate"] = asdict(wide)
    return sentence, finite_or_null(everything)


def unreliable(found: Gate) -> str:
    """What is added to the sentence where hidden counts are missed by more than a user may rely on."""
    if not found.missed > UNRELIABLE:
        return ""
    return f"; what was hidden is missed by {found.missed:.0%}: do not rely on the fill where it is bright"


def widening(mean: NDArray[np.float32], std: NDArray[np.float32], known: NDArray[np.float32]) -> float:
    """The least factor on ``std`` with which ``known`` counts lie in their intervals often enough; all are (voxels,)."""
    for factor in WIDENINGS:
        if coverage(predictive_rank(np.random.default_rng(0), mean, factor * std, known), INTERVAL) >= HONEST:
            return float(factor)
    return float(WIDENINGS[-1])
