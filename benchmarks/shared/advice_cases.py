"""Scans with a gap whose counts are known: simulated ones by their number, and places on the measured Au scan."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from shared.au_scan import CROSS, cropped

from braggfill.base.errors import InputError
from braggfill.judging.studies.crystals import HELD_OUT
from braggfill.judging.studies.gaps import Arm, beside_peak, box_about, cut
from braggfill.scan.copies import FEWEST_VOXELS, Trial, bright
from braggfill.scan.counts import brightest_voxel
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.library import Library, Split
from braggfill.simulation.measurement import MeasurementRanges
from braggfill.simulation.scans import simulate

Group = Literal["validation", "test", "au"]
SEED = {"validation": 81_000, "test": 82_000}
SHAPE: dict[str, tuple[int, int, int]] = {"validation": (48, 64, 64), "test": (80, 96, 96)}
"""The rule is chosen where it is hardest, in scans that have little room for copies like the gap."""
RANGES = replace(
    HELD_OUT,
    patterns=replace(HELD_OUT.patterns, detector_oversampling=(2.4, 9.0)),
    measurement=MeasurementRanges(peak_counts=(1e4, 1e8)),
)
"""Wider than what the network was trained on, in oversampling and dose."""
AXES: tuple[tuple[str, tuple[int, ...]], ...] = (*(("columns", (2,)), ("rows", (1,)), ("cross", (1, 2)), ("frames", (0,))),)
"""What is drawn from, each as often as it is named."""
WIDTHS, FARTHEST, NEAREST, THROUGH_SHARE = (3, 4, 6, 8, 10, 12), 20, 3, 0.1
"""Widths; measured voxels between peak and gap; the share of gaps that are laid over the peak."""
FEWEST_HIDDEN = 500
"""A gap that hides fewer bright voxels is drawn again."""
AU_BOX = (88, 104, 104)
"""What of the Au scan is looked at, about its peak."""
AU_PLACES: tuple[tuple[str, tuple[Arm, ...]], ...] = (
    ("cross", CROSS),
    ("cross", ((1, -22, 4), (2, 18, 4))),
    ("cross", ((1, 16, 9), (2, -28, 9))),
    ("rows", ((1, -24, 3),)),
    ("rows", ((1, 10, 12),)),
    ("rows", ((1, 40, 6),)),
    ("rows", ((1, 20, 9),)),
    ("rows", ((1, -40, 12),)),
    ("columns", ((2, -30, 6),)),
    ("columns", ((2, 6, 14),)),
    ("columns", ((2, 14, 3),)),
    ("columns", ((2, -24, 9),)),
    ("columns", ((2, 26, 12),)),
    ("frames", ((0, 12, 4),)),
    ("frames", ((0, -16, 3),)),
    ("frames", ((0, 22, 8),)),
    ("rows through the peak", ((1, -3, 6),)),
    ("columns through the peak", ((2, -6, 12),)),
    ("columns through the peak", ((2, -1, 3),)),
    ("frames through the peak", ((0, -7, 14),)),
)


@dataclass(frozen=True)
class Case:
    """A scan, and the gap that is cut into it; arrays are (frames, rows, columns)."""

    counts: np.ndarray
    """float32: what was measured, also under the gap."""
    mask: np.ndarray
    """Bool, True = not measured anyway."""
    gap: np.ndarray
    """Bool: what is hidden."""
    about: dict[str, Any]
    """What kind of case it is."""

    @property
    def hidden(self) -> np.ndarray:
        """Bool (frames, rows, columns): voxels of the gap whose counts are known and bright enough to be scored."""
        return self.gap & ~self.mask & bright(self.counts)


def au_case(number: int, address: str) -> Case:
    """A place on the measured scan."""
    scan = cropped(address)
    box = box_about(brightest_voxel(scan.counts), AU_BOX, scan.counts.shape)
    counts, mask = scan.counts[box], scan.mask[box]
    kind, arms = AU_PLACES[number]
    gap = cut(counts.shape, brightest_voxel(counts), arms)
    return Case(counts, mask, gap, {"scan": scan.name, "peak_counts": float(counts.max())} | in_words(kind, arms))


def simulated_case(number: int, split: Split) -> Case:
    """A random gap in a scan of a crystal of a split, always the same for a number."""
    rng, library = np.random.default_rng((SEED[split], number)), Library(split=split)
    crystal = library[number % len(library)]
    shape = SHAPE[split]
    while True:
        (scan,) = simulate(1, shape=shape, seed=int(rng.integers(2**31)), crystals=[crystal], config=RANGES)
        peak, mask = scan.description["peak"], np.broadcast_to(scan.faulty, shape)
        kind, arms = random_gap(rng, peak, shape)
        try:
            gap = cut(shape, tuple(round(p) for p in peak), arms)
        except InputError:
            continue
        across = scan.description["oversampling"][arms[0][0]]
        about = {"scan": f"{split} {number}", "peak_counts": scan.description["peak_counts"], "oversampling": across}
        case = Case(scan.counts, mask, gap, about | in_words(kind, arms))
        if case.hidden.sum() >= FEWEST_HIDDEN and has_copies(case):
            return case


def random_gap(rng: np.random.Generator, peak: tuple[float, ...], shape: tuple[int, int, int]) -> tuple[str, tuple[Arm, ...]]:
    """A gap somewhere beside the peak, on the roomier side, or over it."""
    kind, axes = AXES[rng.integers(len(AXES))]
    width, between, through = int(rng.choice(WIDTHS)), int(rng.integers(NEAREST, FARTHEST + 1)), rng.random() < THROUGH_SHARE
    if through:
        return f"{kind} through the peak", tuple((axis, -(width // 2), width) for axis in axes)
    return kind, tuple((axis, beside_peak(round(peak[axis]), shape[axis], between, width), width) for axis in axes)


def case_rules(group: str) -> tuple[object, ...]:
    """What the cases of a group are made by."""
    return (
        (AU_PLACES, AU_BOX)
        if group == "au"
        else (SEED[group], SHAPE[group], RANGES, AXES, WIDTHS, FARTHEST, NEAREST, THROUGH_SHARE, FEWEST_HIDDEN)
    )


def has_copies(case: Case) -> bool:
    """Whether ``evaluate`` finds room for copies of the gap that hold counts."""
    trial = Trial.of(GappedScan.blanked(case.counts, case.mask | case.gap))
    return int((trial.scored & bright(np.where(case.mask | case.gap, 0, case.counts))).sum()) >= FEWEST_VOXELS


def in_words(kind: str, arms: tuple[Arm, ...]) -> dict[str, Any]:
    """Kind of a gap, its width, and where its arms lie."""
    return {"gap": kind, "width": arms[0][2], "at": " ".join(f"{distance:+d}" for _, distance, _ in arms)}
