import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from braggfill.base.errors import InputError
from braggfill.classical.fringe_model import SHIPPED, FringeModel
from braggfill.network.adaptation import Course, adapt
from braggfill.network.config import AdaptationConfig
from braggfill.network.gapnet import GapNet, ModelConfig
from braggfill.network.practice import choose_held_out, held_out_portions, practice_scans
from braggfill.network.weights import Learned
from braggfill.scan.gapped import GappedScan


@pytest.fixture
def short(one_small_layout) -> AdaptationConfig:
    """Few steps on one layout, any gain is enough."""
    return AdaptationConfig(
        steps=6,
        batch=4,
        judge_every=2,
        warmup_steps=2,
        learning_rate=1e-2,
        sure_weights=0.0,
        fringes=(),
        practice=one_small_layout,
    )


@pytest.fixture
def problem(scan) -> GappedScan:
    """The scan with one stripe."""
    mask = np.zeros(scan.counts.shape, bool)
    mask[:, :, 13:17] = True
    return GappedScan.blanked(scan.counts, mask)


def marked(scan, where, value=54321):
    """The scan with other counts somewhere, told to be so or not."""
    return replace(scan, counts=np.where(where, value, scan.counts).astype(np.float32))


def beginner(*fringes):
    return Learned(small_network(), fringes or (SHIPPED,), "", {})


def small_network():
    torch.manual_seed(0)
    return GapNet(ModelConfig((8, 8, 8)))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_network_learns_from_the_scan_and_does_better_where_it_did_not_look(problem, short):
    start = weights(small_network())
    learned, lesson = adapt(beginner(), problem, config=replace(short, steps=60))
    assert lesson.kept_step > 0
    assert lesson.skill_after > lesson.skill_before + 0.01
    assert lesson.skill_with_fringes == lesson.skill_before
    assert (lesson.steps, lesson.planned_steps) == (60, 60)
    assert not torch.equal(weights(learned.model), start)
    assert not any(p.requires_grad for p in learned.model.parameters())


def test_constants_of_kriging_that_suit_the_scan_are_found(problem, short):
    blind = FringeModel(departure=1000.0)
    config = replace(short, steps=0, fringes=(SHIPPED, blind))
    found, lesson = adapt(beginner(blind), problem, config=config)
    assert found.fringes == (blind, SHIPPED)
    assert lesson.fringes == SHIPPED
    assert lesson.skill_with_fringes > lesson.skill_before + 0.05
    assert lesson.skill_after == lesson.skill_with_fringes
    stays, lesson = adapt(beginner(SHIPPED), problem, config=config)
    assert stays.fringes == (SHIPPED,)
    assert lesson.fringes is None


def test_the_same_seed_teaches_the_same(problem, short):
    (one, first), (same, again), (_, other) = (adapt(beginner(), problem, seed=s, config=short) for s in (3, 3, 4))
    assert torch.equal(weights(one.model), weights(same.model))
    assert first == again
    assert first.skill_before != other.skill_before


def test_neither_what_the_gap_hides_nor_what_is_held_out_affects_what_is_learned(problem, short):
    hidden = choose_held_out(np.random.default_rng(0), problem, short.practice)
    assert hidden.sum() > 500
    trained = []
    for where in (hidden & False, problem.mask, hidden):
        shown = GappedScan.blanked(marked(problem, where).counts, problem.mask)
        course = Course(small_network(), held_out_portions(shown, hidden, short.practice), short)
        known = replace(GappedScan.blanked(shown.counts, shown.mask | hidden), slabs=shown.slabs)
        scans = practice_scans(np.random.default_rng(1), known, short.practice)
        course.run(scans, np.random.default_rng(2), time.perf_counter() + 600, lambda *_: None)
        trained.append((weights(course.learner.model), course.first.loss))
    (plain, loss), (gap_marked, same_loss), (held_out_marked, other_loss) = trained
    assert torch.equal(plain, gap_marked)
    assert torch.equal(plain, held_out_marked)
    assert loss == same_loss != other_loss
    assert not torch.equal(plain, weights(small_network()))


def test_the_whole_adaptation_does_not_see_the_gap(problem, short):
    hiding = (GappedScan.blanked(marked(problem, problem.mask, value).counts, problem.mask) for value in (0, 54321))
    (plain, one), (other, same) = (adapt(beginner(), scan, config=short) for scan in hiding)
    assert torch.equal(weights(plain.model), weights(other.model))
    assert one.skill_after == same.skill_after


def test_ctrl_c_ends_with_the_best_weights_so_far(problem, short):
    seen, config = [], replace(short, steps=40)

    def stop_at(number):
        def on_step(step, steps, skill):
            seen.append(step)
            if step == number:
                raise KeyboardInterrupt

        return on_step

    _, late = adapt(beginner(), problem, on_step=stop_at(31), config=config)
    assert late.interrupted
    assert (late.steps, late.planned_steps) == (31, 40)
    assert 0 < late.kept_step <= 30
    assert seen[-1] == 31
    learned, early = adapt(beginner(), problem, on_step=stop_at(1), config=config)
    assert early.interrupted
    assert early.kept_step == 0
    assert torch.equal(weights(learned.model), weights(small_network()))


@pytest.mark.parametrize("option", [{"learning_rate": 10.0}, {"sure_weights": 1e9}])
def test_weights_that_do_worse_or_not_surely_better_are_not_kept(problem, short, option):
    learned, lesson = adapt(beginner(), problem, config=replace(short, **option))
    assert lesson.kept_step == 0
    assert lesson.steps == 6
    assert lesson.skill_after == lesson.skill_before
    assert torch.equal(weights(learned.model), weights(small_network()))


def test_little_time_means_few_steps(problem, short):
    _, lesson = adapt(beginner(), problem, minutes=0.1, config=replace(short, steps=10**6))
    assert lesson.steps <= lesson.planned_steps < 10**5


def test_no_room_is_said(problem, short):
    nothing = GappedScan.blanked(np.zeros_like(problem.counts), problem.mask)
    learned, lesson = adapt(beginner(), nothing, config=short)
    assert lesson.voxels == 0
    assert torch.equal(weights(learned.model), weights(small_network()))


@pytest.mark.parametrize(("minutes", "seed"), [(0.0, 0), (-1.0, 0), (np.nan, 0), (np.inf, 0), (1.0, -1)])
def test_impossible_times_and_seeds_are_refused(problem, minutes, seed):
    with pytest.raises(InputError, match=r"(minutes|seed): got .*, expected"):
        adapt(beginner(), problem, minutes=minutes, seed=seed)
