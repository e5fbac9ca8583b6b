"""Adaptation: a short training of the network on the scan that is to be filled, judged on what it never saw."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from braggfill.errors import InputError
from braggfill.gaps import Slab
from braggfill.kriging import SHIPPED, FringeModel
from braggfill.losses import negative_binomial
from braggfill.model import GapNet, has_bfloat16
from braggfill.practice import FEWEST_VOXELS, HeldOut, Verdict, choose_held_out, held_out_portions, practice_scans
from braggfill.stream import MeasuredScan, Portions, PracticeScan
from braggfill.unet import network_predictor

STEPS, BATCH, PLANE = 100, 16, 32
"""Steps, portions a step, and their extent in the gap's plane."""
LEARNING_RATE, WARMUP_STEPS = 3e-4, 10
"""Peak of the schedule: linear warm-up, then half a cosine to zero."""
WEIGHT_DECAY, GRADIENT_LIMIT, VOXEL_GRADIENT_LIMIT, AVERAGE_DECAY = 1e-3, 1.0, 30.0, 0.95
"""As in a training, but for the average over the last twenty steps."""
JUDGE_EVERY = 25
"""Steps between two looks at the held-out copies."""
SURE_FRINGES, SURE_WEIGHTS = 0.5, 2.0
"""The gain in held-out deviance, in standard errors, above which constants of kriging and weights are kept."""
FRINGES = (
    FringeModel(departure=1.0, taper_sigma=16.0, reach=24, context=12),
    FringeModel(envelope_sigma=3.0),
    FringeModel(envelope_sigma=6.0, departure=1.0),
)
"""Constants of kriging that are tried: for fringes that repeat farther, for finer and for coarser ones."""
TIMED_STEPS, SHARE_FOR_STEPS = 5, 0.85
"""First steps, whose time tells how many more can be made; share of the time for them, the rest is for judging."""


@dataclass(frozen=True)
class Lesson:
    """What was learned from a scan; the scores are from copies of its gaps that nothing was learned from."""

    seed: int
    scan_sha256: str
    """Of counts and mask."""
    interrupted: bool
    """Whether a person stopped it before its end."""
    fringes: FringeModel | None = None
    """Constants of kriging that surely do better beside those it began with; None: these stay alone."""
    kept_step: int = 0
    """Steps after which the weights were taken; 0: they are those that it began with."""
    steps: int = 0
    """Steps made."""
    planned_steps: int = 0
    """What the time sufficed for; fewer than ``STEPS`` on a slow machine."""
    voxels: int = 0
    """Held-out voxels that were scored; 0: the scan has no room for copies of its gaps that hold counts."""
    skill_before: float | None = None
    """Share of the linear fill's excess deviance that is removed."""
    skill_with_fringes: float | None = None
    """With the constants of kriging chosen, and the weights as they were."""
    skill_after: float | None = None
    """Of what is kept."""
    fringes_sureness: float = 0.0
    """Gain in held-out deviance by the constants of kriging, in standard errors."""
    weights_sureness: float = 0.0
    """Gain by the weights of the best step, in standard errors."""


@dataclass(frozen=True)
class Adaptation:
    """An adapted network and where it comes from."""

    model: GapNet
    fringes: tuple[FringeModel, ...]
    """For the kriging that it starts from; the fills with each are averaged."""
    lesson: Lesson


OnStep = Callable[[int, int, float], None]
"""Called with the steps made, their total, and the best held-out skill so far."""


