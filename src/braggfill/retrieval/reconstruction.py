"""Phase retrieval: from a scan, filled or not, to the complex object."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from braggfill.base.devices import find_device
from braggfill.base.errors import InputError
from braggfill.base.tasks import Progress
from braggfill.retrieval.alignment import align, average_modes
from braggfill.retrieval.iterations import ALGORITHMS, Iterate
from braggfill.retrieval.pattern import Pattern, clear_box, high_frequencies_added, prepare_pattern
from braggfill.retrieval.starts import hidden_deviance, hide_voxels, random_crystal, start_generator
from braggfill.retrieval.support import FINEST_BLUR, WIDEST_BLUR, first_support, shrink_wrap
from braggfill.retrieval.treatments import Bounds, amplitude_bounds, check_treatment
from braggfill.scan.boxes import bounding_box
from braggfill.scan.gaps import AXIS_NAMES

SCHEDULE = (("hio", 80), ("raar", 120), ("er", 20), ("ml", 40))
"""Algorithms and their iterations, one after the other."""
SHRINK_EVERY = 20
"""Iterations of HIO and RAAR between two shrink-wraps."""
LEAST_OVERSAMPLING, ALIKE = 2.0, 0.9
"""Below these a user is warned."""


SEARCH = ("hio", "raar")
"""Algorithms that look for the object, with shrink-wraps; ``bounded`` takes estimates as they are until they end."""


@dataclass(frozen=True)
class RetrievalOptions:
    """How an object is retrieved."""

    treatment: str = "bounded"
    """A key of ``TREATMENTS``."""
    starts: int = 5
    """Random starts."""
    keep: int = 3
    """Best starts that are averaged."""
    schedule: tuple[tuple[str, int], ...] = SCHEDULE
    seed: int = 0
    device: str = "auto"
    counts_per_unit: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.keep <= self.starts:
            raise InputError(f"starts, keep: got {self.starts} and {self.keep}, expected to keep 1 to all of them")
        unknown = [name for name, count in self.schedule if name not in ALGORITHMS or count < 0]
        if unknown or sum(count for _, count in self.schedule) < 1:
            raise InputError(
                f"schedule: got {self.schedule}, expected iterations of {', '.join(ALGORITHMS)}, such as 'hio 80, er 20'"
            )
        if self.seed < 0:
            raise InputError(f"seed: got {self.seed}, expected 0 or more")


@dataclass(frozen=True)
class Start:
    """How one random start ended."""

    number: int
    deviance: float
    """Mean Poisson deviance of the hidden counts: the free log-likelihood, up to its sign and a constant; less is better."""


@dataclass(frozen=True)
class RetrievalResult:
    """A retrieved object; arrays are (frames, rows, columns), the object in the middle."""

    crystal: np.ndarray
    """complex64: the best starts' common mode; the squared modulus of its Fourier transform is counts."""
    support: np.ndarray
    """bool."""
    starts: list[Start]
    """Best first."""
    modes: np.ndarray
    """Shares of the energy in the orthogonal modes of the averaged starts; the first is 1 if all are alike."""
    oversampling: tuple[float, float, float]
    """Array size over the autocorrelation's half size; 2 where that fills the array."""
    options: RetrievalOptions

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


