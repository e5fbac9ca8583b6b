"""The learned fill: the network slid along every gap, expected counts and their spread blended."""

from collections.abc import Callable

import numpy as np
import torch

from braggfill.gaps import Slab, number_voxels, voxels_to_fill
from braggfill.model import GapNet
from braggfill.patches import Predictor, predict_slab, windows_for


def network_predictor(model: GapNet, device: torch.device) -> Predictor:
    """A predictor for the patching method that gives two quantities: the expected count m and the mean square m²(1 + a).

    Both average over overlapping portions, so that what the portions disagree on adds to the variance.
    """
    model = model.to(device)

    @torch.inference_mode()
    def predict(counts: np.ndarray, measured: np.ndarray) -> np.ndarray:
        log_mean, log_dispersion = model(torch.from_numpy(counts).to(device), torch.from_numpy(measured).to(device))
        mean = log_mean.double().exp()
        return torch.stack([mean, mean.square() * (1 + log_dispersion.exp())]).cpu().numpy()

    return predict


def slide(
    counts: np.ndarray,
    mask: np.ndarray,
    slabs: list[Slab],
    predictor: Predictor,
    skip: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Slide a predictor along every slab and average, also where the arms of a cross meet.

    Parameters
    ----------
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    slabs : list of Slab
    predictor : callable
        From portions to predicted quantities.
    skip : int, optional
        Voxels skipped between portions; None takes whole planes.
    on_progress : callable
        Called with the portions done and their total.

    Returns
    -------
    float64 array (quantities, voxels)
        In the order of ``voxels_to_fill(slabs, mask.shape)``.
    """
    wanted = voxels_to_fill(slabs, mask.shape)
    number = number_voxels(wanted)
    plan = [(slab, windows_for(slab, skip)) for slab in slabs]
    portions, done = sum(len(windows) for _, windows in plan), 0
    total, count = np.zeros(0), np.zeros(np.count_nonzero(wanted))

    def report(some: int) -> None:
        nonlocal done
        done += some
        on_progress(done, portions)

    for slab, windows in plan:
        predicted = predict_slab(counts, mask, slab, windows, predictor, report)
        at = np.moveaxis(number, slab.axis, 0)[slab.first : slab.last + 1]
        total = total if total.size else np.zeros((len(predicted), count.size))
        total[:, at[slab.target]] += predicted[:, slab.target]
        count[at[slab.target]] += 1
    return total / count
