"""The learned fill: the network slid along every gap, expected counts and their spread blended."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.devices import full_float32
from braggfill.base.memory import give_back
from braggfill.base.overlaps import Part, overlap_mean
from braggfill.network.gapnet import GapNet
from braggfill.network.portions import Predicted, Predictor, predict_slab, windows_for
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import flat_places

FLIPS = [axes for n in range(4) for axes in itertools.combinations((-3, -2, -1), n)]
"""All ways of mirroring a portion along some of its last three axes."""
LARGE_PORTION = 2**20
"""Voxels of a portion from which on the memory of the network's features is given back before its answers are summed up."""


def network_predictor(model: GapNet, device: torch.device, precision: str = "float32", mirrored: bool = False) -> Predictor:
    """A predictor for the patching method that gives two quantities: the expected count m and the mean square m²(1 + a).

    Both average over overlapping portions, and over mirrored ones where these are asked for, so that what the
    predictions disagree on adds to the variance.
    """
    model = model.to(device)

    @torch.inference_mode()
    def predict(
        counts: NDArray[np.float32], measured: NDArray[np.bool_], guess: NDArray[np.float32], layers: slice
    ) -> Predicted:
        portions = [torch.from_numpy(v).to(device) for v in (counts, measured, guess)]
        del counts, measured, guess
        flips, total = FLIPS if mirrored else FLIPS[:1], torch.zeros(0)
        for axes in flips:
            seen = [v.flip(axes) for v in portions] if mirrored else portions
            with full_float32(), torch.autocast(device.type, getattr(torch, precision), enabled=precision != "float32"):
                log_mean, log_dispersion = model(seen.pop(0), seen.pop(0), seen.pop(0))  # no longer held here
            if log_mean.numel() > LARGE_PORTION:
                give_back()
            mean = log_mean.flip(axes)[:, layers].double().exp_()
            total = total if total.numel() else mean.new_zeros((2, *mean.shape))
            total[0] += mean
            total[1] += mean.square_().mul_(log_dispersion.flip(axes)[:, layers].exp_().add_(1))
        predicted: Predicted = total.div_(len(flips)).cpu().numpy()
        return predicted

    return predict


def slide(
    scan: GappedScan,
    predictor: Predictor,
    skip: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Predicted:
    """Slide a predictor along every slab and average, also where the arms of a cross meet.

    Parameters
    ----------
    scan : GappedScan
        With its first guess.
    predictor : callable
        From portions to predicted quantities.
    skip : int, optional
        Voxels skipped between portions; None takes whole planes.
    on_progress : callable
        Called with the portions done and their total.

    Returns
    -------
    float64 array (quantities, voxels)
        In the order of ``array[scan.wanted]``.
    """
    wanted = np.flatnonzero(scan.wanted)
    plan = [(slab, windows_for(slab, skip)) for slab in scan.slabs]
    portions, done = sum(len(windows) for _, windows in plan), 0

    def report(some: int) -> None:
        nonlocal done
        done += some
        on_progress(done, portions)

    def parts() -> Iterator[Part]:
        for slab, windows in plan:
            give_back()
            predicted = predict_slab(scan, slab, windows, predictor, report)
            at = np.searchsorted(wanted, flat_places(slab, scan.mask.shape))
            yield (at,), predicted[:, slab.target], True
            del predicted, at

    return overlap_mean(parts(), wanted.shape)
