"""Phase retrieval: from a scan, filled or not, to the complex object."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Complex64, Float
from numpy.typing import NDArray
from torch import Tensor

from braggfill.base.devices import find_device
from braggfill.base.errors import InputError
from braggfill.base.options import spelled_out
from braggfill.base.tasks import Progress
from braggfill.crystal.starts import first_support, start_generator
from braggfill.retrieval.alignment import Object, align, average_modes
from braggfill.retrieval.iterations import Iterate
from braggfill.retrieval.options import RetrievalOptions, Schedule, SearchOptions, TreatmentName
from braggfill.retrieval.pattern import Pattern, clear_box, high_frequencies_added, prepare_pattern
from braggfill.retrieval.starts import hidden_deviance, hide_voxels, random_crystal
from braggfill.retrieval.support import FINEST_BLUR, WIDEST_BLUR, shrink_wrap
from braggfill.retrieval.treatments import Bounds, amplitude_bounds, check_treatment
from braggfill.scan.boxes import bounding_box
from braggfill.scan.gaps import AXIS_NAMES

SHRINK_EVERY = 20
"""Iterations of HIO and RAAR between two shrink-wraps."""
LEAST_OVERSAMPLING, ALIKE = 2.0, 0.9
"""Below these a user is warned."""
SEARCH = ("hio", "raar")
"""Algorithms that look for the object, with shrink-wraps; ``bounded`` takes estimates as they are until they end."""


@dataclass(frozen=True)
class Start:
    """How one random start ended."""

    number: int
    deviance: float
    """Mean Poisson deviance of the hidden counts: the free log-likelihood, up to its sign and a constant; less is better."""


@dataclass(frozen=True, eq=False)
class Found:
    """What one random start found."""

    crystal: Complex64[NDArray[np.complex64], "frames rows columns"]
    """The object in the middle."""
    support: Bool[Tensor, "frames rows columns"]
    """Where it is."""
    deviance: float
    """Of the hidden counts, as of a ``Start``."""


@dataclass(frozen=True)
class RetrievalResult:
    """A retrieved object, in the middle of its arrays."""

    crystal: Complex64[NDArray[np.complex64], "frames rows columns"]
    """The best starts' common mode; the squared modulus of its Fourier transform is counts."""
    support: Bool[NDArray[np.bool_], "frames rows columns"]
    """Where the object is."""
    starts: list[Start]
    """Best first."""
    modes: Float[NDArray[np.floating[Any]], " starts"]
    """Shares of the energy in the orthogonal modes of the averaged starts; the first is 1 if all are alike."""
    oversampling: tuple[float, float, float]
    """Array size over the autocorrelation's half size; 2 where that fills the array."""
    options: RetrievalOptions
    """With the treatment that was taken."""

    @property
    def warnings(self) -> list[str]:
        """Plain sentences about what a user should know before trusting the result."""
        found = []
        coarse = [axis for axis, s in zip(AXIS_NAMES, self.oversampling, strict=True) if s <= LEAST_OVERSAMPLING]
        if coarse:
            found.append(
                f"the pattern is sampled too coarsely along {' and '.join(coarse)}s: the object seems to fill more than half "
                "of the array (oversampling under 2) and cannot be told from others; measure in finer steps, or farther away"
            )
        if len(self.modes) > 1 and self.modes[0] < ALIKE:
            found.append(
                f"the starts do not agree: only {100 * self.modes[0]:.0f} % of their energy is common to all; use more "
                "iterations or starts"
            )
        return found


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
    """Find the complex object whose Fourier transform has the measured intensities.

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
        Called with the iterations done and their total.

    Returns
    -------
    RetrievalResult

    Raises
    ------
    InputError
        If an argument does not fit, nothing was measured, or the support is empty or wider than half the array.
    """
    pattern = prepare_pattern(intensity, mask, filled, std, options.counts_per_unit)
    treatment = options.treatment or ("bounded" if pattern.filled.any() else "free")
    check_treatment(treatment, pattern)
    shape = pattern.counts.shape
    pattern = clear_box(pattern) if treatment == "crop" else pattern
    place = find_device(options.device)
    first, oversampling = first_support(torch.from_numpy(pattern.counts).to(place))
    if support is not None:
        first = given_support(support, pattern.counts.shape).to(place)
    ends, best = best_starts(pattern, treatment, first, options, on_progress)
    crystal, inside, modes = common_object([found.crystal for found in best], best[0].support)
    if treatment == "crop":
        crystal, inside = finer(crystal, shape), _resampled(inside, shape)
    return RetrievalResult(crystal, inside, ends, modes, oversampling, replace(options, treatment=treatment))


def best_starts(
    pattern: Pattern,
    treatment: TreatmentName,
    support: Bool[Tensor, "frames rows columns"],
    options: SearchOptions,
    on_progress: Progress,
) -> tuple[list[Start], list[Found]]:
    """How all random starts ended, best first, and what the best of them found; what is not kept is let go at once."""
    ends: list[Start] = []
    best: list[Found] = []
    each = sum(count for _, count in options.schedule)
    for number in range(options.starts):

        def advance(n: int, before: int = number * each) -> None:
            on_progress(before + n, options.starts * each)

        found = run_start(pattern, treatment, support, options, number, advance)
        ends.append(Start(number, found.deviance))
        best = sorted([*best, found], key=lambda f: f.deviance)[: options.keep]
    return sorted(ends, key=lambda start: start.deviance), best


