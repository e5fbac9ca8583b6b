"""Adaptation: a short training of the network on the scan that is to be filled, judged on what it never saw."""

import copy
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.devices import device_of, has_bfloat16
from braggfill.base.limits import check_number
from braggfill.base.progress import OnStep
from braggfill.classical.fringe_model import FringeModel
from braggfill.network.config import AdaptationConfig
from braggfill.network.gapnet import GapNet
from braggfill.network.learner import Learner
from braggfill.network.lesson import Lesson
from braggfill.network.losses import negative_binomial
from braggfill.network.practice import HeldOut, HeldOutScore, choose_held_out, held_out_portions, practice_scans
from braggfill.network.practice_scan import Portions, PracticeScan, draw_batch
from braggfill.network.sliding import network_predictor
from braggfill.network.weights import Learned
from braggfill.scan.gapped import GappedScan


def adapt(
    learned: Learned,
    scan: GappedScan,
    minutes: float = 2.0,
    seed: int = 0,
    on_step: OnStep = lambda step, steps, skill: None,
    config: AdaptationConfig | None = None,
) -> tuple[Learned, Lesson]:
    """Let kriging and network learn the fringes of one scan from copies of its gaps where the counts are known.

    First the constants of kriging are chosen, then the network is trained on the likelihood of the counts in copies. The result
    is what did best on held-out copies, or all as it was where nothing did surely better. Interrupted (Ctrl-C), it ends with
    the best so far.

    Parameters
    ----------
    learned : Learned
        Where to start; its network is changed in place, and stays on its device.
    scan : GappedScan
        The scan that is to be filled, (frames, rows, columns).
    minutes : float
        Time for all of it; where it does not suffice for all steps, fewer are planned.
    seed : int
        Of every random choice.
    on_step : callable
    config : AdaptationConfig, optional

    Returns
    -------
    learned : Learned
        The network and the constants of kriging that did best.
    lesson : Lesson

    Raises
    ------
    InputError
        If minutes or seed are out of range.

    References
    ----------
    Fine-tuning on the scan at hand: M. Masto et al., J. Appl. Cryst. 57, 966 (2024), https://arxiv.org/abs/2403.08596
    """
    check_number("minutes", minutes)
    check_number("seed", seed, whole=True)
    config = config or AdaptationConfig()
    end, device = time.perf_counter() + 60 * minutes, device_of(learned.model)
    places, portions = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    choice, course, interrupted = Choice(learned.fringes), None, False
    try:
        hidden = choose_held_out(places, scan, config.practice)
        choice = choose_fringes(learned.model, choice, scan, hidden, config)
        if choice.held_out:
            course = Course(learned.model, choice.held_out, config)
            known = replace(GappedScan.blanked(scan.counts, scan.mask | hidden), slabs=scan.slabs)
            scans = practice_scans(places, known, config.practice, device, choice.fringes)
            course.run(scans, portions, end, on_step)
    except KeyboardInterrupt:
        interrupted = True
    return conclude(learned, choice, course, Lesson(seed, scan.sha256, interrupted))


@dataclass(frozen=True)
class Choice:
    """Constants of kriging, and how right the network is with them."""

    fringes: tuple[FringeModel, ...]
    held_out: HeldOut | None = None
    """None where the scan has no room for copies of its gaps that hold counts."""
    score: HeldOutScore | None = None
    before: HeldOutScore | None = None
    """With the constants that it began with."""


def choose_fringes(
    model: GapNet, start: Choice, scan: GappedScan, hidden: NDArray[np.bool_], config: AdaptationConfig
) -> Choice:
    """The constants of kriging to add, with which the network fills held-out copies best, if surely better than without.

    ``hidden``, bool (frames, rows, columns), marks those copies.
    """
    fewest, device = config.practice.fewest_voxels, device_of(model)
    if np.count_nonzero(hidden) < fewest:
        return start
    predictor = network_predictor(model, device)
    first, *others = (held_out_portions(scan, hidden, config.practice, device, fringes) for fringes in start.fringes)
    if len(first.counts) < fewest:
        return start
    own = replace(first, scans=(*first.scans, *(s for other in others for s in other.scans)))
    before = own.judge(predictor)
    best, lowest = Choice(start.fringes, own, before, before), before.loss
    for fringes in config.fringes:
        if fringes not in start.fringes:
            scans = held_out_portions(scan, hidden, config.practice, device, fringes).scans
            held_out = replace(own, scans=own.scans + scans)
            score = held_out.judge(predictor)
            if score.loss < lowest and score.sureness_over(before) > config.sure_fringes:
                best, lowest = Choice((*start.fringes, fringes), held_out, score, before), score.loss
    return best


