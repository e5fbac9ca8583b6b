import time

import numpy as np
import pytest
import torch

from braggfill.base.errors import InputError
from braggfill.classical.fringe_model import SHIPPED, FringeModel
from braggfill.network import adaptation, practice
from braggfill.network.adaptation import Course, adapt
from braggfill.network.gapnet import GapNet, ModelConfig
from braggfill.scan.gaps import find_slabs


@pytest.fixture(autouse=True)
def short(monkeypatch, one_small_layout):
    """Few steps on one layout, any gain is enough."""
    steps = {
        "STEPS": 6,
        "BATCH": 4,
        "JUDGE_EVERY": 2,
        "WARMUP_STEPS": 2,
        "LEARNING_RATE": 1e-2,
        "SURE_WEIGHTS": 0.0,
        "FRINGES": (),
    }
    for name, value in steps.items():
        monkeypatch.setattr(adaptation, name, value)


@pytest.fixture
def problem(scan):
    """Counts, mask and slabs of the scan with one stripe."""
    mask = np.zeros(scan.counts.shape, bool)
    mask[:, :, 13:17] = True
    return scan.counts, mask, find_slabs(mask)


def small_network():
    torch.manual_seed(0)
    return GapNet(ModelConfig((8, 8, 8)))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_network_learns_from_the_scan_and_does_better_where_it_did_not_look(problem, monkeypatch):
    monkeypatch.setattr(adaptation, "STEPS", 60)
    start = weights(small_network())
    result = adapt(small_network(), *problem)
    lesson = result.lesson
    assert lesson.kept_step > 0
    assert lesson.skill_after > lesson.skill_before + 0.02
    assert lesson.skill_with_fringes == lesson.skill_before
    assert (lesson.steps, lesson.planned_steps) == (60, 60)
    assert not torch.equal(weights(result.model), start)
    assert not any(p.requires_grad for p in result.model.parameters())


def test_constants_of_kriging_that_suit_the_scan_are_found(problem, monkeypatch):
    monkeypatch.setattr(adaptation, "STEPS", 0)
    blind = FringeModel(departure=1000.0)
    monkeypatch.setattr(adaptation, "FRINGES", (SHIPPED, blind))
    found = adapt(small_network(), *problem, fringes=(blind,))
    assert found.fringes == (blind, SHIPPED)
    assert found.lesson.fringes == SHIPPED
    assert found.lesson.skill_with_fringes > found.lesson.skill_before + 0.05
    assert found.lesson.skill_after == found.lesson.skill_with_fringes
    stays = adapt(small_network(), *problem, fringes=(SHIPPED,))
    assert stays.fringes == (SHIPPED,)
    assert stays.lesson.fringes is None


def test_the_same_seed_teaches_the_same(problem):
    one, same, other = (adapt(small_network(), *problem, seed=s) for s in (3, 3, 4))
    assert torch.equal(weights(one.model), weights(same.model))
    assert one.lesson == same.lesson
    assert one.lesson.skill_before != other.lesson.skill_before


def test_neither_what_the_gap_hides_nor_what_is_held_out_affects_what_is_learned(problem):
    counts, mask, slabs = problem
    hidden = practice.choose_held_out(np.random.default_rng(0), counts, mask, slabs)
    assert hidden.sum() > 500
    trained = []
    for marked in (hidden & False, mask, hidden):
        shown = np.where(marked, 54321, counts).astype(np.float32)
        course = Course(small_network(), practice.held_out_portions(shown, mask, hidden))
        scans = practice.practice_scans(np.random.default_rng(1), shown, mask | hidden, slabs)
        course.run(scans, np.random.default_rng(2), time.perf_counter() + 600, lambda *_: None)
        trained.append((weights(course.model), course.first.loss))
    (plain, loss), (gap_marked, same_loss), (marked, other_loss) = trained
    assert torch.equal(plain, gap_marked)
    assert torch.equal(plain, marked)
    assert loss == same_loss != other_loss
    assert not torch.equal(plain, weights(small_network()))


def test_the_whole_adaptation_does_not_see_the_gap(problem):
    counts, mask, slabs = problem
    plain, marked = (adapt(small_network(), np.where(mask, m, counts), mask, slabs) for m in (0, 54321))
    assert torch.equal(weights(plain.model), weights(marked.model))
    assert plain.lesson.skill_after == marked.lesson.skill_after


def test_ctrl_c_ends_with_the_best_weights_so_far(problem, monkeypatch):
    monkeypatch.setattr(adaptation, "STEPS", 40)
    seen = []

    def stop_at(number):
        def on_step(step, steps, skill):
            seen.append(step)
            if step == number:
                raise KeyboardInterrupt

        return on_step

    late = adapt(small_network(), *problem, on_step=stop_at(31))
    assert late.lesson.interrupted
    assert (late.lesson.steps, late.lesson.planned_steps) == (31, 40)
    assert 0 < late.lesson.kept_step <= 30
    assert seen[-1] == 31
    early = adapt(small_network(), *problem, on_step=stop_at(1))
    assert early.lesson.interrupted
    assert early.lesson.kept_step == 0
    assert torch.equal(weights(early.model), weights(small_network()))


@pytest.mark.parametrize(("name", "value"), [("LEARNING_RATE", 30.0), ("SURE_WEIGHTS", 1e9)])
def test_weights_that_do_worse_or_not_surely_better_are_not_kept(problem, monkeypatch, name, value):
    monkeypatch.setattr(adaptation, name, value)
    result = adapt(small_network(), *problem)
    assert result.lesson.kept_step == 0
    assert result.lesson.steps == 6
    assert result.lesson.skill_after == result.lesson.skill_before
    assert torch.equal(weights(result.model), weights(small_network()))


def test_little_time_means_few_steps(problem, monkeypatch):
    monkeypatch.setattr(adaptation, "STEPS", 10**6)
    lesson = adapt(small_network(), *problem, minutes=0.1).lesson
    assert lesson.steps <= lesson.planned_steps < 10**5


def test_no_room_is_said(problem):
    counts, mask, slabs = problem
    result = adapt(small_network(), np.zeros_like(counts), mask, slabs)
    assert result.lesson.voxels == 0
    assert torch.equal(weights(result.model), weights(small_network()))


@pytest.mark.parametrize(("minutes", "seed"), [(0.0, 0), (-1.0, 0), (np.nan, 0), (np.inf, 0), (1.0, -1)])
def test_impossible_times_and_seeds_are_refused(problem, minutes, seed):
    with pytest.raises(InputError, match="minutes, seed"):
        adapt(small_network(), *problem, minutes=minutes, seed=seed)
