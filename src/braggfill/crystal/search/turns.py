"""The coarse search: from random phases in a support from the autocorrelation to objects worth carrying to finer levels.

Iterations of HIO and RAAR take turns with the fit of the likelihood; the first turn is coherent, the later ones project the
blurred modulus.

References
----------
shrink-wrap: S. Marchesini et al., Phys. Rev. B 68, 140101 (2003), https://doi.org/10.1103/PhysRevB.68.140101
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from braggfill.base.errors import VanishedError
from braggfill.base.progress import Tick
from braggfill.base.smoothing import gaussian_blur
from braggfill.crystal.model.coherence import Instrument, expected_counts, project_modulus
from braggfill.crystal.model.levels import Level
from braggfill.crystal.model.likelihood import FIRST_HALF_WIDTH, Fitted, Terms, fit
from braggfill.crystal.model.misfit import misfit, noise_misfit
from braggfill.crystal.model.roughness import dilated
from braggfill.crystal.model.shapes import Object, Volume, Voxels
from braggfill.crystal.search.algorithms import ALGORITHMS
from braggfill.crystal.search.wraps import TIGHT, Wrap

CONVERGED = 1.2
"""Largest misfit of an object that counts as converged, over that of noise about its own counts."""
SHRINK_EVERY = 20
"""Iterations between two shrink-wraps."""
REFINED_CUT, REFINED_BLUR = 0.06, 0.8
"""Share of the blurred modulus' maximum above which a voxel belongs to a support that was fitted, unless hidden counts say
otherwise, and the blur's width in voxels."""
ROUGHNESS_WEIGHT = 0.3
"""μ of the interior amplitude where the object is carried up and fitted last, unless hidden counts say otherwise."""
SMALLER_WEIGHTS = (0.1, 0.03)
"""What they may choose instead for uneven crystals; a hundredth tells hidden counts better and a wide gap worse."""
LAST_BLUR = 0.8
"""Width in voxels of the Gaussian that blurs the modulus for shrink-wrap at the last turn."""
FIRST_WIDTH, FIRST_BACKGROUND, FIRST_DEAD_TIME_LOSS = 0.6, 0.01, 0.001
"""Widths in voxels, counts a voxel, and share lost at the brightest voxel that the instrument starts with."""
NARROWEST_START = 0.35
"""Least width of partial coherence's Gaussian, in voxels, that an object is fitted with anew: from less than a third none comes
back."""


@dataclass(frozen=True)
class Fitting:
    """By what starts are fitted while they are searched for and carried up."""

    kappa: float
    """Share of the counts that voxels vary by beyond counting noise."""
    mu: float
    """Weight of the interior amplitude's roughness."""
    cut: float = REFINED_CUT
    """Of the blurred modulus' maximum above which a voxel belongs to a refined support."""
    wrap: Wrap = TIGHT

    @property
    def terms(self) -> Terms:
        """Of the loss."""
        return Terms(self.kappa, self.mu)


@dataclass(frozen=True)
class Turn:
    """One turn: iterations, then a fit."""

    hio: int
    raar: int
    er: int
    evaluations: int
    coherent: bool = False
    refinements: int = 0
    """Times that the support is fitted, after the object."""


TURNS: tuple[Turn, ...] = (
    Turn(400, 100, 50, 25, coherent=True),
    Turn(100, 60, 20, 25, refinements=2),
    Turn(60, 40, 10, 25, refinements=2),
    Turn(60, 40, 10, 25, refinements=4),
)
"""The search of one start. Iterations raise the misfit, the refinements after them lower it below what it was before them; the
first ones, coherent and many, go farthest: an iteration takes a third of an evaluation of the loss."""
EVERY_TURN, FIRST_TURNS, LATER_TURNS = slice(None), slice(2), slice(2, None)
"""All of them; those that every start is given; those that only promising ones are given."""
REFINING = 30
"""Evaluations of the loss in each half of a refinement."""


@dataclass(frozen=True)
class State:
    """Where a start is, on a level's grid."""

    crystal: Object
    """complex64 (frames, rows, columns)."""
    support: Voxels
    """bool (frames, rows, columns)."""
    instrument: Instrument
    misfit: float = math.inf
    """Infinite where nothing was fitted yet."""
    counting_misfit: float = 1.0
    """The misfit that the expected counts would have with counting noise alone."""

    @property
    def converged(self) -> bool:
        """Whether no more than counting noise is left."""
        return self.misfit <= CONVERGED * self.counting_misfit


def random_start(level: Level, rng: np.random.Generator) -> State:
    """An object with random phases in half the autocorrelation's support that scatters the counts of the pattern."""
    return start_inside(level, rng, level.first_support)


def start_inside(level: Level, rng: np.random.Generator, support: Voxels) -> State:
    """The same in another support (frames, rows, columns)."""
    return State(random_crystal(rng, support, float((level.target * level.taper).sum())), support, first_instrument(level))


def random_crystal(rng: np.random.Generator, support: Voxels, counts: float) -> Object:
    """An object with a random phase in every voxel of a support.

    It scatters ``counts`` photons in all.
    """
    phase = torch.from_numpy(rng.uniform(-np.pi, np.pi, tuple(support.shape)).astype(np.float32)).to(support.device)
    modulus = support.float()
    strength = (counts / support.numel() / float(modulus.sum())) ** 0.5  # Parseval: Σ|A|² = voxels Σ|object|²
    return torch.polar(modulus * strength, phase)


