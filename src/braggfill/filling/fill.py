"""Filling: from a scan and its mask to estimates for every gap a method can see across.

The measured voxels pass through untouched; every estimate is marked and carries its standard deviation.
"""

from dataclasses import replace

import numpy as np

from braggfill.base.errors import InputError
from braggfill.base.fallback import on_card_or_processor
from braggfill.base.memory import give_back
from braggfill.base.options import Device, spelled_out
from braggfill.base.progress import OnStep, Progress
from braggfill.filling.methods import METHODS
from braggfill.filling.options import FillOptions
from braggfill.filling.result import FillResult
from braggfill.filling.terms import Estimate
from braggfill.scan.counts import INVERTED_SHARE, taken_apart
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import find_gaps, find_slabs


@spelled_out
def fill_gaps(
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    options: FillOptions,
    on_progress: Progress = lambda done, total: None,
    on_adapt: OnStep = lambda step, steps, skill: None,
) -> FillResult:
    """Estimate the intensities that a detector's gaps have swallowed.

    Parameters
    ----------
    intensity : array (frames, rows, columns)
        Photon counts, or counts scaled by a factor. NaN, infinite and integer-maximum voxels count as not measured,
        negative ones too unless ``negatives`` says otherwise.
    mask : array (frames, rows, columns) or (rows, columns), optional
        > 0 (True) = not measured; a 2-D mask holds for every frame.
    options : FillOptions
    on_progress, on_adapt : callables
        Called with the work done and its total; with the steps made, their total, and the best held-out skill so far.

    Returns
    -------
    FillResult
        Measured voxels keep their value to the bit (as float32); ``warnings`` and ``sentence`` say what to know of the rest.

    Raises
    ------
    InputError
        If an argument does not fit, nothing or everything is masked, the mask seems inverted, or scaled data come without
        their scale.

    Examples
    --------
    >>> import numpy as np
    >>> from braggfill import fill_gaps
    >>> counts = np.random.default_rng(0).poisson(20.0, (16, 40, 40))
    >>> mask = np.zeros((40, 40), bool)
    >>> mask[:, 18:24] = True
    >>> result = fill_gaps(counts, mask, method="linear")
    >>> int(result.filled.sum()), bool(result.mask.any())
    (3840, False)
    """
    measured, missing, scale = taken_apart(intensity, mask, options.counts_per_unit, options.negatives)
    counts = measured if scale == 1 else measured * np.float32(scale)
    if options.negatives == "measured":
        counts = np.maximum(counts, 0)  # what is below a background that was subtracted is likeliest no photon
    name = options.method_for(missing.size)
    options, method = replace(options, method=name), METHODS[name]
    scan = GappedScan(counts, missing, find_slabs(missing, method.widest))
    std, estimate, fell_back = np.zeros(measured.shape, np.float32), Estimate(np.zeros(0), np.zeros(0)), ""

    def work(device: Device) -> Estimate:
        return method.estimate(scan, replace(options, device=device), on_progress, on_adapt)

    if scan.slabs:
        estimate, fell_back = on_card_or_processor(work, options.device)
        give_back()
    options = options.by(estimate.filled_by or name)
    known = np.isfinite(estimate.mean)
    filled = np.zeros_like(missing)
    filled[scan.wanted] = known
    if not filled.any() and missing.mean() > INVERTED_SHARE:
        raise InputError(
            f"mask: got {100 * missing.mean():.0f} % of the voxels marked as not measured, none of which can be filled, "
            "expected gaps; is the mask inverted? True or 1 = not measured"
        )
    measured[filled], std[filled] = estimate.mean[known] / scale, estimate.std[known] / scale
    return FillResult(
        intensity=measured,
        filled=filled,
        std=std,
        mask=missing & ~filled,
        gaps=find_gaps(missing, filled),
        options=options,
        weights_sha256=estimate.weights_sha256,
        lesson=estimate.lesson,
        sentence=estimate.sentence,
        how=estimate.record,
        crystal=estimate.crystal,
        fell_back=fell_back,
    )
