import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill.filling.bright_part import SHORTEST, bright_part, filled_in_part
from braggfill.filling.terms import Estimate
from braggfill.scan.gapped import GappedScan

SHAPE = (40, 48, 56)


def peak_at(*place):
    """Counts that fall from a peak as a Gaussian."""
    places = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    return (1e6 * np.exp(-sum((x - p) ** 2 for x, p in zip(places, place, strict=True)) / 200)).astype(np.float32)


@given(
    st.tuples(*(st.integers(0, n - 1) for n in SHAPE)),
    st.integers(SHORTEST**3, int(np.prod(SHAPE))),
    st.integers(2, 50),
)
def test_a_part_holds_the_peak_and_no_more_voxels_than_it_may(place, most, column):
    mask = np.zeros(SHAPE, bool)
    mask[:, :, column : column + 4] = True
    part = bright_part(np.where(mask, 0, peak_at(*place)), mask, most)
    sizes = [s.stop - s.start for s in part]
    assert np.prod(sizes) <= most
    assert min(sizes) >= SHORTEST
    assert all(s.start >= 0 and s.stop <= n for s, n in zip(part, SHAPE, strict=True))
    assert all(s.start <= p < s.stop for s, p in zip(part[:2], place[:2], strict=True))


def test_what_is_left_out_is_darker_than_what_stays():
    counts, nothing = peak_at(10, 20, 40), np.zeros(SHAPE, bool)
    part = bright_part(counts, nothing, 40_000)
    outside = np.ones(SHAPE, bool)
    outside[part] = False
    assert np.percentile(counts[part], 20) > np.percentile(counts[outside], 80)


def test_a_gap_beside_dark_planes_goes_with_them():
    counts, mask = peak_at(20, 24, 5), np.zeros(SHAPE, bool)
    mask[:, :, 40:48] = True
    counts[mask] = 0
    part = bright_part(counts, mask, 40 * 48 * 38)
    assert part == (slice(0, 40), slice(0, 48), slice(0, 38))


def test_a_scan_that_is_small_enough_stays_whole():
    assert bright_part(peak_at(5, 5, 5), np.zeros(SHAPE, bool), 10**9) == tuple(slice(0, n) for n in SHAPE)


@pytest.fixture
def gapped():
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 26:30] = True
    return GappedScan.blanked(peak_at(20, 24, 28), mask)


def flat(value, crystal=None):
    """A method that expects one count everywhere."""
    return lambda scan: Estimate(
        *np.full((2, np.count_nonzero(scan.wanted)), float(value)), sentence="told", record={"said": value}, crystal=crystal
    )


def test_each_says_what_is_its_own(gapped):
    part = slice(4, 38), slice(8, 44), slice(10, 50)
    estimate = filled_in_part(gapped, part, flat(5, crystal="behind it"), flat(1))
    mean = gapped.laid_out(estimate.mean)
    inside = np.zeros(SHAPE, bool)
    inside[part] = True
    assert (mean[gapped.wanted & inside] == 5).all()
    assert (mean[gapped.wanted & ~inside] == 1).all()
    assert estimate.record["part"] == [[4, 38], [8, 44], [10, 50]]
    assert "34 × 36 × 40 voxels about the peak" in estimate.sentence


def test_without_a_crystal_the_network_sees_the_whole_scan(gapped):
    estimate = filled_in_part(gapped, (slice(0, 40), slice(8, 44), slice(10, 50)), flat(5), flat(1))
    assert (estimate.mean == 1).all()
    assert estimate.sentence.startswith("told; looked at were 40 × 36 × 40 voxels")
    assert estimate.record["said"] == 1


def test_what_is_left_open_inside_is_told_from_outside(gapped):
    open_inside = lambda scan: Estimate(*np.full((2, np.count_nonzero(scan.wanted)), np.nan), crystal="behind it")  # noqa: E731
    estimate = filled_in_part(gapped, (slice(0, 40), slice(8, 44), slice(10, 50)), open_inside, flat(1))
    assert (estimate.mean == 1).all()


def test_the_weights_that_filled_outside_are_told_where_none_were_asked_inside(gapped):
    outside = lambda scan: Estimate(*np.ones((2, np.count_nonzero(scan.wanted))), weights_sha256="f" * 64)  # noqa: E731
    estimate = filled_in_part(gapped, (slice(0, 40), slice(8, 44), slice(10, 50)), flat(5, crystal="behind it"), outside)
    assert estimate.weights_sha256 == "f" * 64


def test_what_the_network_says_of_its_own_fill_outside_is_told(gapped):
    both = filled_in_part(gapped, (slice(0, 40), slice(8, 44), slice(10, 50)), flat(5, crystal="behind it"), flat(1))
    assert both.sentence.endswith("the network fills elsewhere; told")
