import builtins

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill import InputError, detector_mask
from braggfill.scan.detectors import DETECTORS

# The table of the beamlines' own masks: shape, missing rows, missing columns; ends excluded.
FACTS = {
    "maxipix": ((516, 516), [(255, 261)], [(255, 261)]),
    "merlin": ((515, 515), [(255, 260)], [(255, 260)]),
    "merlin_sixs": ((512, 512), [(254, 257)], [(254, 257)]),
    "34idcTIM2": ((512 + 5, 512 + 4), [(256, 261)], [(256, 260)]),  # cohere: 4 columns, 5 rows
    "34idcTIM1": ((256, 256), [], []),
    "eiger500k": ((512, 1028), [], []),
    "eiger2m": (
        (2164, 1030),
        [(255, 259), (804, 809), (1355, 1359), (1905, 1909), (511, 552), (1061, 1102), (1611, 1652)],
        [(255, 259), (513, 517), (771, 775)],
    ),
    "eiger4m": ((2167, 2070), [(513, 552), (1064, 1103), (1615, 1654)], [(1029, 1041)]),
    "eiger9m": (
        (3262, 3108),
        [(512, 550), (1062, 1100), (1612, 1650), (2162, 2200), (2712, 2750)],
        [(513, 515), (1553, 1555), (2593, 2595), (1028, 1040), (2068, 2080)],
    ),
}


def expected(name, row, column):
    """Whether a pixel is missing, by the table: an oracle for one pixel at a time."""
    _, rows, columns = FACTS[name]
    return (np.add.reduce([(row >= a) & (row < b) for a, b in rows], initial=False) > 0) | (
        np.add.reduce([(column >= a) & (column < b) for a, b in columns], initial=False) > 0
    )


@pytest.mark.parametrize("name", FACTS)
def test_full_frames_and_ten_crops_are_the_table_to_the_pixel(name):
    shape = FACTS[name][0]
    full = detector_mask(name)
    assert full.shape == shape
    np.testing.assert_array_equal(full, expected(name, *np.ogrid[: shape[0], : shape[1]]) | np.zeros(shape, bool))
    rng = np.random.default_rng(0)
    for _ in range(10):
        (r0, r1), (c0, c1) = (sorted(rng.choice(n + 1, 2, replace=False)) for n in shape)
        crop = expected(name, *np.ogrid[r0:r1, c0:c1]) | np.zeros((r1 - r0, c1 - c0), bool)
        np.testing.assert_array_equal(detector_mask(name, (r1 - r0, c1 - c0), (r0, c0)), crop)
        np.testing.assert_array_equal(detector_mask(name, None, (r0, r1, c0, c1)), crop)


@given(st.sampled_from(["maxipix", "34idctim2"]), st.tuples(*[st.integers(-30, 560)] * 4), st.booleans())
def test_a_crop_is_the_part_of_the_frame_that_its_numbers_say_or_is_refused(name, numbers, told):
    """Against numpy's own slices, with the scan's shape told or not."""
    top, bottom, left, right = numbers
    frame = detector_mask(name)
    shape = (bottom - top, right - left) if told else None
    if 0 <= top < bottom <= frame.shape[0] and 0 <= left < right <= frame.shape[1]:
        np.testing.assert_array_equal(detector_mask(name, shape, numbers), frame[top:bottom, left:right])
        cut = detector_mask(name, shape, (top, left))
        np.testing.assert_array_equal(cut, frame[top:bottom, left:right] if told else frame[top:, left:])
    else:
        with pytest.raises(InputError, match=r"(roi|shape): got (-\d+, expected a whole number|rows .* expected a crop)"):
            detector_mask(name, shape, numbers)


def test_every_row_of_the_table_is_tested():
    assert {n.lower() for n in FACTS} == set(DETECTORS)


def test_the_merlin_of_sixs_is_told_by_its_shape_and_never_against_it():
    np.testing.assert_array_equal(detector_mask("merlin", (512, 512)), detector_mask("merlin_sixs"))
    np.testing.assert_array_equal(detector_mask("Merlin SixS", (515, 515)), detector_mask("merlin"))
    np.testing.assert_array_equal(np.flatnonzero(detector_mask("merlin", (512, 512)).all(0)), [254, 255, 256])
    crop = detector_mask("merlin", (512, 512), (3, 3))  # a place in the frame says that it is a crop of 515 × 515
    np.testing.assert_array_equal(np.flatnonzero(crop.all(0)), [252, 253, 254, 255, 256])


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mpxgaas", "maxipix"),
        ("mpx4inr", "maxipix"),
        ("mpx1x4", "maxipix"),
        ("Maxipix", "maxipix"),
        ("Eiger2M", "eiger2m"),
        ("eiger-4M", "eiger4m"),
        ("e4m", "eiger4m"),
        ("e9m", "eiger9m"),
        ("eiger", "eiger9m"),
        ("e2500", "eiger500k"),
        ("Merlin SixS", "merlin_sixs"),
    ],
)
def test_the_names_that_cdiutils_knows(alias, name):
    np.testing.assert_array_equal(detector_mask(alias), detector_mask(name))


# Pixels that beamlines mask beyond pyFAI's, as (rows, columns) wider on each side, where the frames are the same.
WIDER_THAN_PYFAI = {"maxipix": ("maxipix2x2", 1, 1), "eiger4m": ("eiger4m", 1, 1)}


