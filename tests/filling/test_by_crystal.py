import json
from dataclasses import replace

import numpy as np
import pytest
from made_records import record_of

from braggfill import fill_gaps
from braggfill.base.errors import InputError
from braggfill.base.metrics import poisson_deviance
from braggfill.crystal.contest import starts_made
from braggfill.crystal.retrieved import CrystalFill
from braggfill.crystal.retrieved_object import RetrievedObject
from braggfill.filling import by_crystal as module
from braggfill.filling.by_crystal import EFFORTS, by_crystal, hidden_blocks
from braggfill.filling.gate import NOTHING_KNOWN
from braggfill.filling.options import FillOptions
from braggfill.filling.terms import Estimate
from braggfill.scan.copies import bright
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import WIDEST_MODULE_GAP

BEHIND = RetrievedObject(np.ones((2, 2, 2), np.complex64), np.ones((2, 2, 2), bool), (8, 8, 8))


def told(scan):
    """A network that expects one count everywhere."""
    voxels = np.count_nonzero(scan.wanted)
    return Estimate(np.ones(voxels), np.ones(voxels), "f" * 64)


@pytest.fixture
def gapped(scan, cross):
    return GappedScan.blanked(scan.counts, np.broadcast_to(cross, scan.counts.shape))


@pytest.mark.parametrize("change", ["dark", "small"])
def test_a_scan_that_cannot_be_judged_is_filled_by_the_network_and_says_so(gapped, change):
    if change == "dark":
        gapped = GappedScan.blanked(np.zeros_like(gapped.counts), gapped.mask)
    else:
        gapped = GappedScan.blanked(gapped.counts[:16], gapped.mask[:16])
    estimate = by_crystal(gapped, FillOptions("retrieval"), told, lambda *_: None)
    assert (estimate.mean == 1).all()
    assert "filled by the network: the scan is too small or too dark" in estimate.sentence
    assert estimate.filled_by == "unet"


def test_what_a_network_says_of_its_own_estimates_is_kept_beside_why_it_was_taken(gapped):
    def calibrated(scan):
        return told(scan).told("its spread was doubled", {"calibration": 2})

    small = GappedScan.blanked(gapped.counts[:16], gapped.mask[:16])
    estimate = by_crystal(small, FillOptions("retrieval"), calibrated, lambda *_: None)
    assert estimate.sentence.startswith("filled by the network: the scan is too small")
    assert estimate.sentence.endswith("; its spread was doubled")
    assert estimate.record == {"calibration": 2}


def test_a_retrieval_that_fails_is_said_and_the_network_fills(gapped, monkeypatch):
    def vanished(*_):
        raise InputError("support: got an empty one")

    monkeypatch.setattr(module, "fill_by_crystal", vanished)
    estimate = by_crystal(gapped, FillOptions("retrieval"), told, lambda *_: None)
    assert (estimate.mean == 1).all()
    assert "support: got an empty one" in estimate.sentence


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")]
)
def test_a_machine_without_the_memory_for_it_lets_the_network_fill(gapped, monkeypatch, error):
    def lacks_memory(*_):
        raise error

    monkeypatch.setattr(module, "fill_by_crystal", lacks_memory)
    estimate = by_crystal(gapped, FillOptions("retrieval"), told, lambda *_: None)
    assert (estimate.mean == 1).all()
    assert "filled by the network: memory did not suffice" in estimate.sentence


