"""Phase retrieval: from a scan, filled or not, to the complex object."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Complex64, Float
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.devices import find_device
from braggfill.base.fallback import on_card_or_processor
from braggfill.base.options import Device, spelled_out
from braggfill.base.progress import Progress
from braggfill.crystal.model.autocorrelation import first_support
from braggfill.crystal.search.alignment import Object, in_common
from braggfill.retrieval.coherent import coherent_starts
from braggfill.retrieval.grids import given_support, interpolated, resampled
from braggfill.retrieval.options import RetrievalOptions, TreatmentName
from braggfill.retrieval.partial import partial_starts
from braggfill.retrieval.pattern import Pattern, clear_box, prepare_pattern
from braggfill.retrieval.result import RetrievalResult
from braggfill.retrieval.shrink_wrap import FINEST_BLUR, shrink_wrap
from braggfill.retrieval.treatments import check_treatment, usual_treatment


@spelled_out
def retrieve(
    intensity: NDArray[Any],
    mask: NDArray[Any] | None = None,
    *,
    filled: NDArray[Any] | None = None,
    std: NDArray[Any] | None = None,
    support: NDArray[Any] | None = None,
    options: RetrievalOptions,
    on_progress: Progress = lambda done, total: None,
) -> RetrievalResult:
    """Find the complex object whose Fourier transform, seen by partially coherent light, has the measured intensities.

    Parameters
    ----------
    intensity, mask : arrays
        As for ``fill_gaps``; a scan may be complete. It is trimmed to sizes that transform quickly.
    filled, std : arrays like the intensity, optional
        Where it is an estimate (> 0), and the estimates' standard deviation, as ``fill_gaps`` gives them.
    support : array (frames, rows, columns), optional
        > 0 where the object may be, in an array of the intensity's shape, to begin with; else half the autocorrelation's.
    options : RetrievalOptions
    on_progress : callable
        Called with the steps done and their total.

    Returns
    -------
    RetrievalResult

    Raises
    ------
    InputError
        If an argument does not fit, nothing was measured, or the support is empty or wider than half the array.
    """
    pattern = prepare_pattern(intensity, mask, filled, std, options.counts_per_unit, options.negatives)
    treatment = options.treatment or usual_treatment(pattern)
    check_treatment(treatment, pattern)
    shape = pattern.counts.shape
    pattern = clear_box(pattern) if treatment == "crop" else pattern
    shapes = np.shape(intensity), shape
    given = None if support is None else given_support(support, shapes, pattern.counts.shape)
    options = replace(options, treatment=treatment)

    def work(device: Device) -> RetrievalResult:
        return searched(pattern, treatment, given, replace(options, device=device), on_progress)

    result, fell_back = on_card_or_processor(work, options.device)
    if treatment == "crop":
        result = replace(result, crystal=interpolated(result.crystal, shape), support=resampled(result.support, shape))
    return replace(result, options=options, fell_back=fell_back)


def searched(
    pattern: Pattern,
    treatment: TreatmentName,
    given: Bool[Tensor, "frames rows columns"] | None,
    options: RetrievalOptions,
    on_progress: Progress = lambda done, total: None,
) -> RetrievalResult:
    """The object of a pattern with a treatment, from a support that was given or the autocorrelation's."""
    device = find_device(options.device)
    given = None if given is None else given.to(device)
    if options.coherence == "full":
        support = first_support(torch.from_numpy(pattern.counts).to(device)) if given is None else given
        ends, best = coherent_starts(pattern, treatment, support, options, on_progress)
    else:
        ends, best = partial_starts(pattern, treatment, given, options, device, on_progress)
    crystal, inside, modes = common_object([found.crystal for found in best], best[0].support)
    return RetrievalResult(crystal, inside, ends, modes, pattern.oversampling, options)


def common_object(
    crystals: list[Object], support: Bool[Tensor, "frames rows columns"]
) -> tuple[
    Complex64[NDArray[np.complex64], "frames rows columns"],
    Bool[NDArray[np.bool_], "frames rows columns"],
    Float[NDArray[np.floating[Any]], " starts"],
]:
    """What several objects have in common once aligned to the first, its support, and the shares of their modes."""
    mode, shares = in_common(crystals)
    tight = shrink_wrap(torch.from_numpy(np.abs(mode)).to(support.device), support, FINEST_BLUR)
    return mode.astype(np.complex64), tight.cpu().numpy(), shares