def first_instrument(level: Level) -> Instrument:
    """What a search begins with: some blur, frames and pixels alike, hardly any background or loss."""
    value = level.target.new_full
    return Instrument(
        value((3,), FIRST_WIDTH),
        value((level.shape[0],), 1.0),
        value((), FIRST_BACKGROUND),
        value((), FIRST_BACKGROUND),
        FIRST_HALF_WIDTH * level.target.new_tensor(level.shape),
        value((), FIRST_DEAD_TIME_LOSS) / level.target.max(),
        value((1, 1), 1.0),
    )


def wide_enough(instrument: Instrument) -> Instrument:
    """An instrument whose widths fits may change either way."""
    return replace(instrument, widths=instrument.widths.clamp(min=NARROWEST_START))


def search(
    level: Level,
    state: State,
    turns: tuple[Turn, ...],
    fitting: Fitting,
    tick: Tick = lambda: None,
    which: slice = EVERY_TURN,
) -> State:
    """Take a start through turns until it converges, and keep its state of least misfit.

    Parameters
    ----------
    level : Level
    state : State
    turns : tuple of Turn
    fitting : Fitting
    tick : callable
        Called after every turn.
    which : slice
        Of the turns; the others are made at another time.
    """
    best = state
    blurs = np.linspace(fitting.wrap.blur, LAST_BLUR, len(turns) + 1)
    for number, turn in list(enumerate(turns))[which]:
        if best.converged:
            break
        try:
            state = take_turn(level, state, turn, (float(blurs[number]), float(blurs[number + 1])), fitting)
        except VanishedError:
            break
        best = better(best, state)
        tick()
    return best


def improved(state: State, work: Callable[[], State]) -> State:
    """The better of a state and of what some work makes of it, if no object vanishes."""
    try:
        return better(state, work())
    except VanishedError:
        return state


def take_turn(level: Level, state: State, turn: Turn, blurs: tuple[float, float], fitting: Fitting) -> State:
    """Make the iterations of a turn, with shrink-wraps, and fit what comes of them."""
    crystal, support = iterated(level, state, turn, blurs, fitting.wrap.cut)
    found = fit(level, crystal * support, support, state.instrument, turn.evaluations, fitting.terms)
    state = judged(level, found, support, fitting.kappa)
    for _ in range(turn.refinements):
        state = refined(level, state, fitting)
    return state


def judged(level: Level, found: Fitted, support: Voxels, kappa: float) -> State:
    """A fit as a state with its misfit."""
    expected = expected_counts(found.crystal, found.instrument, level)
    if not math.isfinite(left := misfit(level, expected, kappa)):
        raise VanishedError
    return State(found.crystal, support, found.instrument, left, noise_misfit(level, expected, kappa))


def iterated(level: Level, state: State, turn: Turn, blurs: tuple[float, float], cut: float) -> tuple[Object, Voxels]:
    """HIO, RAAR and ER with shrink-wraps whose blur goes from one width to the other: object and support."""
    crystal, support = state.crystal.clone(), state.support
    instrument = None if turn.coherent else state.instrument
    names = ["hio"] * turn.hio + ["raar"] * turn.raar + ["er"] * turn.er
    for n, name in enumerate(names, 1):
        amplitude = project_modulus(torch.fft.fftn(crystal), level, instrument)
        projected = torch.fft.ifftn(amplitude)
        crystal = stepped(name, crystal, projected, support)
        if n % SHRINK_EVERY == 0 and n <= turn.hio + turn.raar:
            blur = blurs[0] + (blurs[1] - blurs[0]) * n / (turn.hio + turn.raar)
            support = tightened(projected.abs(), blur, cut, level.roomiest)
    return crystal, support


def stepped(name: str, crystal: Object, projected: Object, support: Voxels) -> Object:
    """What an algorithm makes of an object and of its projection to the measured moduli."""
    outside = crystal.clone()
    ALGORITHMS[name](outside, projected)
    return torch.where(support, projected, outside)


def refined(level: Level, state: State, fitting: Fitting) -> State:
    """A state fitted in a support a voxel wider, then in what of it the fit fills.

    Shrink-wrap looks at an object that does not agree with the counts yet, and cuts its soft edge: at equal correlation with
    the true object the misfit is two to three times that in the right support.
    """
    wider = dilated(state.support)
    loose = fit(level, state.crystal, wider, state.instrument, REFINING, fitting.terms)
    support = tightened(loose.crystal.abs(), REFINED_BLUR, fitting.cut, level.roomiest)
    found = fit(level, loose.crystal, support, loose.instrument, REFINING, fitting.terms)
    return judged(level, found, support, fitting.kappa)


def tightened(modulus: Volume, blur: float, cut: float, most: int) -> Voxels:
    """Where a blurred modulus (frames, rows, columns) exceeds its maximum times ``cut``, or its ``most`` largest voxels.

    An object that agrees with the counts because it fills half the array tells nothing of a gap.
    """
    smooth = gaussian_blur(modulus, blur)
    support = smooth > cut * smooth.amax()
    if torch.count_nonzero(support) > most:
        support = smooth > smooth.flatten().kthvalue(smooth.numel() - most).values
    return support


def better(one: State, other: State) -> State:
    """The state with the smaller misfit, the first of two alike."""
    return other if other.misfit < one.misfit else one
