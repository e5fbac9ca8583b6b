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
from braggfill.losses import negative_binomial
from braggfill.model import GapNet, has_bfloat16
from braggfill.practice import HeldOut, lay_out
from braggfill.stream import MeasuredScan, Portions, PracticeScan
from braggfill.unet import network_predictor

MINUTES = 2.0
"""Time for an adaptation, unless another is given."""
STEPS, BATCH, PLANE = 100, 16, 32
"""Steps, portions a step, and their extent in the gap's plane."""
LEARNING_RATE, WARMUP_STEPS = 3e-4, 10
"""Peak of the schedule: linear warm-up, then half a cosine to zero."""
WEIGHT_DECAY, GRADIENT_LIMIT, VOXEL_GRADIENT_LIMIT, AVERAGE_DECAY = 1e-3, 1.0, 30.0, 0.95
"""As in a training, but for the average over the last twenty steps."""
JUDGE_EVERY = 25
"""Steps between two looks at the held-out copies."""
SURE = 2.0
"""The gain in held-out likelihood, in standard errors, above which adapted weights are kept."""
TIMED_STEPS, SHARE_FOR_STEPS = 5, 0.85
"""First steps, whose time tells how many more can be made; share of the time for them, the rest is for judging."""


@dataclass(frozen=True)
class Lesson:
    """What was learned from a scan; the scores are from copies of its gaps that nothing was learned from."""

    outcome: str
    """``adapted``, ``no gain`` or ``no room``; in the last two cases the weights are those that it began with."""
    seed: int
    scan_sha256: str
    """Of counts and mask."""
    interrupted: bool
    """Whether a person stopped it before its end."""
    steps: int = 0
    """Steps made."""
    planned_steps: int = 0
    """What the time sufficed for; fewer than ``STEPS`` on a slow machine."""
    best_step: int = 0
    """The step that did best."""
    voxels: int = 0
    """Held-out voxels that were scored."""
    skill_before: float | None = None
    """Share of the linear fill's excess deviance that is removed."""
    skill_after: float | None = None
    """Of the best step."""
    loss_before: float | None = None
    """Mean negative log-likelihood of the held-out counts."""
    loss_after: float | None = None
    sureness: float | None = None
    """Their difference over its standard error."""


@dataclass(frozen=True)
class Adaptation:
    """An adapted network and where it comes from."""

    model: GapNet
    lesson: Lesson


OnStep = Callable[[int, int, float], None]
"""Called with the steps made, their total, and the best held-out skill so far."""


def adapt(
    model: GapNet,
    counts: np.ndarray,
    mask: np.ndarray,
    slabs: list[Slab],
    minutes: float | bool = True,
    seed: int = 0,
    on_step: OnStep = lambda step, steps, skill: None,
) -> Adaptation:
    """Let a network learn the fringes of one scan from copies of its gaps where the counts are known.

    The likelihood of the hidden counts is maximised over all weights. The result is the running average of the weights that did
    best on held-out copies, or the network as it was, if none did surely better. Interrupted (Ctrl-C), it ends with the best so
    far.

    Parameters
    ----------
    model : GapNet
        Where to start; it is changed in place, and stays on its device.
    counts, mask : arrays (frames, rows, columns)
        Photon counts, float32; mask True = not measured.
    slabs : list of Slab
        The gaps to be filled.
    minutes : float
        Time for all of it; where it does not suffice for all steps, fewer are planned. True stands for ``MINUTES``.
    seed : int
        Of every random choice.
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
    minutes = MINUTES if minutes is True else minutes
    if not (0 < minutes < math.inf and seed >= 0):
        raise InputError(f"adapt, seed: got {minutes} minutes and {seed}, expected a finite number above 0 and at least 0")
    end, course, interrupted = time.perf_counter() + 60 * minutes, None, False
    places, portions = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    try:
        practice = lay_out(places, counts, mask, slabs, device_of(model))
        if practice:
            course = Course(model, practice.held_out)
            course.run(practice.scans, portions, end, on_step)
    except KeyboardInterrupt:
        interrupted = True
    scan = MeasuredScan("", counts, mask)
    return conclude(model, course, Lesson("no gain" if interrupted else "no room", seed, scan.sha256, interrupted))


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
        while self.step < self.steps and time.perf_counter() < end:
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


def conclude(model: GapNet, course: Course | None, lesson: Lesson) -> Adaptation:
    """Give the network the weights that did best, if they did surely better, and say what came of it."""
    if course:
        sureness = course.best.sureness_over(course.first)
        better = course.best_step > 0 and sureness > SURE
        model.load_state_dict(course.best_weights if better else course.first_weights)
        lesson = replace(
            lesson,
            outcome="adapted" if better else "no gain",
            steps=course.step,
            planned_steps=course.steps,
            best_step=course.best_step,
            voxels=len(course.held_out.counts),
            skill_before=course.first.skill,
            skill_after=course.best.skill,
            loss_before=course.first.loss,
            loss_after=course.best.loss,
            sureness=sureness,
        )
    return Adaptation(model.eval().requires_grad_(False), lesson)
