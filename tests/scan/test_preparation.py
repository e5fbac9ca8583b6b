"""Dark, flat field, hot pixels and bins: what is marked and what is changed, against sums and products made here."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import counts_of_a_crystal, eiger_master
from program import run

from braggfill import InputError, detector_mask
from braggfill.scan.choice import Preparation
from braggfill.scan.crop import box_chooser
from braggfill.scan.detectors import closed_detector
from braggfill.scan.files import read_scan
from braggfill.scan.formats.contents import Geometry, Scan
from braggfill.scan.masks import find_hot_pixels
from braggfill.scan.preparation import in_words, prepare

COUNTS = counts_of_a_crystal((12, 40, 36))
GAP = np.zeros((40, 36), np.uint8)
GAP[26:30] = 1
SCAN = Scan(COUNTS, GAP, "s", geometry=Geometry(None, None, (55e-6, 55e-6)))


def test_nothing_asked_for_is_nothing_done():
    made = prepare(SCAN, GAP, Preparation())
    assert made.scan is SCAN and made.mask is GAP
    assert (made.record, made.counts_per_unit, in_words(made.record)) == ({}, None, [])


@settings(max_examples=25)
@given(st.tuples(st.integers(1, 4), st.integers(2, 6), st.integers(2, 6)))
def test_bins_keep_every_photon_that_falls_into_a_whole_one(bins):
    made = prepare(SCAN, GAP, Preparation(bin=bins))
    missing = np.broadcast_to(GAP > 0, COUNTS.shape)
    for place in np.ndindex(made.scan.intensity.shape):
        part = tuple(slice(p * b, (p + 1) * b) for p, b in zip(place, bins, strict=True))
        assert made.mask[place] == missing[part].any()
        if not made.mask[place]:
            assert made.scan.intensity[place] == COUNTS[part].sum()
    assert made.scan.intensity.shape == tuple(n // b for n, b in zip(COUNTS.shape, bins, strict=True))
    assert made.scan.intensity.dtype.kind == "i"
    assert made.scan.geometry.pixel_size_m == (55e-6 * bins[1], 55e-6 * bins[2])


def test_nothing_is_known_in_gaps_that_are_opened():
    counts = np.random.default_rng(0).poisson(9.0, (3, 512, 512))
    known = Scan(counts, GAP, "s", hidden=counts)
    made = prepare(known, None, Preparation(), detector=closed_detector("34idcTIM2", (512, 512)))
    np.testing.assert_array_equal(made.scan.hidden, made.scan.intensity)
    assert not made.scan.hidden[made.mask].any()


def test_what_is_known_under_the_mask_is_prepared_like_the_counts(tmp_path):
    """Without a gap every voxel of the prepared scan has the value that is known of it with one."""
    under = np.broadcast_to(GAP > 0, COUNTS.shape)
    known = replace(SCAN, intensity=np.where(under, 0, COUNTS), hidden=np.where(under, COUNTS, 0))
    share = np.random.default_rng(0).uniform(0.8, 1.2, GAP.shape)
    np.save(tmp_path / "white.npy", share / np.median(share))
    for how in (Preparation(bin=(2, 3, 5)), Preparation(flat=str(tmp_path / "white.npy"))):
        made, whole = prepare(known, GAP, how), prepare(replace(SCAN, mask=None), None, how)
        missing = np.broadcast_to(made.mask > 0, made.scan.intensity.shape)
        np.testing.assert_allclose(made.scan.hidden, np.where(missing, whole.scan.intensity, 0), rtol=1e-6)
    np.savez(tmp_path / "s.npz", data=known.intensity, mask=GAP, hidden=known.hidden)
    drawn = ["--bin", "1,2,2", "--plot", tmp_path / "s.png"]
    assert run("fill", tmp_path / "s.npz", "--method", "nearest", *drawn) == 0


def test_pixels_that_count_in_the_dark_are_marked_and_nothing_is_subtracted(tmp_path):
    dark = np.zeros((5, 40, 36), np.int32)
    dark[:, 3, 3], dark[:, 20, 30], dark[0, 7, 7] = 400, 2, 5  # the last has one count a frame: good still
    tifffile.imwrite(tmp_path / "dark.tif", dark)
    made = prepare(SCAN, GAP, Preparation(dark=str(tmp_path / "dark.tif")))
    expected = GAP > 0
    expected[3, 3] = expected[20, 30] = True
    np.testing.assert_array_equal(made.mask, expected)
    assert made.scan.intensity is COUNTS
    assert made.record["dark"]["marked"] == 2
    assert len(made.record["dark"]["sha256"]) == 64


def test_a_background_is_no_dark(tmp_path):
    np.save(tmp_path / "b.npy", np.full((40, 36), 3.0))
    with pytest.raises(InputError, match=r"100 % of the pixels.*--negatives measured"):
        prepare(SCAN, GAP, Preparation(dark=str(tmp_path / "b.npy")))


def test_an_uneven_detector_becomes_even_and_its_photons_stay_known(tmp_path):
    """Counts of uneven pixels over their efficiency have the mean of even ones; the unit says how many photons they are."""
    rng = np.random.default_rng(3)
    light, efficiency = np.full((60, 40, 36), 400.0), rng.uniform(0.6, 1.4, (40, 36))
    efficiency[5, 5], efficiency[9, 9] = 0.0, 0.01
    counts = rng.poisson(light * efficiency)
    np.savez(tmp_path / "white.npz", data=rng.poisson(5e4 * efficiency))
    made = prepare(Scan(counts, None, "s"), None, Preparation(flat=str(tmp_path / "white.npz")))
    good = np.ones((40, 36), bool)
    good[5, 5] = good[9, 9] = False
    np.testing.assert_array_equal(made.mask, np.broadcast_to(~good, counts.shape))
    corrected = made.scan.intensity[:, good]
    usual = np.median(efficiency[good])
    np.testing.assert_allclose(corrected.mean(0), 400 * usual, rtol=0.05)  # the faintest: 1 % of noise
    assert made.counts_per_unit == pytest.approx(counts[:, good].sum() / corrected.sum(), rel=1e-5)
    low, high = made.record["flat"]["shares"]
    assert (low, high) == pytest.approx((0.6 / usual, 1.4 / usual), rel=0.02)


def test_a_flat_field_s_frames_are_cut_like_the_scan_s(tmp_path):
    np.save(tmp_path / "white.npy", np.arange(1, 40 * 36 + 1, dtype=float).reshape(40, 36) + 2000)
    np.savez(tmp_path / "s.npz", data=COUNTS)
    how, box = Preparation((4, 20, 16), flat=str(tmp_path / "white.npy")), box_chooser((4, 20, 16))
    whole = prepare(read_scan(str(tmp_path / "s.npz")), None, replace(how, crop=None)).scan.intensity
    scan = read_scan(str(tmp_path / "s.npz"), box)
    cut = prepare(scan, None, how)
    ratio = cut.scan.intensity.astype(float) / np.maximum(whole[scan.cut.box], 1e-9)
    lit = scan.intensity > 0
    np.testing.assert_allclose(ratio[lit], ratio[lit][0], rtol=1e-5)  # but for the usual pixel, which is the crop's own
    np.save(tmp_path / "small.npy", np.ones((39, 36)))
    with pytest.raises(InputError, match=r"39 × 36 pixels, expected 20 × 16 like the frames"):
        prepare(scan, None, Preparation(flat=str(tmp_path / "small.npy")))


def test_hot_pixels_are_found_and_neither_peak_nor_fringe_is_one(scan):
    sharp = counts_of_a_crystal((12, 40, 36), 1e6)
    dark = np.zeros((40, 36), bool)
    for counts in (COUNTS, sharp, sharp[5:8], scan.counts):
        assert not find_hot_pixels(counts, np.zeros(counts.shape, bool)).any()
    hot = dark.copy()
    hot[3, 4] = hot[30, 5] = hot[30, 6] = hot[0, 0] = True
    for level in (100, 10**6):
        wild = np.where(hot, COUNTS + level, COUNTS)
        np.testing.assert_array_equal(find_hot_pixels(wild, np.zeros(wild.shape, bool)), hot)
        np.testing.assert_array_equal(find_hot_pixels(wild, np.broadcast_to(hot, wild.shape)), dark)  # known already


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"crop": (4, 5)}, r"crop: got \[4, 5\]"),
        ({"crop": (4, 0, 5)}, r"crop: got \[4, 0, 5\]"),
        ({"crop": (4, 2, 0, 5, 0, 5)}, "crop: got"),
        ({"bin": (1, 2)}, r"bin: got \[1, 2\]"),
        ({"bin": (1, 0, 2)}, "bin: got 0, expected a whole number of 1 to 1 000"),
        ({"bin": (1, 1, 1001)}, "bin: got 1001, expected a whole number of 1 to 1 000"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(how, says):
    with pytest.raises(InputError, match=says):
        Preparation(**how)


def test_from_an_eiger_s_master_to_the_filled_crop_with_everything_recorded(tmp_path, capsys):
    rows, columns = 90, 80
    counts = counts_of_a_crystal((14, rows, columns))
    bits = np.zeros((rows, columns), np.uint32)
    bits[52:56] = 1
    counts[:, 40, 30] = 5000  # hot
    np.save(tmp_path / "white.npy", np.random.default_rng(0).uniform(0.9, 1.1, (rows, columns)))
    steps = ["--crop", "12,60,56", "--flat", tmp_path / "white.npy", "--hot", "--bin", "1,2,2", "--method", "linear"]
    assert run("fill", eiger_master(tmp_path, counts, bits), *steps, "-o", tmp_path / "f.cxi") == 0
    told = capsys.readouterr().out
    for words in ("cropped to frames 1–12, rows 15–74", "1 hot pixels", "photons are one unit", "1 × 2 × 2 voxels are summed"):
        assert words in told
    back = read_scan(str(tmp_path / "f.cxi"))
    assert back.intensity.shape == (12, 30, 28)
    prepared = back.provenance["prepared"]
    assert prepared["of"] == [14, rows, columns]
    (f0, f1), (r0, r1), (c0, c1) = prepared["crop"]
    assert prepared["hot"]["pixels"] == [[40 - r0, 30 - c0]]
    assert back.provenance["options"]["counts_per_unit"] == prepared["flat"]["counts_per_unit"]
    assert back.provenance["configuration"]["crop"] == [12, 60, 56]
    white = np.load(tmp_path / "white.npy")
    share = (white / np.median(white[r0:r1, c0:c1]))[r0:r1, c0:c1]
    even = (counts[f0:f1, r0:r1, c0:c1] / share).reshape(12, 30, 2, 28, 2).sum((2, 4))
    measured = back.filled == 0
    np.testing.assert_allclose(back.intensity[measured], even[measured], rtol=1e-5)
    assert back.geometry.pixel_size_m == (150e-6, 150e-6)


def test_a_crop_knows_its_place_in_the_detector(tmp_path):
    """The gaps of a detector are those of the frames on disk, whatever is cropped from them; a mask of these is cut alike."""
    counts = counts_of_a_crystal((6, 516, 516))
    np.save(tmp_path / "s.npy", counts)
    np.save(tmp_path / "m.npy", np.eye(516))
    arguments = ["--crop", "6,40,48", "--detector", "maxipix", "--mask", tmp_path / "m.npy", "--method", "nearest"]
    assert run("fill", tmp_path / "s.npy", *arguments) == 0
    back = read_scan(str(tmp_path / "s_filled.npz"))
    _, rows, columns = (slice(*span) for span in back.provenance["prepared"]["crop"])
    expected = (detector_mask("maxipix") | (np.eye(516) > 0))[rows, columns]
    np.testing.assert_array_equal((back.filled > 0) | (back.mask > 0), np.broadcast_to(expected, (6, 40, 48)))


def test_hot_pixels_are_written_into_a_mask_and_convert_prepares_for_other_programs(tmp_path):
    wild = COUNTS.copy()
    wild[:, 3, 4] = 900
    np.savez(tmp_path / "s.npz", data=wild, mask=GAP)
    assert run("mask", tmp_path / "s.npz", "--hot", "-o", tmp_path / "m.npz") == 0
    with np.load(tmp_path / "m.npz") as stored:
        assert stored["mask"][3, 4] == 1
        assert stored["mask"].sum() == GAP.sum() + 1
    assert run("convert", tmp_path / "s.npz", tmp_path / "c.cxi", "--crop", "12,30,30", "--bin", "2,1,1", "--hot") == 0
    written = read_scan(str(tmp_path / "c.cxi"))
    assert written.intensity.shape == (6, 30, 30)
    assert written.filled is None
    assert written.provenance["prepared"]["bin"] == [2, 1, 1]
    assert run("fill", tmp_path / "c.cxi", "--method", "linear", "-o", tmp_path / "f.npz") == 0


def test_a_flat_field_reaches_the_judge_and_the_options(tmp_path):
    counts = counts_of_a_crystal((16, 60, 56), 1e5)
    gap = np.zeros((60, 56), np.uint8)
    gap[38:42] = 1
    np.savez(tmp_path / "s.npz", data=counts, mask=gap)
    np.save(tmp_path / "white.npy", np.ones((60, 56)) + 0.1 * (np.arange(56) % 2))
    judged = ["--method", "linear", "--baseline", "nearest", "--json", tmp_path / "j.json"]
    assert run("evaluate", tmp_path / "s.npz", "--flat", tmp_path / "white.npy", *judged) == 0
    assert json.loads((tmp_path / "j.json").read_text())
    assert run("evaluate", tmp_path / "s.npz", "--flat", tmp_path / "none.npy") == 2


@pytest.mark.parametrize("verb", ["fill", "evaluate"])
def test_a_flat_field_makes_no_counts_of_scaled_data(tmp_path, capsys, verb):
    np.savez(tmp_path / "s.npz", data=0.37 * COUNTS, mask=GAP)
    np.save(tmp_path / "white.npy", np.ones(GAP.shape))
    flat = [tmp_path / "s.npz", "--flat", tmp_path / "white.npy", "--method", "linear"]
    assert run(verb, *flat) == 2
    assert "counts_per_unit: got none of a scan whose values are no whole counts" in " ".join(capsys.readouterr().err.split())
    assert run(verb, *flat, "--counts-per-unit", 1 / 0.37) == 0


def test_a_batch_knows_a_result_of_other_steps_for_another(tmp_path, capsys):
    np.savez(tmp_path / "S1.npz", data=COUNTS, mask=GAP)
    command = ["fill", "--scan", "1", "--template", tmp_path / "S%d.npz", "--method", "nearest", "-j", 1, "--slurm", 0]
    assert run(*command) == 0
    assert run(*command, "--hot") == 2  # the name is taken by a result that was made otherwise
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("crop", [None, (230, 290, 240, 300), (0, 200, 240, 300), (256, 300, 100, 256)])
def test_the_seam_that_files_of_a_timepix_quad_leave_out_is_opened(tmp_path, crop):
    """Against the frame as cohere makes it: 4 columns and 5 rows after the 256th, zeros there, everything else as it was."""
    counts = np.random.default_rng(0).poisson(9.0, (3, 512, 512))
    np.save(tmp_path / "s.npy", counts)
    rows, columns = (slice(*crop[:2]), slice(*crop[2:])) if crop else (slice(0, 512), slice(0, 512))
    cut = ["--crop", ",".join(map(str, (0, 3, *crop)))] if crop else []
    assert run("convert", tmp_path / "s.npy", tmp_path / "o.npz", "--detector", "34idcTIM2", *cut) == 0
    with np.load(tmp_path / "o.npz") as made:
        intensity, mask = made["data"], made["mask"] > 0
    seam_rows, seam_columns = (5 if rows.start < 256 < rows.stop else 0), (4 if columns.start < 256 < columns.stop else 0)
    part = counts[:, rows, columns]
    assert intensity.shape == (3, part.shape[1] + seam_rows, part.shape[2] + seam_columns)
    np.testing.assert_array_equal(intensity[~mask].reshape(part.shape), part)
    expected = np.zeros(intensity.shape[1:], bool)
    if seam_rows:
        expected[256 - rows.start : 261 - rows.start] = True
    if seam_columns:
        expected[:, 256 - columns.start : 260 - columns.start] = True
    np.testing.assert_array_equal(mask, np.broadcast_to(expected, mask.shape))


def test_frames_that_have_the_seam_already_are_not_opened_again():
    assert closed_detector("34idcTIM2", (517, 516)) is None
    assert closed_detector("maxipix", (510, 510)) is None
    assert closed_detector(None, (512, 512)) is None
    assert closed_detector("TimepixQuad", (512, 512)).shape == (517, 516)


def test_standard_deviations_of_estimates_are_summed_as_if_they_were_wrong_together():
    std = np.zeros((4, 6, 8), np.float32)
    std[:, 2:4] = np.random.default_rng(0).uniform(1, 2, (4, 2, 8))
    scan = Scan(np.ones((4, 6, 8), np.float32), None, "S1", (std > 0).astype(np.uint8), std)
    made = prepare(scan, None, Preparation(bin=(2, 2, 4))).scan
    np.testing.assert_allclose(made.std, std.reshape(2, 2, 3, 2, 2, 4).sum((1, 3, 5)), rtol=1e-6)
    np.testing.assert_array_equal(made.std > 0, made.filled > 0)
