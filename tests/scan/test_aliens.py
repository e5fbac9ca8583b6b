"""Another crystal's light is found where the pattern should have faded, and nothing else is; against known spots."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import counts_of_a_crystal
from program import run
from scipy.ndimage import rotate

from braggfill.scan.aliens import find_aliens
from braggfill.scan.choice import Preparation
from braggfill.scan.files import read_scan
from braggfill.scan.formats.contents import Scan
from braggfill.scan.masks import find_hot_pixels
from braggfill.scan.preparation import in_words, prepare

SHAPE = (40, 64, 60)
COUNTS = counts_of_a_crystal(SHAPE, 1e5)
NOTHING = np.zeros(SHAPE, bool)
CORNER = (33, 12, 49)


def spot(place, counts, width, shape=SHAPE):
    """Counts of a round spot, and how far each voxel is from its middle in widths."""
    apart = sum(((n - p) / width) ** 2 for n, p in zip(np.ogrid[tuple(map(slice, shape))], place, strict=True)) ** 0.5
    return np.random.default_rng(5).poisson(counts * np.exp(-0.5 * apart**2)), apart


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("peak_counts", [300, 1e4, 1e6])
def test_nothing_is_found_where_there_is_one_crystal(peak_counts, seed, scan):
    """Nor in streaks of facets, behind a gap, or by turning the streaks out of the axes."""
    counts = counts_of_a_crystal(SHAPE, peak_counts, seed)
    assert not find_aliens(counts, NOTHING).any()
    gap = NOTHING.copy()
    gap[:, 36:48] = gap[:, :, 20:26] = True
    assert not find_aliens(counts, gap).any()
    turned = rotate(counts_of_a_crystal(SHAPE, peak_counts, seed), 33, (1, 2), reshape=False, order=1)
    assert not find_aliens(np.maximum(turned, 0), NOTHING).any()
    assert not find_aliens(scan.counts, np.zeros(scan.counts.shape, bool)).any()


@settings(max_examples=20, deadline=None)
@given(st.floats(1, 4), st.sampled_from([5e3, 2e4, 5e4]), st.permutations([0, 1, 2]), st.booleans())
def test_a_spot_is_found_whole_and_the_crystal_left_alone(width, counts, axes, mirrored):
    light, apart = spot(CORNER, counts, width)
    scan, missing = (COUNTS + light).transpose(axes), NOTHING.transpose(axes)
    bright, far = (light > 0.03 * counts).transpose(axes), (apart > 5 + 4 / width).transpose(axes)
    if mirrored:
        scan, missing, bright, far = (a[:, ::-1] for a in (scan, missing, bright, far))
    found = find_aliens(scan, missing)
    assert found[bright].all()
    assert not found[far].any()


def test_what_cannot_be_told_is_not_marked():
    near, _ = spot((20, 38, 30), 2e4, 1.5)  # amid the first fringes
    assert not find_aliens(COUNTS + near, NOTHING).any()
    light, _ = spot(CORNER, 1e4, 2.0)
    between = NOTHING.copy()
    between[:, 16:28], between[:, :, 34:46] = True, True  # nothing is known of the way to the peak
    seen = COUNTS + light
    marked = find_aliens(seen, between)
    assert not (marked & between).any()
    faint, _ = spot(CORNER, 0.3, 2.0)
    assert not find_aliens(COUNTS + faint, NOTHING).any()


def test_hot_pixels_are_no_aliens_for_the_program(tmp_path):
    wild = COUNTS + spot(CORNER, 5e3, 2.0)[0]
    wild[:, 50, 8] += 3000
    made = prepare(Scan(wild, None, "s"), None, Preparation(aliens=True))
    assert made.mask.shape == SHAPE
    assert not made.mask[:, 50, 8].any()
    assert find_hot_pixels(wild, NOTHING)[50, 8]
    (box,) = made.record["aliens"]["spots"]
    assert all(first <= at < last for (first, last), at in zip(box, CORNER, strict=True))
    assert made.record["aliens"]["voxels"] == made.mask.sum()
    share = wild[made.mask].sum() / wild.sum()
    assert made.record["aliens"]["share_of_counts"] == pytest.approx(share, rel=1e-4)
    assert in_words(made.record)[0].startswith("1 spots of another crystal's light (")


def test_it_is_told_recorded_and_written_into_a_mask(tmp_path, capsys):
    gap = np.zeros(SHAPE[1:], np.uint8)
    gap[40:44] = 1
    wild = COUNTS + spot(CORNER, 5e3, 1.5)[0]
    np.savez(tmp_path / "s.npz", data=wild, mask=gap)
    assert run("mask", tmp_path / "s.npz", "--aliens", "-o", tmp_path / "m.npz") == 0
    assert "1 spots of another crystal's light" in capsys.readouterr().out
    with np.load(tmp_path / "m.npz") as stored:
        assert stored["mask"][CORNER] == 1
        assert stored["mask"][0, 41, 3] == 1
        assert stored["mask"].sum() < SHAPE[0] * gap.sum() + 4000
    assert run("fill", tmp_path / "s.npz", "--aliens", "--method", "nearest") == 0
    assert "are marked as not measured" in " ".join(capsys.readouterr().out.split())
    filled = read_scan(str(tmp_path / "s_filled.npz"))
    with np.load(tmp_path / "m.npz") as stored:
        np.testing.assert_array_equal((filled.filled > 0) | (np.asarray(filled.mask) > 0), stored["mask"] > 0)
    assert filled.provenance["prepared"]["aliens"]["voxels"] > 20
    assert json.dumps(filled.provenance["configuration"]["aliens"]) == "true"
    plain = prepare(Scan(COUNTS, gap, "s"), gap, Preparation(aliens=True))
    assert plain.mask is gap
    assert in_words(plain.record) == ["no light of another crystal was found"]
