"""Every format: what is written comes back to the bit, and lies where the programs it is for look for it."""

import json

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from braggfill import InputError, fill_gaps
from braggfill.filling.record import write_result
from braggfill.scan.files import FORMATS, check_outputs, read_mask, read_provenance, read_scan, write_mask, write_scan
from braggfill.scan.formats.contents import Geometry, Scan, given_geometry
from braggfill.scan.formats.cxi import write_cxi
from braggfill.scan.formats.hdf5 import read_hdf5

COUNTS = np.random.default_rng(0).integers(0, 1000, (5, 17, 16)).astype(np.uint32)
MASK = np.zeros((17, 16), np.uint8)
MASK[3:5] = 1
MASK[:, 9:12] = 1
NAMES = {
    "npz": "S12_filled.npz",
    "cxi": "S12_filled.cxi",
    "cdiutils": "S12_filled_pynx_input_data.npz",
    "bcdi": "S12_pynx_norm_filled.npz",
    "cohere": "prep_data_filled.tif",
}
GEOMETRY = Geometry(9000 * 1.602176634e-19, 0.83, (55e-6, 55e-6))


@pytest.fixture(scope="module")
def result():
    wide = MASK.copy()
    wide[0:9] = 1  # too wide for one bank: stays masked
    return fill_gaps(COUNTS, wide, method="linear")


def pynx_reads(path, key_order=("data", "iobs")):
    """What PyNX takes from an npz: data, else iobs, else the first array."""
    with np.load(path) as file:
        return file[next((k for k in key_order if k in file.files), file.files[0])]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_result_comes_back_to_the_bit(tmp_path, result, kind):
    path = tmp_path / NAMES[kind]
    write_result(path, result, "S12.npz", kind, GEOMETRY, {"command": "braggfill fill S12.npz"})
    back = read_scan(str(path))
    assert back.intensity.dtype == np.float32
    np.testing.assert_array_equal(back.intensity.view(np.uint32), result.intensity.view(np.uint32))
    np.testing.assert_array_equal(back.std.view(np.uint32), result.std.view(np.uint32))
    np.testing.assert_array_equal(back.mask, result.mask)
    np.testing.assert_array_equal(back.filled, result.filled)
    assert 0 < result.mask.sum() < result.filled.size
    assert back.provenance == read_provenance(path)
    assert (back.provenance["command"], back.provenance["method"]) == ("braggfill fill S12.npz", "linear")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_mask_that_is_no_number_marks_what_was_not_measured_in_every_format(tmp_path, kind):
    mask = np.where(MASK, np.nan, 0.0)
    write_scan(tmp_path / NAMES[kind], Scan(COUNTS, mask, "S12"), kind)
    back = read_scan(tmp_path / NAMES[kind])
    if back.mask is not None:
        np.testing.assert_array_equal(np.broadcast_to(back.mask, COUNTS.shape), np.broadcast_to(MASK, COUNTS.shape))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mask", [None, MASK, np.broadcast_to(MASK, COUNTS.shape)])
def test_a_scan_that_is_not_filled_comes_back_as_well(tmp_path, kind, mask):
    counts = COUNTS.astype(np.float32) if kind == "cohere" else COUNTS
    write_scan(tmp_path / NAMES[kind], Scan(counts, mask, "S12"), kind)
    back = read_scan(str(tmp_path / NAMES[kind]))
    np.testing.assert_array_equal(back.intensity, counts)
    assert back.intensity.dtype == counts.dtype
    assert (back.filled, back.std, back.provenance) == (None, None, None)
    if mask is not None:
        np.testing.assert_array_equal(np.broadcast_to(back.mask, COUNTS.shape), np.broadcast_to(mask, COUNTS.shape))
    elif back.mask is not None:
        assert not back.mask.any()


@settings(max_examples=25)
@given(st.sampled_from(sorted(FORMATS)), st.tuples(*[st.integers(1, 5)] * 3), st.integers(0, 2**32 - 1), st.booleans())
def test_any_scan_comes_back_from_any_format(tmp_path_factory, kind, shape, seed, is_filled):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(20.0, shape).astype(np.float32)
    mask, gaps = rng.random((2, *shape)) < 0.3
    std = np.where(gaps, rng.random(shape), 0).astype(np.float32)
    estimates = (gaps, std, {"method": "linear"}) if is_filled else (None, None, None)
    path = tmp_path_factory.mktemp("scan") / NAMES[kind]
    write_scan(path, Scan(counts, mask, "S12", *estimates), kind)
    back = read_scan(str(path))
    np.testing.assert_array_equal(back.intensity, counts)
    np.testing.assert_array_equal(back.mask, mask)
    for found, expected in zip((back.filled, back.std, back.provenance), estimates, strict=True):
        np.testing.assert_array_equal(found, expected)


