from dataclasses import replace

import numpy as np
import pytest
import torch

from braggfill.network.config import NORMAL
from braggfill.network.portions import along_normal
from braggfill.network.practice_scan import PracticeScan
from braggfill.scan.gapped import GappedScan
from braggfill.scan.measured import MeasuredScan
from braggfill.training.random_gaps import GapRanges
from braggfill.training.stream import PortionStream, StreamConfig

SMALL = StreamConfig(plane=16, scan_size=40, pool=2, renew_steps=3, gaps=GapRanges(peak_distance=(1.0, 8.0)))


@pytest.fixture(scope="module")
def portions():
    return PortionStream(0, SMALL).batch(0, 24)


def test_a_step_s_portions_depend_on_seed_and_step_alone(portions):
    again = PortionStream(0, SMALL)
    again.batch(1, 2)
    assert (again.batch(0, 24).drawn == portions.drawn).all()
    assert (PortionStream(1, SMALL).batch(0, 24).drawn != portions.drawn).any()


def test_the_number_of_threads_does_not_change_a_portion(portions, threads):
    for number in (1, 3):
        threads(number)
        again = PortionStream(0, SMALL).batch(0, 24)
        assert torch.equal(again.guess.nan_to_num(-1.0), portions.guess.nan_to_num(-1.0))
        assert torch.equal(again.drawn, portions.drawn)


def test_the_gap_is_blank_and_everything_else_is_what_was_drawn(portions):
    assert not (portions.measured & portions.target).any()
    assert (portions.counts[portions.measured] == portions.drawn[portions.measured]).all()
    assert (portions.counts[~portions.measured] == 0).all()
    assert portions.target.flatten(1).any(1).float().mean() > 0.9


def test_counts_are_drawn_from_the_expectation():
    stream = PortionStream(2, SMALL)
    pulls = []
    for number in range(6):
        scan = stream.scan(number)
        bright = scan.expected > 5
        pulls.append((scan.drawn - scan.expected)[bright] / np.sqrt(scan.expected[bright]))
    pulls = np.concatenate(pulls)
    assert abs(pulls.mean()) < 5 / np.sqrt(pulls.size)
    assert pulls.var() == pytest.approx(1, abs=0.05)


def test_every_gap_voxel_has_a_first_guess(portions):
    assert portions.guess[portions.target].isfinite().all()
    assert portions.guess.isnan().any()


def practice_scan(shape=(40, 44, 48)):
    """A scan whose voxels tell where they are, with two stripes and two pixels that do not follow the pattern."""
    number = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1
    mask = np.zeros(shape, bool)
    mask[18:22], mask[:, :, 30:33] = True, True
    sound = np.ones(shape[1:], bool)
    sound[20, 21] = sound[3, 31] = False
    scan = GappedScan.blanked(number, mask).with_guess(np.zeros(shape, np.float32))
    return PracticeScan.of(scan, number, number, sound)


def test_portions_are_what_a_fill_cuts_mirrored_and_turned():
    scan, seen = practice_scan(), set()
    rng = np.random.default_rng(0)
    around = [along_normal(scan.expected, slab, 0.0) for slab in scan.scan.slabs]
    for _ in range(400):
        _, _, _, target, expected, _ = scan.portion(rng, 16)
        assert expected.shape == (NORMAL, 16, 16)
        normal, first, second = (np.sign(np.diff(expected[5:27], axis=a)).flat[0] for a in range(3))
        steps = [abs(np.diff(expected[5:27], axis=a).flat[0]) for a in range(3)]
        seen.add((normal, first, second, *np.argsort(steps)))
        straight = expected[:: int(normal), :: int(first), :: int(second)]
        straight = straight if steps[1] > steps[2] else straight.transpose(0, 2, 1)
        assert any(
            (whole[:, i : i + 16, j : j + 16] == straight).all()
            for whole in around
            for i, j in np.argwhere(whole[0, : whole.shape[1] - 15, : whole.shape[2] - 15] == straight[0, 0, 0])
        )
        assert np.isin(expected[target], scan.expected[scan.scan.mask & scan.known]).all()
    assert len(seen) == 2 * 2**3 * 2


def test_a_measured_scan_is_thinned_and_its_own_gaps_are_no_target():
    counts = np.random.default_rng(0).poisson(1e5, (40, 40, 40)).astype(np.float32)
    mask = np.zeros(counts.shape, bool)
    mask[5:12, 8:16, 20:30] = True
    source = MeasuredScan("bright", np.where(mask, 0, counts), mask)
    expected, drawn = source.thinned(np.random.default_rng(1), 1e3)
    share = 1e3 / counts[~mask].max()
    np.testing.assert_allclose(expected[~mask], counts[~mask] * share, rtol=1e-5)
    assert drawn[~mask].mean() == pytest.approx(expected[~mask].mean(), rel=1e-3)
    assert np.var(drawn[~mask]) == pytest.approx(drawn[~mask].mean(), rel=0.05)
    assert source.thinned(np.random.default_rng(1), 1e9)[1].max() < 0.2 * counts.max()
    scan = PortionStream(0, replace(SMALL, measured_share=1.0), measured=[source]).scan(0)
    assert scan.scan.mask[mask].all()
    rng = np.random.default_rng(2)
    for _ in range(50):
        _, _, _, target, expected, _ = scan.portion(rng, 16)
        assert (expected[target] > 0).all()


def test_portions_are_drawn_where_it_is_bright():
    shape = (40, 64, 64)
    expected = np.full(shape, 1e-6, np.float32)
    expected[:, 10:14, 50:54] = 1e4
    mask = np.zeros(shape, bool)
    mask[18:22] = True
    gapped = GappedScan.blanked(expected, mask).with_guess(np.zeros(shape, np.float32))
    scan = PracticeScan.of(gapped, expected, expected, np.ones(shape[1:], bool))
    rng = np.random.default_rng(0)
    bright = [(scan.portion(rng, 16)[4] > 1).any() for _ in range(100)]
    assert np.mean(bright) > 0.5


def test_old_scans_make_room_for_new_ones():
    stream = PortionStream(0, SMALL)
    assert (stream.fill_pool(0), stream.fill_pool(3), stream.fill_pool(9)) == ([0, 1], [1, 2], [3, 4])
