import numpy as np
import pytest
from made_records import record_of

from braggfill.base.metrics import expected_deviance
from braggfill.crystal.retrieved import CrystalFill
from braggfill.filling.gate import NOTHING_KNOWN, Compared, Gate, accounted, gate, gates, missed, widening


@pytest.fixture(scope="module")
def truth():
    """Expected counts (voxels,), and a draw from them."""
    expected = np.random.default_rng(0).gamma(0.5, 200.0, 6000).astype(np.float32)
    return expected, np.random.default_rng(1).poisson(expected).astype(np.float32)


def test_the_fill_nearer_to_the_hidden_counts_is_taken(truth):
    expected, known = truth
    worse = expected * np.random.default_rng(2).lognormal(0, 0.3, expected.shape).astype(np.float32)
    good = gate(Compared(known, expected, 0.1 * expected, worse))
    bad = gate(Compared(known, worse, 0.1 * worse, expected))
    assert good.taken
    assert not bad.taken
    assert good.crystal_deviance == pytest.approx(bad.other_deviance) == pytest.approx(expected_deviance(expected), rel=0.05)
    assert good.hidden_voxels == len(known)


def test_a_tie_goes_to_the_network(truth):
    expected, known = truth
    assert not gate(Compared(known, expected, expected, expected)).taken


def test_a_faint_gap_asks_for_no_more_than_counting_noise_allows():
    expected = np.full(20_000, 0.9, np.float32)
    known = np.random.default_rng(0).poisson(expected).astype(np.float32)
    line = expected * np.random.default_rng(1).gamma(1.5, 1 / 1.5, expected.shape).astype(np.float32)
    assert gate(Compared(known, expected, 0.1 * expected, line), gain=0.9).taken
    assert not gate(Compared(known, line, 0.1 * line, expected), gain=0.9).taken


@pytest.mark.parametrize("too_sure", [1.0, 2.0, 4.0])
def test_a_spread_that_was_taken_too_narrow_is_widened_to_what_it_is(truth, too_sure):
    expected, _ = truth
    rng = np.random.default_rng(3)
    shape = 1 / 0.3**2  # a gamma expectation that is off by 30 %
    known = rng.poisson(rng.gamma(shape, expected / shape)).astype(np.float32)
    factor = widening(expected, 0.3 * expected / too_sure, known)
    assert factor == pytest.approx(too_sure, rel=0.15)


def test_what_is_sure_enough_stays(truth):
    expected, known = truth
    assert widening(expected, expected, known) == 1


@pytest.mark.parametrize("off", [0.0, 0.2, 0.6])
def test_what_is_missed_is_the_error_beyond_counting_noise(truth, off):
    expected, known = truth
    signs = np.random.default_rng(4).choice((-1, 1), expected.shape).astype(np.float32)
    assert missed(expected * (1 + off * signs), known) == pytest.approx(off, abs=0.02)


def test_what_is_missed_is_of_the_fill_that_is_returned(truth):
    expected, known = truth
    assert gate(Compared(known, 0.7 * expected, expected, 0.5 * expected)).missed == pytest.approx(0.3, abs=0.02)
    assert gate(Compared(known, 0.5 * expected, expected, 0.8 * expected)).missed == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("off", [0.3, 0.6])
def test_a_wide_gap_that_hidden_ones_say_to_be_far_off_is_warned_of(off):
    record = record_of()
    wide = Gate(True, 1000, 2.0, 90.0, off, 1.0)
    sentence, _ = accounted(np.ones(5, bool), record, NOTHING_KNOWN, wide)
    assert ("do not rely on the fill" in sentence) == (off > 0.5)
    refused, _ = accounted(np.ones(5, bool), record, NOTHING_KNOWN, Gate(False, 1000, 2.0, 90.0, off, 1.0))
    assert "rely" not in refused


def test_where_the_search_was_lost_a_little_better_does_not_suffice(truth):
    """Hidden blocks are easier than a gap beside the peak: what they gain must be clear where no object is near the counts."""
    expected, known = (values.reshape(20, 20, 15) for values in truth)
    everywhere, nowhere = np.ones(known.shape, bool), np.zeros(known.shape, bool)
    little, much, other = (expected * np.float32(1 + off) for off in (0.4, 0.1, 0.6))

    def taken(mean, *misfits):
        fill = CrystalFill(mean, 0.5 * mean, record_of(*misfits), None)
        narrow, _ = gates(known, everywhere, nowhere, fill, other)
        return narrow.taken

    assert taken(little, 1.1, 20.0)
    assert not taken(little, 6.0, 20.0)
    assert taken(much, 6.0, 20.0)
    assert not record_of().lost
    told, _ = accounted(np.zeros(5, bool), record_of(6.0), Gate(False, 1000, 450.0, 990.0, 0.1, 1.0), NOTHING_KNOWN)
    assert told.startswith("retrieval found no crystal: deviance 450 a voxel against 990 by the network")


def test_a_wide_gap_is_filled_only_if_an_object_converged(truth):
    expected, known = (values.reshape(20, 20, 15) for values in truth)
    everywhere, nowhere = np.ones(known.shape, bool), np.zeros(known.shape, bool)
    for misfit, filled in ((1.1, True), (1.4, False)):
        fill = CrystalFill(expected, 0.1 * expected, record_of(misfit), None)
        _, wide = gates(known, nowhere, everywhere, fill, 2 * expected)
        assert wide.taken == filled
        said, _ = accounted(np.ones(5, bool), fill.record, NOTHING_KNOWN, wide)
        assert said.startswith(f"{int(filled)} of 1 retrieved objects converged; ")