@settings(max_examples=30)
@given(arrays.arrays(st.sampled_from([np.int8, np.uint8, np.uint16, np.int32, np.float32, bool]), (3, 4)))
def test_a_mask_cast_to_int8_marks_the_same_voxels(tmp_path_factory, mask):
    """PyNX casts masks to int8 and tests > 0: flags such as 128 or 2048 must not turn into good."""
    folder = tmp_path_factory.mktemp("mask")
    bad = mask > 0
    write_mask(folder / "mask.npz", mask)
    for key in ("mask", "data"):
        np.testing.assert_array_equal(pynx_reads(folder / "mask.npz", (key,)).astype(np.int8) > 0, bad)
    volume = np.broadcast_to(mask, (2, 3, 4))
    write_scan(folder / "a.cxi", Scan(np.zeros((2, 3, 4)), volume, "a"))
    with h5py.File(folder / "a.cxi") as file:
        stored = file["entry_1/instrument_1/detector_1/mask"][()]
    np.testing.assert_array_equal(stored.astype(np.int8) > 0, np.broadcast_to(bad, (2, 3, 4)))
    assert stored.dtype == np.uint8
    assert stored.max() <= 1


@pytest.mark.parametrize("flag", [1, 128, 512, 2048, 2**31])
def test_cxi_flags_of_other_programs_are_masked(tmp_path, flag):
    with h5py.File(tmp_path / "a.cxi", "w") as file:
        file["entry_1/instrument_1/detector_1/data"] = COUNTS
        file["entry_1/instrument_1/detector_1/mask"] = MASK.astype(np.uint32) * flag
    scan = read_scan(str(tmp_path / "a.cxi"))
    result = fill_gaps(scan.intensity, scan.mask, method="nearest")
    np.testing.assert_array_equal(result.filled[0], MASK > 0)


def test_cxi_has_what_pynx_reads_where_it_reads_it(tmp_path, result):
    write_result(tmp_path / "a.cxi", result, "S12.npz", geometry=GEOMETRY)
    with h5py.File(tmp_path / "a.cxi") as file:
        assert file["cxi_version"][()] == 140
        instrument = file["entry_1/instrument_1"]
        assert instrument["source_1/energy"][()] == pytest.approx(1.442e-15, rel=1e-3)
        wavelength = instrument["beam_1/incident_wavelength"][()]
        assert wavelength == pytest.approx(12.3984e-10 / 9, rel=1e-4)
        detector = instrument["detector_1"]
        assert [detector[n][()] for n in ("distance", "x_pixel_size", "y_pixel_size")] == [0.83, 55e-6, 55e-6]
        assert [detector[n].attrs["units"] for n in ("distance", "x_pixel_size")] == ["m", "m"]
        for place in ("entry_1/instrument_1/detector_1/data", "entry_1/data_1/data"):
            np.testing.assert_array_equal(file[place][()], result.intensity)
        np.testing.assert_array_equal(detector["pixel_mask"][()] == 2048, result.filled)
        np.testing.assert_array_equal(detector["pixel_mask"][()] == 1, result.mask)
        assert detector["virtual_pixel_correction_applied"][()]
        process = file["entry_1/data_1/process_1"]
        assert process["program"].asstr()[()] == "braggfill"
        assert process["configuration/method"].asstr()[()] == "linear"
        assert json.loads(process["provenance"].asstr()[()])["input"] == "S12.npz"


def test_cxi_opens_in_silx_with_its_default_plot(tmp_path, result):
    silx = pytest.importorskip("silx.io")
    nxdata = pytest.importorskip("silx.io.nxdata")
    write_result(tmp_path / "a.cxi", result, "S12.npz")
    with silx.open(str(tmp_path / "a.cxi")) as file:
        np.testing.assert_array_equal(nxdata.get_default(file).signal[()], result.intensity)


def test_geometry_of_cxi_and_of_cdiutils(tmp_path):
    write_scan(tmp_path / "a.cxi", Scan(COUNTS, MASK, "a", geometry=GEOMETRY))
    assert read_scan(str(tmp_path / "a.cxi")).geometry == GEOMETRY
    with h5py.File(tmp_path / "b.cxi", "w") as file:  # cdiutils 0.2: energy in eV, a group around the data
        file["entry_1/cropped_detector_data/data"] = COUNTS
        file["entry_1/image_1/mask"] = MASK
        file["entry_1/source_1/energy"] = 9000.0
        for name, value in (("distance", 0.83), ("x_pixel_size", 55e-6), ("y_pixel_size", 55e-6)):
            file[f"entry_1/detector_1/{name}"] = value
    scan = read_hdf5(tmp_path / "b.cxi", None)
    np.testing.assert_array_equal(scan.intensity, COUNTS)
    np.testing.assert_array_equal(scan.mask, MASK)
    assert scan.geometry.energy_j == pytest.approx(GEOMETRY.energy_j)
    assert scan.geometry.pixel_size_m == (55e-6, 55e-6)