class Course:
    """A learner on one scan, and the best of its averaged weights so far."""

    def __init__(self, model: GapNet, held_out: HeldOut, config: AdaptationConfig) -> None:
        self.learner, self.held_out, self.config, self.device = Learner(model, config), held_out, config, device_of(model)
        self.judged = copy.deepcopy(model).requires_grad_(False)
        self.best_step, self.first = 0, self.score()
        self.best = self.first
        self.first_weights = self.best_weights = {name: p.clone() for name, p in self.learner.average.items()}

    def score(self) -> HeldOutScore:
        """How right the averaged weights are in the held-out copies."""
        self.judged.load_state_dict(self.learner.average)
        return self.held_out.judge(network_predictor(self.judged, self.device))

    def run(self, scans: list[PracticeScan], rng: np.random.Generator, end: float, on_step: OnStep) -> None:
        """Train to the end of the schedule, which is planned shorter where the time does not suffice."""
        learner, config, start = self.learner, self.config, time.perf_counter()
        plane = min(config.plane, *scans[0].scan.mask.shape) if scans else config.plane
        on_step(0, learner.steps, self.best.skill)
        while scans and learner.step < learner.steps and time.perf_counter() < end:
            self.advance(draw_batch(rng, scans, config.batch, plane, self.device))
            if learner.step == config.timed_steps:
                now = time.perf_counter()
                affordable = config.share_for_steps * (end - now) / (now - start) * config.timed_steps
                learner.steps = min(config.steps, learner.step + int(max(affordable, 0)))
            if learner.step % config.judge_every == 0 or learner.step == learner.steps:
                self.judge()
            on_step(learner.step, learner.steps, self.best.skill)

    def advance(self, portions: Portions) -> None:
        """One step down the likelihood of the counts in the copies."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=has_bfloat16(self.device)):
            outputs = self.learner.model(portions.counts, portions.measured, portions.guess)
        log_mean, log_dispersion = (output[portions.target] for output in outputs)
        voxels = max(1, log_mean.numel())
        self.learner.bound((log_mean, log_dispersion), voxels)
        loss = negative_binomial(portions.drawn[portions.target], log_mean, log_dispersion).sum() / voxels
        self.learner.descend(loss)

    def judge(self) -> None:
        """Look at the held-out copies, and remember the averaged weights if they are the best so far."""
        score = self.score()
        if score.loss < self.best.loss:
            self.best, self.best_step = score, self.learner.step
            self.best_weights = {name: p.clone() for name, p in self.learner.average.items()}


def conclude(learned: Learned, choice: Choice, course: Course | None, lesson: Lesson) -> tuple[Learned, Lesson]:
    """Give the network the weights that did best, if they did surely better, and say what came of it."""
    if choice.held_out and choice.score and choice.before:
        after, kept = choice.score, 0
        if course:
            sureness = course.best.sureness_over(course.first)
            if sureness > course.config.sure_weights:
                after, kept = course.best, course.best_step
            learned.model.load_state_dict(course.best_weights if kept else course.first_weights)
            lesson = replace(lesson, steps=course.learner.step, planned_steps=course.learner.steps, weights_sureness=sureness)
        lesson = replace(
            lesson,
            fringes=None if choice.score is choice.before else choice.fringes[-1],
            kept_step=kept,
            voxels=len(choice.held_out.counts),
            skill_before=choice.before.skill,
            skill_with_fringes=choice.score.skill,
            skill_after=after.skill,
            fringes_sureness=choice.score.sureness_over(choice.before),
        )
    learned.model.eval().requires_grad_(False)
    return replace(learned, fringes=choice.fringes), lesson
