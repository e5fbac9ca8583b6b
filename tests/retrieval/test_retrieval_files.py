"""What was filled arrives in phase retrieval as filled, with its spread, whatever the format; objects come back as written."""

import json

import numpy as np
import pytest
from known_objects import faceted, pattern_of
from program import run

from braggfill import InputError, fill_gaps, read_scan, retrieve, strain, write_result
from braggfill.crystal.search.alignment import correlation
from braggfill.retrieval.files import read_crystal, read_support, write_crystal, write_deformation
from braggfill.retrieval.pattern import prepare_pattern
from braggfill.scan.files import FORMATS
from braggfill.simulation.scans import one_thread

NAMES = {
    "npz": "S1_filled.npz",
    "cxi": "S1_filled.cxi",
    "cdiutils": "S1_filled_pynx_input_data.npz",
    "bcdi": "S1_pynx_filled.npz",
    "cohere": "prep_data_filled.tif",
}
SHORT = (("er", 8),)


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def result():
    """A filled pattern of 32³ voxels: a stripe 3 wide was estimated, one at the border is still missing."""
    counts = np.random.default_rng(0).poisson(pattern_of(faceted((32, 32, 32), 9.0, 0.4), 1e5))
    mask = np.zeros((32, 32), np.uint8)
    mask[20:23] = 1
    mask[:9, 2:30] = 1
    return fill_gaps(counts, mask, method="linear")


def addresses(path, kind):
    """Every address under which a person may name the filled scan."""
    return [str(path), f"{path}:/entry_1/data_1/data"] if kind == "cxi" else [str(path)]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_filled_arrives_as_filled_with_its_spread(tmp_path, result, kind):
    path = tmp_path / NAMES[kind]
    write_result(path, result, "S1.npz", kind)
    known = prepare_pattern(result.intensity, result.mask, result.filled, result.std)
    assert known.filled.any()
    assert known.std.any()
    assert (known.missing & ~known.filled).any()
    for address in addresses(path, kind):
        scan = read_scan(address)
        found = prepare_pattern(scan.intensity, scan.mask, scan.filled, scan.std)
        for name in ("counts", "missing", "filled", "std"):
            np.testing.assert_array_equal(getattr(found, name), getattr(known, name), err_msg=name)


def quickly_retrieved(result):
    given = {"filled": result.filled, "std": result.std, "coherence": "full", "schedule": SHORT}
    return retrieve(result.intensity, result.mask, **given, starts=1, keep=1, device="cpu")


@pytest.mark.parametrize("kind", FORMATS)
def test_both_commands_take_every_format_with_the_usual_treatment(tmp_path, result, kind):
    path = tmp_path / NAMES[kind]
    write_result(path, result, "S1.npz", kind)
    quick = ["--starts", 1, "--keep", 1, "--coherence", "full", "--schedule", "er 8", "--device", "cpu"]
    expected = quickly_retrieved(result)
    for number, address in enumerate(addresses(path, kind)):
        out = tmp_path / f"object{number}.npz"
        assert run("retrieve", address, "-o", out, *quick) == 0
        with np.load(out) as written:
            assert correlation(written["crystal"], expected.crystal) > 0.9999
            assert json.loads(str(written["provenance"]))["options"]["treatment"] == "bounded"
        assert run("compare", address, "--treatment", "bounded", "-o", tmp_path / f"{number}.png", *quick) == 0


def test_estimates_beside_another_volume_of_the_file_are_not_its_own(tmp_path, result):
    h5py = pytest.importorskip("h5py")
    write_result(tmp_path / "S1.cxi", result, "S1.npz")
    with h5py.File(tmp_path / "S1.cxi", "r+") as file:
        file["raw/frames"] = np.ones((4, 5, 6))
    assert read_scan(f"{tmp_path / 'S1.cxi'}:/raw/frames").filled is None


@pytest.fixture
def crystal():
    rng = np.random.default_rng(1)
    return (rng.normal(size=(8, 9, 10)) + 1j * rng.normal(size=(8, 9, 10))).astype(np.complex64)


def test_an_object_comes_back_with_its_support(tmp_path, result):
    found = quickly_retrieved(result)
    write_crystal(tmp_path / "object.npz", found, "S1.npz")
    crystal, support = read_crystal(str(tmp_path / "object.npz"))
    np.testing.assert_array_equal(crystal, found.crystal)
    np.testing.assert_array_equal(support > 0, found.support)
    np.testing.assert_array_equal(read_support(str(tmp_path / "object.npz")) > 0, found.support)


def test_objects_and_supports_of_other_programs(tmp_path, crystal):
    np.save(tmp_path / "c.npy", crystal)
    np.savez(tmp_path / "c.npz", anything=crystal)
    for name in ("c.npy", "c.npz"):
        found, support = read_crystal(str(tmp_path / name))
        np.testing.assert_array_equal(found, crystal)
        assert support is None
    inside = np.abs(crystal) > 1
    np.save(tmp_path / "s.npy", inside)
    np.savez(tmp_path / "s.npz", mine=inside)
    for name in ("s.npy", "s.npz"):
        np.testing.assert_array_equal(read_support(str(tmp_path / name)), inside)


def test_a_deformation_is_written_with_its_facts(tmp_path):
    field = strain(faceted((16, 16, 16), 7.0, 0.4))
    write_deformation(tmp_path / "strain.npz", field, {"input": "object.npz"})
    with np.load(tmp_path / "strain.npz") as written:
        for name in ("phase", "displacement_nm", "strain", "support"):
            np.testing.assert_array_equal(written[name], getattr(field, name))
        facts = json.loads(str(written["provenance"]))
    assert (facts["program"], facts["input"]) == ("braggfill", "object.npz")


@pytest.mark.parametrize(("read", "role"), [(read_crystal, "object"), (read_support, "support")])
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.npz", None, "cannot be reached"),
        ("empty.npz", b"", "got an empty file"),
        ("text.npz", b"no arrays", "cannot be read as .npz"),
        ("c.txt", b"1 2 3", "got a file ending in '.txt'"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_that_says_what_it_should_have_been(tmp_path, read, role, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"^{role} .*{says}") as error:
        read(str(tmp_path / name))
    assert "\n" not in str(error.value)


def test_a_truncated_object_is_refused_as_an_object(tmp_path, crystal):
    np.savez(tmp_path / "c.npz", crystal=crystal)
    whole = (tmp_path / "c.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"^object .*half\.npz: cannot be read"):
        read_crystal(str(tmp_path / "half.npz"))


def test_real_numbers_are_no_object(tmp_path):
    np.savez(tmp_path / "c.npz", crystal=np.ones((4, 4, 4)))
    with pytest.raises(InputError, match=r"object .* got values of type float64, expected a complex volume"):
        read_crystal(str(tmp_path / "c.npz"))