def retrieve(  # noqa: PLR0913 - one argument an option
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    filled: np.ndarray | None = None,
    std: np.ndarray | None = None,
    treatment: str | None = None,
    starts: int = 5,
    keep: int = 3,
    schedule: tuple[tuple[str, int], ...] = SCHEDULE,
    seed: int = 0,
    support: np.ndarray | None = None,
    device: str = "auto",
    counts_per_unit: float | None = None,
    on_progress: Progress = lambda done, total: None,
) -> RetrievalResult:
    """Find the complex object whose Fourier transform has the measured intensities.

    Parameters
    ----------
    intensity, mask : arrays
        As for ``fill_gaps``; a scan may be complete. It is trimmed to sizes that transform quickly.
    filled, std : arrays like the intensity, optional
        Where it is an estimate (> 0), and the estimates' standard deviation, as ``fill_gaps`` gives them.
    treatment : str, optional
        A key of ``TREATMENTS``: what is made of voxels that were not measured; without one ``bounded`` if there are estimates,
        else ``free``.
    starts, keep : int
        Random starts, and how many of the best are averaged.
    schedule : tuple of (algorithm, iterations)
        Algorithms are ``hio``, ``raar``, ``er``, and ``ml``, which follows the Poisson likelihood of the counts.
    seed : int
        Seed of every random choice; a start depends on it and its number alone.
    support : bool array (frames, rows, columns), optional
        Where the object may be, in an array of the intensity's shape, to begin with; else half the autocorrelation's.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    counts_per_unit : float, optional
        Photons for one unit of ``intensity``; needed unless the data are whole counts.
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
    pattern = prepare_pattern(intensity, mask, filled, std, counts_per_unit)
    treatment = treatment or ("bounded" if pattern.filled.any() else "free")
    options = RetrievalOptions(treatment, starts, keep, tuple(schedule), seed, device, counts_per_unit)
    check_treatment(treatment, pattern)
    shape = pattern.counts.shape
    pattern = clear_box(pattern) if treatment == "crop" else pattern
    place = find_device(device)
    first, oversampling = first_support(torch.from_numpy(pattern.counts).to(place))
    if support is not None:
        first = given_support(support, pattern.counts.shape).to(place)
    ends: list[Start] = []
    best: list[tuple[float, np.ndarray, torch.Tensor]] = []
    each = sum(count for _, count in options.schedule)
    for number in range(starts):

        def advance(n: int, before: int = number * each) -> None:
            on_progress(before + n, starts * each)

        crystal, inside, deviance = run_start(pattern, first, options, number, advance)
        ends.append(Start(number, deviance))
        best = sorted([*best, (deviance, crystal, inside)], key=lambda found: found[0])[:keep]  # what is not kept is let go
    crystal, support, modes = common_object([found[1] for found in best], best[0][2])
    if treatment == "crop":
        crystal, support = finer(crystal, shape), _resampled(support, shape)
    return RetrievalResult(crystal, support, sorted(ends, key=lambda s: s.deviance), modes, oversampling, options)


def run_start(
    pattern: Pattern, support: torch.Tensor, options: RetrievalOptions, number: int, on_iteration: Callable[[int], None]
) -> tuple[np.ndarray, torch.Tensor, float]:
    """The object that one random start ends with (centred), its support, and the deviance of the hidden counts."""
    rng = start_generator(options.seed, number)
    hidden = hide_voxels(rng, pattern)
    crystal = random_crystal(rng, support, float(pattern.counts.sum(dtype=float)))
    iterate = Iterate(crystal, support, amplitude_bounds(pattern, options.treatment, hidden, 0, support.device))
    run_schedule(
        iterate,
        options.schedule,
        on_iteration,
        lambda: amplitude_bounds(pattern, options.treatment, hidden, device=support.device),
    )
    deviance = hidden_deviance(iterate.crystal, pattern, hidden)
    crystal, support = centred(iterate.crystal, iterate.support)
    return crystal.cpu().numpy(), support, deviance


def run_schedule(
    iterate: Iterate,
    schedule: tuple[tuple[str, int], ...],
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


def centred(crystal: torch.Tensor, support: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Move an object by whole voxels, so that its support's box is in the middle."""
    shifts = [n // 2 - (span.start + span.stop - 1) // 2 for span, n in zip(bounding_box(support), support.shape, strict=True)]
    return crystal.roll(shifts, (0, 1, 2)), support.roll(shifts, (0, 1, 2))


def common_object(crystals: list[np.ndarray], support: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What several objects have in common once aligned to the first, its support, and the shares of their modes."""
    aligned = [crystals[0], *(align(crystals[0], c)[0] for c in crystals[1:])]
    mode, shares = average_modes(aligned)
    tight = shrink_wrap(torch.from_numpy(np.abs(mode)).to(support.device), support, FINEST_BLUR)
    return mode.astype(np.complex64), tight.cpu().numpy(), shares


def given_support(support: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
    """A support of the user's on the grid of the pattern, or InputError."""
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


def _resampled(support: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A support on another grid of the same extent: the nearest voxel's."""
    for axis, (n, old) in enumerate(zip(shape, support.shape, strict=True)):
        places = np.rint((np.arange(n) - n // 2) * (old / n)).astype(int) + old // 2
        support = np.take(support, places.clip(0, old - 1), axis)
    return support


def finer(crystal: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An object on a finer grid of the same extent; what was not measured at high frequencies is zero there."""
    spectrum = torch.fft.fftn(torch.fft.ifftshift(torch.from_numpy(crystal))).numpy()
    return torch.fft.fftshift(torch.fft.ifftn(torch.from_numpy(high_frequencies_added(spectrum, shape)))).numpy()
