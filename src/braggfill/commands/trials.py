"""How long a verb will work on a scan, from a trial on the scan itself."""

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from braggfill.base.progress import Clock

if TYPE_CHECKING:
    from braggfill.commands.opening import Opened
    from braggfill.filling.options import FillOptions
    from braggfill.judging.options import EvaluationOptions
    from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions, SearchOptions
    from braggfill.retrieval.pattern import Pattern


SECONDS_A_VOXEL = 3e-6
"""Of a core, by kriging, the regression or the network: measured 1.2 to 2.7 µs on 96³ voxels (``fill_gaps`` by each)."""


def fill_seconds(scan: "Opened", options: "FillOptions", clock: Clock = perf_counter) -> float:
    """Of a fill; phase retrieval asks the network twice, with blocks hidden and without."""
    network = SECONDS_A_VOXEL * scan.scan.intensity.size
    if options.method_for(scan.scan.intensity.size) != "retrieval":
        return network

    from braggfill.filling.duration import seconds_by_crystal

    searched = seconds_by_crystal(scan.scan.intensity, scan.mask, options, clock)
    return searched + network * (2 if searched else 1)


def evaluation_seconds(scan: "Opened", options: "EvaluationOptions", clock: Clock = perf_counter) -> float:
    """Of a judgement: the fill to judge, and those that it is compared with side by side."""
    import torch

    first, *others = (fill_seconds(scan, asked, clock) for asked in options.asked)
    return first + sum(others) / torch.get_num_threads()


def retrieval_seconds(scan: "Opened", options: "RetrievalOptions", clock: Clock = perf_counter) -> float:
    """Of phase retrieval, from a trial on the scan."""
    from braggfill.retrieval.duration import search_seconds
    from braggfill.retrieval.treatments import usual_treatment

    pattern = _pattern(scan, options)
    return search_seconds(pattern, options.treatment or usual_treatment(pattern), options, clock)


def comparison_seconds(scan: "Opened", options: "ComparisonOptions", clock: Clock = perf_counter) -> float:
    """Of a comparison: as many searches as treatments, and a fill of what is not filled."""
    from braggfill.filling.options import FillOptions
    from braggfill.judging.comparison import allowed_treatments
    from braggfill.retrieval.duration import search_seconds
    from braggfill.retrieval.treatments import usual_treatment

    pattern = _pattern(scan, options)
    filled = pattern if scan.scan.filled is not None else replace(pattern, filled=pattern.missing, std=pattern.counts + 1)
    number = len(options.treatments or allowed_treatments(filled))
    asked = FillOptions(device=options.device, counts_per_unit=options.counts_per_unit, negatives=options.negatives)
    fill = fill_seconds(scan, asked, clock) if scan.scan.filled is None else 0.0
    return fill + number * search_seconds(pattern, usual_treatment(pattern), options, clock)


def _pattern(scan: "Opened", options: "SearchOptions") -> "Pattern":
    from braggfill.retrieval.pattern import prepare_pattern

    taken = scan.scan
    return prepare_pattern(taken.intensity, scan.mask, taken.filled, taken.std, options.counts_per_unit, options.negatives)