def adapt(
    model: GapNet,
    counts: np.ndarray,
    mask: np.ndarray,
    slabs: list[Slab],
    minutes: float = 2.0,
    seed: int = 0,
    fringes: tuple[FringeModel, ...] = (SHIPPED,),
    on_step: OnStep = lambda step, steps, skill: None,
) -> Adaptation:
    """Let kriging and network learn the fringes of one scan from copies of its gaps where the counts are known.

    First the constants of kriging are chosen, then the network is trained on the likelihood of the counts in copies. The result
    is what did best on held-out copies, or all as it was where nothing did surely better. Interrupted (Ctrl-C), it ends with
    the best so far.

    Parameters
    ----------
    model : GapNet
        Where to start; it is changed in place, and stays on its device.
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    slabs : list of Slab
        The gaps to be filled.
    minutes : float
        Time for all of it; where it does not suffice for all steps, fewer are planned.
    seed : int
        Of every random choice.
    fringes : FringeModel, one or several
        Constants of kriging to begin with.
    on_step : callable

    Returns
    -------
    Adaptation

    Raises
    ------
    InputError
        If minutes or seed are out of range.

    References
    ----------
    Fine-tuning on the scan at hand: M. Masto et al., J. Appl. Cryst. 57, 966 (2024), https://arxiv.org/abs/2403.08596
    """
    if not (0 < minutes < math.inf and seed >= 0):
        raise InputError(f"minutes, seed: got {minutes} and {seed}, expected a finite number above 0, and 0 or more")
    end, scan, device = time.perf_counter() + 60 * minutes, MeasuredScan("", counts, mask), device_of(model)
    places, portions = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    choice, course, interrupted = Choice(fringes), None, False
    try:
        hidden = choose_held_out(places, counts, mask, slabs)
        choice = choose_fringes(model, choice, counts, mask, hidden)
        if choice.held_out:
            course = Course(model, choice.held_out)
            scans = practice_scans(places, counts, mask | hidden, slabs, device, choice.fringes)
            course.run(scans, portions, end, on_step)
    except KeyboardInterrupt:
        interrupted = True
    return conclude(model, choice, course, Lesson(seed, scan.sha256, interrupted))


@dataclass(frozen=True)
class Choice:
    """Constants of kriging, and how right the network is with them."""

    fringes: tuple[FringeModel, ...]
    held_out: HeldOut | None = None
    """None where the scan has no room for copies of its gaps that hold counts."""
    verdict: Verdict | None = None
    before: Verdict | None = None
    """With the constants that it began with."""