@pytest.mark.parametrize(("value", "unit"), [(9.0, "keV"), (9000.0, "eV"), (9.0, None), (9000.0, None), (1.441959e-15, None)])
def test_energies_in_any_unit(tmp_path, value, unit):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry_1/data_1/data"] = COUNTS
        file["entry_1/instrument_1/source_1/energy"] = value
        if unit:
            file["entry_1/instrument_1/source_1/energy"].attrs["units"] = unit
    assert read_scan(str(tmp_path / "a.h5")).geometry.energy_j == pytest.approx(GEOMETRY.energy_j, rel=1e-5)


def test_what_a_person_says_of_the_geometry_wins():
    assert given_geometry(GEOMETRY, 8.0, None, 75.0) == Geometry(8000 * 1.602176634e-19, 0.83, (75e-6, 75e-6))
    with pytest.raises(InputError, match=r"distance_m: got -1"):
        given_geometry(GEOMETRY, None, -1, None)


@pytest.mark.parametrize(
    ("data", "mask", "key"),
    [("S7_pynx_input_data", "S7_pynx_input_mask", "data"), ("S7_pynx_norm_128", "S7_maskpynx_norm_128", "mask")],
)
def test_the_mask_of_a_pair_is_found_beside_the_data(tmp_path, data, mask, key):
    np.savez(tmp_path / f"{data}.npz", data=COUNTS)
    assert read_scan(str(tmp_path / f"{data}.npz")).mask is None
    np.savez(tmp_path / f"{mask}.npz", **{key: MASK})
    np.testing.assert_array_equal(read_scan(str(tmp_path / f"{data}.npz")).mask, MASK)


@pytest.mark.parametrize(("kind", "key"), [("cdiutils", "data"), ("bcdi", "mask")])
def test_the_files_of_a_pair_are_what_pynx_takes(tmp_path, result, kind, key):
    path = tmp_path / NAMES[kind]
    write_result(path, result, "S12.npz", kind)
    np.testing.assert_array_equal(pynx_reads(path), result.intensity)
    (partner,) = (p for p in tmp_path.iterdir() if p != path)
    with np.load(partner) as file:
        assert file.files == [key]
        np.testing.assert_array_equal(file[key].astype(np.int8) > 0, result.mask)
    np.testing.assert_array_equal(read_mask(str(partner)), result.mask)


def test_cohere_gets_a_float32_stack_that_it_turns_to_column_row_frame(tmp_path, result):
    """cohere stacks frames that it has turned about along its last axis, and turns the whole when it writes and reads it."""
    write_result(tmp_path / "prep_data.tif", result, "S12.npz")
    stack = tifffile.imread(tmp_path / "prep_data.tif")
    assert stack.dtype == np.float32
    frames_as_cohere_reads_them = [frame.transpose() for frame in result.intensity]
    np.testing.assert_array_equal(stack.transpose(), np.stack(frames_as_cohere_reads_them, axis=-1))
    (tmp_path / "prep_data_braggfill.npz").unlink()
    np.testing.assert_array_equal(read_scan(str(tmp_path / "prep_data.tif")).intensity, result.intensity)


def test_cohere_s_square_roots_are_refused(tmp_path):
    (tmp_path / "phasing_data").mkdir()
    tifffile.imwrite(tmp_path / "phasing_data" / "data.tif", COUNTS.astype(np.float32))
    with pytest.raises(InputError, match=r"square roots.*prep_data\.tif"):
        read_scan(str(tmp_path / "phasing_data" / "data.tif"))


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("cdiutils", "S12.npz", "_pynx_input_data"),
        ("cohere", "scan.tif", "beginning with prep_data"),
        ("cxi", "scan.npz", r"'\.cxi'"),
        ("npz", "scan.cxi", r"'\.npz'"),
    ],
)
def test_names_that_a_format_cannot_have(tmp_path, kind, name, says):
    with pytest.raises(InputError, match=says):
        check_outputs(tmp_path / name, kind, [], overwrite=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "name"),
    [("cdiutils", "S12.npz"), ("bcdi", "S12.npz"), ("cohere", "scan.tif"), ("cxi", "S12.npz"), ("npz", "S12.cxi")],
)
def test_such_names_are_refused_by_the_writers_too(tmp_path, kind, name):
    with pytest.raises(InputError, match=r"^output "):
        write_scan(tmp_path / name, Scan(COUNTS, MASK, "S12"), kind)
    assert not list(tmp_path.iterdir())