@pytest.fixture(scope="module")
def block():
    """Counts of a bent block of 12 × 14 × 17 voxels, from their expectation by a discrete Fourier transform; and a cross."""
    places = np.meshgrid(*(np.arange(n) - n // 2 for n in (64, 60, 72)), indexing="ij")
    inside = (np.abs(places[0]) <= 5.5) & (np.abs(places[1]) <= 6.5) & (np.abs(places[2]) <= 8)
    bent = inside * np.exp(0.02j * (places[0] ** 2 + places[1] * places[2]))
    expected = np.abs(np.fft.fftshift(np.fft.fftn(bent))) ** 2
    counts = np.random.default_rng(0).poisson(expected * 3e6 / expected.max())
    cross = np.zeros(counts.shape[1:], bool)
    cross[36:40] = cross[:, 42:46] = True
    return counts, np.broadcast_to(cross, counts.shape)


@pytest.fixture(scope="module")
def progress():
    return []


@pytest.fixture(scope="module")
def filled(block, progress):
    return fill_gaps(*block, method="retrieval", effort="low", on_progress=lambda *step: progress.append(step))


def test_the_crystal_fills_a_scan_of_one_far_better_than_the_network(block, filled):
    counts, hidden = block
    ours, theirs = (poisson_deviance(f.intensity[hidden], counts[hidden]) for f in (filled, fill_gaps(counts, hidden)))
    assert filled.how["gate"]["taken"]
    assert ours < 0.1 * theirs
    assert filled.intensity[hidden].sum() == pytest.approx(counts[hidden].sum(), rel=0.05)  # 1.01 to 1.05 by six seeds
    assert filled.sentence.startswith("filled by phase retrieval")
    np.testing.assert_array_equal(filled.intensity[~filled.filled], counts[~filled.filled])
    assert (filled.std[filled.filled] > 0).all()


def test_how_it_came_about_can_be_written_down(filled):
    told = json.loads(json.dumps(filled.how))
    assert told["gate"]["hidden_voxels"] > 200
    assert {end["start"] for end in told["retrieval"]["climbed"]} <= set(
        range(starts_made(EFFORTS["low"].crystal.starts, decimated=True))
    )
    assert told["retrieval"]["climbed"][0]["misfit"] > 0


def test_progress_goes_to_its_end(filled, progress):
    done, total = np.transpose(progress)
    assert (np.diff(done) > 0).all()
    assert (total == total[0]).all()
    assert done[-1] == total[-1]


@pytest.fixture
def wide(block):
    """That block's scan with a gap 20 columns wide beside the peak, and a narrow one."""
    counts, _ = block
    mask = np.zeros(counts.shape, bool)
    mask[:, :, 42:62] = mask[:, 40:43] = True
    return counts.astype(np.float32), mask


def with_crystal(monkeypatch, mean):
    """Let a crystal that converged expect ``mean`` wherever it is asked, surely."""

    def expected(counts, mask, blocks, *_):
        asked = mask | blocks.hidden
        return CrystalFill(np.where(asked, mean, np.nan), np.where(asked, 0.1 + 0.05 * mean, np.nan), record_of(1.0), BEHIND)

    monkeypatch.setattr(module, "fill_by_crystal", expected)


def test_a_wide_gap_is_filled_where_hidden_ones_as_wide_were_found_again(wide, monkeypatch):
    counts, mask = wide
    with_crystal(monkeypatch, counts)
    result = fill_gaps(np.where(mask, 0, counts), mask, method="retrieval")
    assert not result.mask.any()
    assert result.how["wide_gate"]["taken"]
    assert "gaps wider than 14 filled" in result.sentence
    assert result.options.method == "retrieval"
    np.testing.assert_allclose(result.intensity[mask], counts[mask], rtol=1e-5)


def test_a_wide_gap_is_left_open_where_they_were_not_and_the_narrow_one_is_the_networks(wide, monkeypatch):
    counts, mask = wide
    with_crystal(monkeypatch, np.full(counts.shape, counts.max(), np.float32))
    result = fill_gaps(np.where(mask, 0, counts), mask, method="retrieval")
    narrow = mask & ~mask[:1, :1]
    np.testing.assert_array_equal(result.filled, narrow)
    assert result.options.method == "unet"
    np.testing.assert_array_equal(result.intensity[result.mask], 0)
    assert "gaps wider than 14 left open" in result.sentence
    by_network = fill_gaps(np.where(mask, 0, counts), mask, method="unet")
    np.testing.assert_allclose(result.intensity[narrow], by_network.intensity[narrow], rtol=1e-4)


def test_the_crystal_is_behind_a_wide_gap_that_it_fills_beside_the_networks_narrow_one(wide, monkeypatch):
    counts, mask = wide
    with_crystal(monkeypatch, counts)
    taken = replace(NOTHING_KNOWN, taken=True)
    monkeypatch.setattr(module, "gates", lambda *_: (NOTHING_KNOWN, taken))
    scan = GappedScan.blanked(counts, mask, WIDEST_MODULE_GAP)
    estimate = by_crystal(scan, FillOptions("retrieval"), told, lambda *_: None)
    assert estimate.crystal is BEHIND
    narrow = (mask & ~mask[:1, :1])[mask]
    assert (estimate.mean[narrow] == 1).all()
    np.testing.assert_allclose(estimate.mean[~narrow], counts[mask][~narrow], rtol=1e-5)


def test_narrow_gaps_are_the_networks_where_none_can_be_hidden(wide, monkeypatch):
    counts, mask = wide
    few = mask & ~mask[:1, :1] & (np.arange(len(mask)) < 1)[:, None, None]
    mask = (mask & mask[:1, :1]) | few
    with_crystal(monkeypatch, counts)
    result = fill_gaps(np.where(mask, 0, counts), mask, method="retrieval")
    assert result.how["wide_gate"]["taken"]
    assert not result.how["gate"]["taken"]
    json.dumps(result.how, allow_nan=False)
    assert "there is no room to hide gaps of up to 14 voxels" in result.sentence
    by_network = fill_gaps(np.where(mask, 0, counts), mask, method="unet")
    np.testing.assert_allclose(result.intensity[few], by_network.intensity[few], rtol=1e-4)


@pytest.mark.parametrize("good", [True, False])
def test_a_scan_with_a_wide_gap_alone_is_filled_or_left_open(wide, monkeypatch, good):
    counts, mask = wide[0], np.broadcast_to(wide[1][:1, :1], wide[1].shape)
    with_crystal(monkeypatch, counts if good else np.full(counts.shape, counts.max(), np.float32))
    result = fill_gaps(np.where(mask, 0, counts), mask, method="retrieval")
    np.testing.assert_array_equal(result.filled, mask & good)
    assert (result.crystal is not None) == good
    assert ("gaps wider than 14 filled" in result.sentence) == good
    assert result.sentence.count("left open") == (0 if good else 1)


def test_a_gap_too_wide_to_hide_another_is_left_open_in_one_sentence(block):
    counts, _ = block
    mask = np.zeros(counts.shape, bool)
    mask[:, :, 30:64] = True
    result = fill_gaps(np.where(mask, 0, counts), mask, method="retrieval")
    assert not result.filled.any()
    assert result.sentence.startswith("left open: the scan is too small or too dark, or its gaps too wide")


def test_hidden_blocks_are_of_whole_pixels_where_the_gaps_are(gapped):
    hidden = hidden_blocks(gapped, 0).hidden
    assert hidden.any()
    np.testing.assert_array_equal(hidden, np.broadcast_to(hidden[0], hidden.shape))
    assert not (hidden & gapped.mask).any()


def test_a_voxel_that_one_frame_lacks_besides_makes_no_difference(gapped):
    once = gapped.mask.copy()
    once[3, 3, 3] = True
    hidden = hidden_blocks(GappedScan.blanked(gapped.counts, once), 0).hidden
    once[:, 3, 3] = True
    np.testing.assert_array_equal(hidden[:, ~once[0]], np.broadcast_to(hidden[0], hidden.shape)[:, ~once[0]])


@pytest.mark.parametrize("row", range(8, 64, 8))
def test_blocks_are_hidden_wherever_the_peak_lies(row):
    places = np.meshgrid(np.arange(64) - 32, np.arange(128) - 32 - row, np.arange(96) - 48, indexing="ij")
    expected = 300 * np.exp(-sum((x / 8) ** 2 for x in places) / 2)
    mask = np.zeros((128, 96), bool)
    mask[:, 60:66] = True
    scan = GappedScan.blanked(np.random.default_rng(0).poisson(expected), np.broadcast_to(mask, expected.shape))
    scan.counts[5, 100, 5] = 1e6
    hidden = hidden_blocks(scan, 0).hidden
    assert np.count_nonzero(hidden & bright(scan.counts)) > 200


def test_a_pixel_that_counts_by_itself_does_not_judge(gapped, monkeypatch):
    hidden = hidden_blocks(gapped, 0).hidden
    rows, columns = np.nonzero(hidden[0])
    counts = gapped.counts.copy()
    counts[:, rows[9], columns[9]] += 1000
    with_crystal(monkeypatch, gapped.counts)
    deviances = [
        by_crystal(GappedScan.blanked(some, gapped.mask), FillOptions("retrieval"), told, lambda *_: None).record["gate"]
        for some in (gapped.counts, counts)
    ]
    assert deviances[1]["crystal_deviance"] < deviances[0]["crystal_deviance"] + 1


def test_an_unknown_effort_is_refused():
    with pytest.raises(InputError, match="effort: got 'heroic', expected one of low, usual, high"):
        replace(FillOptions(), effort="heroic")