def choose_fringes(model: GapNet, start: Choice, counts: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> Choice:
    """The constants of kriging to add, with which the network fills held-out copies best, if surely better than without."""
    if np.count_nonzero(hidden) < FEWEST_VOXELS:
        return start
    predictor, device = network_predictor(model, device_of(model)), device_of(model)
    first, *others = (held_out_portions(counts, mask, hidden, device, fringes) for fringes in start.fringes)
    if len(first.counts) < FEWEST_VOXELS:
        return start
    own = replace(first, scans=(*first.scans, *(s for other in others for s in other.scans)))
    before = own.judge(predictor)
    best, lowest = Choice(start.fringes, own, before, before), before.loss
    for fringes in FRINGES:
        if fringes not in start.fringes:
            scans = held_out_portions(counts, mask, hidden, device, fringes).scans
            held_out = replace(own, scans=own.scans + scans)
            verdict = held_out.judge(predictor)
            if verdict.loss < lowest and verdict.sureness_over(before) > SURE_FRINGES:
                best, lowest = Choice((*start.fringes, fringes), held_out, verdict, before), verdict.loss
    return best


class Course:
    """A training on one scan: the weights, their running average, the best average so far."""

    def __init__(self, model: GapNet, held_out: HeldOut) -> None:
        self.model, self.held_out, self.device = model.requires_grad_(True), held_out, device_of(model)
        self.judged = copy.deepcopy(model)
        self.average = self.judged.requires_grad_(False).state_dict()
        self.step, self.steps, self.best_step = 0, STEPS, 0
        self.first = self.best = held_out.judge(network_predictor(self.judged, self.device))
        self.first_weights = self.best_weights = {name: p.clone() for name, p in self.average.items()}
        self.optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)

    def run(self, scans: list[PracticeScan], rng: np.random.Generator, end: float, on_step: OnStep) -> None:
        """Train to the end of the schedule, which is planned shorter where the time does not suffice."""
        start = time.perf_counter()
        on_step(0, self.steps, self.best.skill)
        while scans and self.step < self.steps and time.perf_counter() < end:
            self.advance(draw_portions(rng, scans, self.device))
            if self.step == TIMED_STEPS:
                now = time.perf_counter()
                affordable = SHARE_FOR_STEPS * (end - now) / (now - start) * TIMED_STEPS
                self.steps = min(STEPS, self.step + int(max(affordable, 0)))
            if self.step % JUDGE_EVERY == 0 or self.step == self.steps:
                self.judge()
            on_step(self.step, self.steps, self.best.skill)

    def learning_rate(self) -> float:
        """Learning rate of the coming step."""
        if self.step < WARMUP_STEPS:
            return LEARNING_RATE * (self.step + 1) / WARMUP_STEPS
        done = (self.step - WARMUP_STEPS) / max(1, self.steps - WARMUP_STEPS)
        return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * done))

    def advance(self, portions: Portions) -> None:
        """One optimiser step on the likelihood of the counts in the copies."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=has_bfloat16(self.device)):
            outputs = self.model(portions.counts, portions.measured, portions.guess)
        log_mean, log_dispersion = (output[portions.target] for output in outputs)
        voxels = max(1, log_mean.numel())
        for output in (log_mean, log_dispersion):
            output.register_hook(lambda gradient: gradient.clamp(-VOXEL_GRADIENT_LIMIT / voxels, VOXEL_GRADIENT_LIMIT / voxels))
        loss = negative_binomial(portions.drawn[portions.target], log_mean, log_dispersion).sum() / voxels
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        self.step += 1
        decay = min(AVERAGE_DECAY, self.step / (self.step + 10))
        for name, p in self.model.named_parameters():
            self.average[name].lerp_(p.detach(), 1 - decay)

    def judge(self) -> None:
        """Look at the held-out copies, and remember the averaged weights if they are the best so far."""
        verdict = self.held_out.judge(network_predictor(self.judged, self.device))
        if verdict.loss < self.best.loss:
            weights = {name: p.clone() for name, p in self.average.items()}
            self.best, self.best_step, self.best_weights = verdict, self.step, weights


def device_of(model: GapNet) -> torch.device:
    """Where a network is."""
    return next(model.parameters()).device


def draw_portions(rng: np.random.Generator, scans: list[PracticeScan], device: torch.device) -> Portions:
    """A batch of portions, each from any of the scans."""
    plane = min(PLANE, *scans[0].mask.shape)
    portions = [scans[int(rng.integers(len(scans)))].portion(rng, plane) for _ in range(BATCH)]
    return Portions(*(torch.from_numpy(np.stack(part)).to(device) for part in zip(*portions, strict=True)))


def conclude(model: GapNet, choice: Choice, course: Course | None, lesson: Lesson) -> Adaptation:
    """Give the network the weights that did best, if they did surely better, and say what came of it."""
    if choice.held_out and choice.verdict and choice.before:
        after, kept = choice.verdict, 0
        if course:
            sureness = course.best.sureness_over(course.first)
            if sureness > SURE_WEIGHTS:
                after, kept = course.best, course.best_step
            model.load_state_dict(course.best_weights if kept else course.first_weights)
            lesson = replace(lesson, steps=course.step, planned_steps=course.steps, weights_sureness=sureness)
        lesson = replace(
            lesson,
            fringes=None if choice.verdict is choice.before else choice.fringes[-1],
            kept_step=kept,
            voxels=len(choice.held_out.counts),
            skill_before=choice.before.skill,
            skill_with_fringes=choice.verdict.skill,
            skill_after=after.skill,
            fringes_sureness=choice.verdict.sureness_over(choice.before),
        )
    return Adaptation(model.eval().requires_grad_(False), choice.fringes, lesson)