def run_start(
    pattern: Pattern,
    treatment: TreatmentName,
    support: Bool[Tensor, "frames rows columns"],
    options: SearchOptions,
    number: int,
    on_iteration: Callable[[int], None],
) -> Found:
    """Search for the object from one random start, within a support."""
    rng = start_generator(options.seed, number)
    hidden = hide_voxels(rng, pattern)
    crystal = random_crystal(rng, support, float(pattern.counts.sum(dtype=float)))
    iterate = Iterate(crystal, support, amplitude_bounds(pattern, treatment, hidden, 0, support.device))
    run_schedule(
        iterate,
        options.schedule,
        on_iteration,
        lambda: amplitude_bounds(pattern, treatment, hidden, device=support.device),
    )
    deviance = hidden_deviance(iterate.crystal, pattern, hidden)
    crystal, support = centred(iterate.crystal, iterate.support)
    return Found(crystal.cpu().numpy(), support, deviance)


def run_schedule(
    iterate: Iterate,
    schedule: Schedule,
    on_iteration: Callable[[int], None],
    final_bounds: Callable[[], Bounds],
) -> None:
    """Make all iterations, with shrink-wraps while the object is searched for, and the final bounds after that."""
    steps = [name for name, count in schedule for _ in range(count)]
    updates = [n for n, name in enumerate(steps, 1) if name in SEARCH and n % SHRINK_EVERY == 0]
    blurs = dict(zip(updates, np.linspace(WIDEST_BLUR, FINEST_BLUR, len(updates) + 1)[1:], strict=True))
    searching = True
    for n, name in enumerate(steps, 1):
        if searching and name not in SEARCH:
            iterate.bounds, searching = final_bounds(), False
        iterate.step(name)
        if n in blurs:
            iterate.support = shrink_wrap(iterate.projected.abs(), iterate.support, blurs[n])
        on_iteration(n)


def centred(
    crystal: Complex64[Tensor, "frames rows columns"], support: Bool[Tensor, "frames rows columns"]
) -> tuple[Complex64[Tensor, "frames rows columns"], Bool[Tensor, "frames rows columns"]]:
    """Move an object by whole voxels, so that its support's box is in the middle."""
    shifts = [n // 2 - (span.start + span.stop - 1) // 2 for span, n in zip(bounding_box(support), support.shape, strict=True)]
    return crystal.roll(shifts, (0, 1, 2)), support.roll(shifts, (0, 1, 2))


def common_object(
    crystals: list[Object], support: Bool[Tensor, "frames rows columns"]
) -> tuple[
    Complex64[NDArray[np.complex64], "frames rows columns"],
    Bool[NDArray[np.bool_], "frames rows columns"],
    Float[NDArray[np.floating[Any]], " starts"],
]:
    """What several objects have in common once aligned to the first, its support, and the shares of their modes."""
    aligned = [crystals[0], *(align(crystals[0], c)[0] for c in crystals[1:])]
    mode, shares = average_modes(aligned)
    tight = shrink_wrap(torch.from_numpy(np.abs(mode)).to(support.device), support, FINEST_BLUR)
    return mode.astype(np.complex64), tight.cpu().numpy(), shares


def given_support(support: NDArray[Any], shape: tuple[int, ...]) -> Bool[Tensor, "frames rows columns"]:
    """A support of the user's, an array like the intensity, on the grid of the pattern; or InputError."""
    support = np.asarray(support)
    if support.ndim != 3 or support.dtype.kind not in "iufb" or not (support > 0).any():
        raise InputError(
            f"support: got {support.dtype} of shape {support.shape} with nothing inside, expected a volume with voxels > 0"
        )
    inside = torch.from_numpy(_resampled(support > 0, shape))
    spans = [s.stop - s.start for s in bounding_box(inside)]
    if any(2 * span > n for span, n in zip(spans, shape, strict=True)):
        raise InputError(
            f"support: got {tuple(spans)} voxels in an array of {shape}, expected at most half of it along each axis, for "
            "a larger object is not determined by its pattern; give a tighter support, or measure in finer steps"
        )
    return inside


def _resampled(support: NDArray[np.bool_], shape: tuple[int, ...]) -> Bool[NDArray[np.bool_], "frames rows columns"]:
    """A support on another grid of the same extent: the nearest voxel's."""
    for axis, (n, old) in enumerate(zip(shape, support.shape, strict=True)):
        places = np.rint((np.arange(n) - n // 2) * (old / n)).astype(int) + old // 2
        support = np.take(support, places.clip(0, old - 1), axis)
    return support


def finer(
    crystal: Complex64[NDArray[np.complex64], "coarse_frames coarse_rows coarse_columns"], shape: tuple[int, ...]
) -> Complex64[NDArray[np.complex64], "frames rows columns"]:
    """An object on a finer grid of the same extent; what was not measured at high frequencies is zero there."""
    spectrum = torch.fft.fftn(torch.fft.ifftshift(torch.from_numpy(crystal))).numpy()
    fine = torch.fft.ifftn(torch.from_numpy(high_frequencies_added(spectrum, shape)))
    moved: NDArray[np.complex64] = torch.fft.fftshift(fine).numpy()
    return moved