@pytest.mark.parametrize("name", WIDER_THAN_PYFAI)
def test_the_table_is_pyfai_s_mask_and_the_enlarged_pixels_at_its_edges(name):
    detectors = pytest.importorskip("pyFAI.detectors")
    theirs_name, rows, columns = WIDER_THAN_PYFAI[name]
    theirs = detectors.detector_factory(theirs_name).calc_mask() > 0
    widened = np.zeros_like(theirs)
    for axis, wider in ((0, rows), (1, columns)):
        full = np.flatnonzero(theirs.all(1 - axis))
        for shift in range(-wider, wider + 1):
            np.moveaxis(widened, axis, 0)[full + shift] = True
    np.testing.assert_array_equal(detector_mask(name), widened)


def test_eiger_9m_is_pyfai_s_eiger2_9m_and_the_double_pixels_between_chips():
    detectors = pytest.importorskip("pyFAI.detectors")
    theirs = detectors.detector_factory("eiger2_9m").calc_mask() > 0
    for first in (513, 1553, 2593):
        theirs[:, first : first + 2] = True
    np.testing.assert_array_equal(detector_mask("eiger9m"), theirs)


def test_what_is_not_in_the_table_is_pyfai_s():
    detectors = pytest.importorskip("pyFAI.detectors")
    for name in ("lambda750k", "Lambda_2M", "eiger1m", "Pilatus 1M"):
        theirs = detectors.detector_factory(name.lower().replace(" ", "")).calc_mask() > 0
        np.testing.assert_array_equal(detector_mask(name), theirs)
    columns = np.flatnonzero(detector_mask("lambda750k").all(0))
    np.testing.assert_array_equal(columns, [c for start in range(256, 1556, 260) for c in range(start, start + 4) if c < 1556])


# As the makers publish them: shape, width of the gaps between rows and between columns, how many there are.
MODULES = {
    "eiger1m": ((1065, 1030), (37, 1), (0, 0)),
    "eiger16m": ((4371, 4150), (37, 7), (10, 3)),
    "eiger2_500k": ((512, 1028), (0, 0), (0, 0)),
    "eiger2_1m": ((1062, 1028), (38, 1), (0, 0)),
    "eiger2_4m": ((2162, 2068), (38, 3), (12, 1)),
    "eiger2_9m": ((3262, 3108), (38, 5), (12, 2)),
    "eiger2_16m": ((4362, 4148), (38, 7), (12, 3)),
    "pilatus1m": ((1043, 981), (17, 4), (7, 1)),
    "pilatus2m": ((1679, 1475), (17, 7), (7, 2)),
    "lambda750k": ((516, 1556), (4, 1), (4, 5)),
    "lambda2m": ((1556, 1556), (4, 5), (4, 5)),
}


@pytest.mark.parametrize("name", MODULES)
def test_detectors_of_modules_have_the_gaps_that_their_makers_publish(name):
    pytest.importorskip("pyFAI.detectors")
    shape, *gaps = MODULES[name]
    mask = detector_mask(name)
    assert mask.shape == shape
    for across, (width, number) in enumerate(gaps):
        full = np.flatnonzero(mask.all(1 - across))
        runs = np.split(full, np.flatnonzero(np.diff(full) > 1) + 1) if full.size else []
        assert [len(run) for run in runs] == [width] * number


@pytest.mark.parametrize(
    ("name", "shape", "gap"),
    [("eiger9m", (3269, 3110), 37), ("e4m", (2162, 2068), 38), ("eiger1m", (1062, 1028), 38), ("eiger16m", (4362, 4148), 38)],
)
def test_the_kind_of_an_eiger_is_told_by_its_shape(name, shape, gap):
    pytest.importorskip("pyFAI.detectors")
    rows = np.flatnonzero(detector_mask(name, shape).all(1))
    assert len(np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)[0]) == gap


def test_without_pyfai_the_table_still_works(monkeypatch):
    real = builtins.__import__

    def no_pyfai(name, *args, **kwargs):
        if name.startswith("pyFAI"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_pyfai)
    assert detector_mask("merlin").any()
    with pytest.raises(InputError, match=r"maxipix.*braggfill\[detectors\]"):
        detector_mask("lambda750k")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("eigr4m",), "eigr4m.*eiger4m"),
        (("maxipix", (100, 100)), r"100 × 100.*516 × 516.*--roi"),
        (("maxipix", (256, 256)), "256 × 256.*such as '34idctim1' with such frames"),
        (("maxipix", (100, 100), (450, 0)), "rows 450 to 550"),
        (("maxipix", (100, 100), (-1, 0)), "roi: got -1, expected a whole number of 0"),
        (("maxipix", (100, 100), (0, 90, 0, 100)), "not 100 × 100"),
        (("maxipix", (100, 100), (0, 90, 0)), "3 numbers"),
        (("maxipix", (30, 100, 100), (5, 3)), r"^shape: got \(30, 100, 100\), expected two lengths"),
    ],
)
def test_what_cannot_be(arguments, says):
    pytest.importorskip("pyFAI.detectors")
    with pytest.raises(InputError, match=says):
        detector_mask(*arguments)
