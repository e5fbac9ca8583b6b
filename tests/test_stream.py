import numpy as np
import pytest
import torch

from braggfill.measurement import Pattern
from braggfill.stream import GapRanges, PortionStream, StreamConfig, random_gap

SMALL = StreamConfig(plane=16, pattern_size=40, pool=2, renew_steps=3)


@pytest.fixture(scope="module")
def portions():
    return PortionStream(0, SMALL).batch(0, 24)


def test_a_step_s_portions_depend_on_seed_and_step_alone(portions):
    again = PortionStream(0, SMALL)
    again.batch(1, 2)
    assert (again.batch(0, 24).drawn == portions.drawn).all()
    assert (PortionStream(1, SMALL).batch(0, 24).drawn != portions.drawn).any()


def test_the_gap_is_blank_and_everything_else_is_what_was_drawn(portions):
    assert not (portions.measured & portions.target).any()
    assert (portions.counts[portions.measured] == portions.drawn[portions.measured]).all()
    assert (portions.counts[~portions.measured] == 0).all()
    assert portions.target.any()


def test_counts_are_drawn_from_the_expectation():
    stream = PortionStream(2, SMALL)
    pulls = []
    for step in range(3):
        portions = stream.batch(step, 16)
        bright = portions.expected > 5
        pulls.append(((portions.drawn - portions.expected) / portions.expected.sqrt())[bright].numpy())
    pulls = np.concatenate(pulls)
    assert abs(pulls.mean()) < 5 / np.sqrt(pulls.size)
    assert pulls.var() == pytest.approx(1, abs=0.05)


def test_every_width_and_kind_of_gap_occurs():
    rng = np.random.default_rng(0)
    widths, crossed, partial, one_bank = set(), 0, 0, 0
    for _ in range(600):
        missing, target = random_gap(rng, 32, GapRanges())
        if not target.any():
            continue
        rows = np.flatnonzero(target.any((1, 2)))
        assert not (target & ~missing).any()
        assert rows[-1] - rows[0] + 1 == len(rows)
        assert 8 <= rows[0] <= 16 <= rows[-1] + 2
        widths.add(len(rows))
        crossed += bool((missing & ~target)[0].all(0).any() or (missing & ~target)[0].all(1).any())
        partial += not target[rows[0]].all()
        one_bank += bool(missing[: rows[0]].all() or missing[rows[-1] + 1 :].all())
    assert widths == set(range(1, 15))
    assert min(crossed, partial, one_bank) > 20


def test_portions_are_pieces_of_the_pattern_and_faulty_pixels_are_no_target():
    """A pattern whose voxels tell where they are; one dead and one hot pixel; every way of laying the axes."""
    size, config = 40, StreamConfig(plane=16, pattern_size=40)
    number = torch.arange(size**3, dtype=torch.float32).view(size, size, size) / size**3
    dead, hot = torch.zeros(size, size, dtype=torch.bool), torch.zeros(size, size)
    dead[20, 21], hot[18, 19] = True, 1e9
    pattern = Pattern(number, dead, hot)
    rng, seen = np.random.default_rng(0), set()
    portions = PortionStream(0, config).cut(rng, [(pattern, np.ones((5, 5, 5)))] * 200)
    for expected, target in zip(portions.expected, portions.target, strict=True):
        faulty = (expected == 0) | (expected >= 1e9)
        assert not (target & faulty).any()
        scale = expected[~faulty].max()
        steps = []
        for axis in range(3):
            length = expected.shape[axis]
            steps.append(float((expected.narrow(axis, 1, length - 1) - expected.narrow(axis, 0, length - 1)).median() / scale))
        order = np.argsort(steps)
        assert steps[order[1]] / steps[order[0]] == pytest.approx(size, rel=0.05)
        assert steps[order[2]] / steps[order[1]] == pytest.approx(size, rel=0.05)
        seen.add(tuple(order))
    assert len(seen) == 6


def test_portions_are_drawn_where_it_is_bright():
    brightness = np.zeros((5, 5, 5))
    brightness[1, 3, 2] = 1e4
    stream, rng = PortionStream(0, StreamConfig(plane=8, pattern_size=40)), np.random.default_rng(0)
    places = np.array([stream._bright_place(rng, brightness) for _ in range(200)])
    assert ((places // 8) == [1, 3, 2]).all(1).mean() > 0.5


def test_old_patterns_make_room_for_new_ones():
    stream = PortionStream(0, SMALL)
    assert (stream.fill_pool(0), stream.fill_pool(3), stream.fill_pool(9)) == ([0, 1], [1, 2], [3, 4])
