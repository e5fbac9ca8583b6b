import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from braggfill.base.overlaps import overlap_mean
from braggfill.network import portions
from braggfill.network.portions import Window, along_normal, extract, laid_back, plane_windows, sliding_windows, window_offsets
from braggfill.network.sliding import slide
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import Slab, find_slabs


def identity(counts, measured, guess, layers):
    assert counts.shape == measured.shape
    assert counts.shape[1] == 32
    return np.stack([counts, guess])[:, :, layers]


def scan_of(volume, mask):
    """A scan whose first guess is the negative of its counts."""
    return GappedScan(volume, mask, find_slabs(mask), -volume)


@st.composite
def masked_volumes(draw):
    """A volume and a mask of stripes, boxes and voxels, some of them at the border, some axes shorter than a portion."""
    shape = draw(st.tuples(*[st.integers(3, 44)] * 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = np.zeros(shape, bool)
    for _ in range(draw(st.integers(1, 3))):
        low = [int(rng.integers(0, n)) for n in shape]
        high = [min(n, a + int(rng.integers(1, 15))) for a, n in zip(low, shape, strict=True)]
        whole = rng.random(3) < 0.5
        mask[tuple(slice(None) if w else slice(a, b) for w, a, b in zip(whole, low, high, strict=True))] = True
    return rng.normal(size=shape).astype(np.float32), mask


@settings(max_examples=60)
@given(masked_volumes(), st.sampled_from([None, 0, 4, 13, 31]))
def test_an_identity_model_gives_back_its_input_exactly(volume_and_mask, skip):
    volume, mask = volume_and_mask
    if skip == 0:
        volume, mask = volume[:8, :36, :36], mask[:8, :36, :36]
    scan = scan_of(volume, mask)
    assume(scan.wanted.any())
    given, guessed = slide(scan, identity, skip)
    np.testing.assert_array_equal(given, volume[scan.wanted])
    np.testing.assert_array_equal(guessed, -volume[scan.wanted])


def test_identity_holds_when_a_plane_is_cut_into_large_portions(monkeypatch):
    monkeypatch.setattr(portions, "LARGEST_PORTION", 48)
    volume = np.random.default_rng(0).normal(size=(90, 40, 130)).astype(np.float32)
    mask = np.zeros(volume.shape, bool)
    mask[:, 18:23] = True
    np.testing.assert_array_equal(slide(scan_of(volume, mask), identity)[0], volume[mask])


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 40))
def test_windows_cover_the_length_and_end_flush(length, size, step):
    places = window_offsets(length, size, min(step, size))
    assert places[0] == 0
    assert places[-1] == max(length - size, 0)
    assert np.diff(places).max(initial=0) <= size


def test_places_of_a_row_of_portions():
    assert window_offsets(50, 32, 5) == [0, 5, 10, 15, 18]
    assert window_offsets(32, 32, 5) == [0]
    assert window_offsets(20, 32, 5) == [0]


def test_portions_of_a_stripe_are_the_paper_s():
    """128 voxels, one skipped: (128 - 32) / 2 + 1 places along each axis of the plane."""
    assert len(sliding_windows(np.ones((128, 128), bool), 1)) == 49**2


def test_only_portions_that_touch_the_gap_are_taken():
    target = np.zeros((100, 100), bool)
    target[60, 10] = True
    for window in sliding_windows(target, 3) + plane_windows(target):
        assert target[window.slices].any()
    (single,) = plane_windows(target)
    assert (single.height, single.width) == (33, 27)


def test_overlapping_portions_are_averaged():
    portions = np.concatenate([np.ones((1, 1, 1, 3, 3)), 3 * np.ones((1, 1, 1, 3, 3))], 1)
    mean = overlap_mean(laid_back(portions, [Window(0, 0, 3, 3), Window(0, 1, 3, 3)], (3, 4)), (3, 4))
    np.testing.assert_array_equal(mean[0, 0], [[1, 2, 2, 3]] * 3)


@pytest.mark.parametrize("first", [0, 3, 20, 36])
def test_portions_are_centred_on_the_gap_and_padded_beyond_the_array(first):
    volume = np.arange(40, dtype=np.float32)[:, None, None] * np.ones((1, 5, 6), np.float32)
    slab = Slab(0, first, first + 3, np.ones((4, 5, 6), bool))
    around = along_normal(volume, slab, -1.0)
    expected = np.arange(first - 14, first + 18)
    np.testing.assert_array_equal(around[:, 0, 0], np.where((expected < 0) | (expected > 39), -1, expected))


def test_extract_pads_what_reaches_beyond_the_plane():
    volume = np.arange(2 * 3 * 3, dtype=float).reshape(2, 3, 3)
    (portion,) = extract(volume, [Window(1, 0, 4, 4)], -1)
    np.testing.assert_array_equal(portion[:, :2, :3], volume[:, 1:])
    assert (portion[:, 2:] == -1).all()
    assert (portion[:, :, 3:] == -1).all()
