"""What a person sees in pictures: a fill, a mask, a training."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import poisson_deviance, total_bias
from braggfill.base.pictures import (
    COUNTS_MAP,
    LARGEST_RELATIVE,
    NOT_MEASURED,
    RELATIVE_MAP,
    new_figure,
    outline,
    write_picture,
)
from braggfill.filling.result import FillResult
from braggfill.judging.pulls import pulls
from braggfill.reports.choice import Through
from braggfill.reports.planes import meeting_place, slice_heights
from braggfill.reports.slices import ROOM_INCHES, WIDTH_INCHES, Column, draw_columns, how_far_off, log_counts


def plot_fill(
    path: Path, result: FillResult, title: str, through: Through = "peak", hidden: NDArray[Any] | None = None
) -> None:
    """Draw three slices of a filled scan (PNG): as measured, filled, and how sure; or the hidden truth and how far off.

    Parameters
    ----------
    path : Path
    result : FillResult
    title : str
    through : Through
        Where the slices meet.
    hidden : array (frames, rows, columns), optional
        What the gaps hide, in units of the scan, where that is known: of simulated scans, or where a gap was cut out.
    """
    columns = _columns(result) if hidden is None else _columns_with_truth(result, hidden)
    missing = result.filled | result.mask
    place, heights = meeting_place(result.intensity, missing, through), slice_heights(missing.shape)
    figure = new_figure(WIDTH_INCHES * len(columns), WIDTH_INCHES * sum(heights) + ROOM_INCHES)
    draw_columns(figure, columns, missing, place, heights)
    figure.suptitle(title if hidden is None else f"{title}: {how_right(result, hidden)}", parse_math=False)
    write_picture(path, figure, 100)


def _columns(result: FillResult) -> list[Column]:
    counts = _scale(result) * np.maximum(result.intensity, 0)
    brightest, sure = float(counts.max()), "standard deviation / estimate"
    return [
        log_counts("measured", counts, result.filled | result.mask, brightest),
        log_counts("filled", counts, result.mask, brightest),
        Column("relative uncertainty", result.relative_std, sure, RELATIVE_MAP, 0.0, LARGEST_RELATIVE),
    ]


def _columns_with_truth(result: FillResult, hidden: NDArray[Any]) -> list[Column]:
    scale, at = _scale(result), result.filled
    counts, missing = scale * np.maximum(result.intensity, 0), at | result.mask
    truth = np.where(missing, scale * hidden, counts)
    brightest = float(max(truth.max(), counts.max()))
    return [
        log_counts("measured", counts, missing, brightest),
        log_counts("hidden truth", truth, np.zeros_like(missing), brightest),
        log_counts("filled", counts, result.mask, brightest),
        how_far_off(pulls(counts[at], scale * result.std[at], truth[at]), at),
    ]


def _scale(result: FillResult) -> np.float32:
    """Photons for one unit of the scan."""
    return np.float32(result.options.counts_per_unit or 1.0)


def how_right(result: FillResult, hidden: NDArray[Any]) -> str:
    """Deviance and total of a fill against what its gaps hide (frames, rows, columns), as a part of a sentence."""
    scale = _scale(result)
    estimates, known = (scale * v[result.filled] for v in (result.intensity, np.asarray(hidden)))
    if not known.any():
        return "nothing is hidden there"
    off = 100 * (total_bias(estimates, known) - 1)
    return f"deviance {poisson_deviance(estimates, known):.3g} a voxel from the hidden counts, total {off:+.1f} %"


def plot_mask(path: Path, mask: NDArray[np.bool_], counts: NDArray[np.float32] | None = None) -> None:
    """Draw a mask over the counts summed over all frames (PNG): grey where no frame counts, lines round where only some do not.

    Parameters
    ----------
    path : Path
    mask : bool array (frames, rows, columns) or (rows, columns)
        True = not measured.
    counts : float32 array (rows, columns), optional
        Summed over the frames.
    """
    share = mask.mean(0) if mask.ndim == 3 else mask.astype(float)
    figure = new_figure(7.2, 6.4)
    panel = figure.subplots()
    panel.set_facecolor(NOT_MEASURED)
    picture = np.log10(1 + counts) if counts is not None else np.zeros(share.shape)
    shown = panel.imshow(np.where(share == 1, np.nan, picture), cmap=COUNTS_MAP, interpolation="nearest")
    outline(panel, share > 0)
    panel.set(title=f"{100 * share.mean():.2f} % not measured (grey)", xlabel="column", ylabel="row")
    if counts is not None:
        figure.colorbar(shown, ax=panel, label="log10(1 + counts of all frames)")
    write_picture(path, figure, dpi=100)


def plot_training(path: Path, curve: list[list[float]]) -> None:
    """Draw a training curve (PNG): rows of step, loss, validation likelihood and skill."""
    steps, loss, likelihood, skill = zip(*curve, strict=True)
    figure = new_figure(7, 6)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(steps, loss, label="training")
    above.plot(steps, likelihood, label="validation crystals")
    above.set(ylabel="neg. log-likelihood above the truth's", yscale="log")
    above.legend()
    below.plot(steps, skill)
    below.set(xlabel="step", ylabel="skill on validation crystals")
    write_picture(path, figure, dpi=100)
