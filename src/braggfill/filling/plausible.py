"""The door for what a method says of the gaps: what no scan can hold is replaced by what the next simpler method says."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from braggfill.base.progress import OnStep, Progress
from braggfill.filling.options import FillOptions, MethodName
from braggfill.filling.terms import Estimate, Method
from braggfill.scan.gapped import GappedScan

MOST_OVER_BRIGHTEST = 100.0
"""Largest estimate over the brightest voxel measured: a gap 14 wide over a central maximum hides 50 times what is beside it."""
LEAST_BRIGHTEST = 1.0
"""Counts that the brightest voxel is taken to have at least."""
LARGEST_STD = 1e30
"""Counts: a standard deviation beyond it would leave float32."""
SIMPLER: dict[MethodName, MethodName] = {"retrieval": "unet", "unet": "kriging", "linear": "nearest"}
"""What is tried after a method; after those that are not here a straight line, and after the nearest voxel nothing."""


def fault(estimate: Estimate, scan: GappedScan, refuses: bool = False) -> str:
    """What is impossible about an estimate in a few words, empty where all is well; NaN may be a voxel that is refused."""
    told = ~np.isnan(estimate.mean) | (not refuses)
    mean, std = estimate.mean[told], estimate.std[told]
    brightest = max(float(scan.counts.max()), LEAST_BRIGHTEST)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        return "estimates that are not finite"
    if (mean < 0).any() or (std < 0).any():
        return "negative estimates"
    if mean.size and mean.max() > MOST_OVER_BRIGHTEST * brightest:
        return f"an estimate {mean.max() / brightest:.3g} times the brightest voxel measured"
    return "standard deviations beyond all numbers" if std.size and std.max() > LARGEST_STD else ""


def plausible(name: MethodName, methods: Mapping[MethodName, Method]) -> Method:
    """A method of a table, behind the door: its estimates, else those of the simpler methods of the same table."""
    method = methods[name]

    def estimate(scan: GappedScan, options: FillOptions, on_progress: Progress, on_adapt: OnStep) -> Estimate:
        found = method.estimate(scan, options, on_progress, on_adapt)
        wrong = fault(found, scan, method.refuses)
        if not wrong:
            return found
        said = f"{name} gave {wrong}, which no scan holds"
        next_name = SIMPLER.get(name, "linear")
        near = scan.seen_across(methods[next_name].widest) if method.widest > methods[next_name].widest else scan
        if name == "nearest" or not near.slabs:
            nothing = np.full_like(found.mean, np.nan)
            return Estimate(nothing, nothing.copy(), sentence=f"{said}; the gaps are left open")
        simpler = plausible(next_name, methods).estimate(near, options, on_progress, on_adapt)
        if near is not scan:
            mean, std = (near.laid_out(v)[scan.wanted].astype(float) for v in (simpler.mean, simpler.std))
            simpler = replace(simpler, mean=mean, std=std)
        after = simpler.sentence or f"filled by {next_name} instead"
        return replace(simpler, sentence=f"{said}; {after}", filled_by=simpler.filled_by or next_name)

    return replace(method, estimate=estimate)