def test_the_writers_replace_what_is_there_and_take_every_suffix_of_a_format(tmp_path):
    for name in ("S12.h5", "S12.nxs", "S12.h5"):
        write_scan(tmp_path / name, Scan(COUNTS, MASK, "S12"), "cxi")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["S12.h5", "S12.nxs"]


def test_counts_that_cohere_cannot_hold_are_refused(tmp_path):
    with pytest.raises(InputError, match="float32"):
        write_scan(tmp_path / "prep_data.tif", Scan(COUNTS + 2**25, None, "S12"))
    assert not list(tmp_path.iterdir())


def test_a_pair_does_not_replace_a_mask_that_is_there(tmp_path):
    (tmp_path / "S1_pynx_input_mask.npz").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"S1_pynx_input_mask\.npz: exists already"):
        check_outputs(tmp_path / "S1_pynx_input_data.npz", "cdiutils", [], overwrite=False)


@pytest.mark.parametrize("compression", ["Bitshuffle", "LZ4"])
def test_hdf5_as_beamlines_compress_it(tmp_path, compression):
    plugin = pytest.importorskip("hdf5plugin", exc_type=ImportError)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_dataset(
            "1.1/instrument/eiger/data", data=COUNTS, chunks=(1, 17, 16), compression=getattr(plugin, compression)()
        )
    np.testing.assert_array_equal(read_scan(f"{tmp_path / 'scan.h5'}:/1.1/instrument/eiger/data").intensity, COUNTS)


def test_a_filter_that_is_not_here_is_named_with_its_remedy(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_dataset("entry/data/data", data=COUNTS, chunks=(1, 17, 16), compression="gzip")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    monkeypatch.setitem(__import__("sys").modules, "hdf5plugin", None)
    with pytest.raises(InputError, match=r"braggfill\[hdf5plugin\]"):
        read_scan(str(tmp_path / "scan.h5"))


def test_a_disk_that_fills_up_leaves_no_half_of_a_pair(tmp_path, result, monkeypatch):
    """The data file stands for the pair: without it nothing counts as done."""

    def full(file, **arrays):
        if "std" in arrays:
            raise OSError(28, "No space left on device")
        file.write(b"mask")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(InputError, match="No space left"):
        write_result(tmp_path / NAMES["cdiutils"], result, "S12.npz", "cdiutils")
    assert not (tmp_path / NAMES["cdiutils"]).exists()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("stored", ["3", "[1]", "nonsense", "[" * 50_000, '"text"'])
def test_what_another_program_keeps_as_provenance_is_none(tmp_path, stored):
    np.savez(tmp_path / "a.npz", data=COUNTS, provenance=np.array(stored))
    assert read_scan(tmp_path / "a.npz").provenance is None
    assert read_provenance(tmp_path / "a.npz") is None


@pytest.mark.parametrize(
    "facts",
    [{"configuration": 3}, {"configuration": {"a\0": "b\0", "": 3, "c/d": 1, "n": 10**30}}, {"command": 3}, {"version": [1]}],
)
def test_strange_provenance_is_kept_as_it_is(tmp_path, facts):
    for name in ("a.npz", "a.cxi", "prep_data.tif"):
        write_scan(tmp_path / name, Scan(COUNTS.astype(np.float32), None, "a", provenance=facts))
        assert read_scan(tmp_path / name).provenance == facts


def test_names_of_results_for_cohere_tell_the_scans_of_a_batch_apart():
    name = FORMATS["cohere"].name
    assert name("prep_data") == "prep_data_filled.tif"
    assert name("S1") == "prep_data_S1_filled.tif" != name("S2")


def test_estimates_that_hold_for_every_frame_go_into_a_cxi_file(tmp_path):
    flat = np.zeros((6, 7), bool)
    flat[2] = True
    scan = Scan(np.ones((5, 6, 7), np.float32), flat & False, "a", filled=flat, std=np.ones((5, 6, 7), np.float32))
    write_cxi(tmp_path / "a.cxi", scan)
    with h5py.File(tmp_path / "a.cxi") as file:
        flags = file["entry_1/instrument_1/detector_1/pixel_mask"][()]
    np.testing.assert_array_equal(flags == 2048, np.broadcast_to(flat, (5, 6, 7)))
