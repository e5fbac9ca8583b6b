"""HDF5 files that their writer still holds, or left behind: read without a lock where that can be, else one sentence."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from made_files import counts_of_a_crystal

from braggfill import InputError
from braggfill.scan.files import read_scan

COUNTS = counts_of_a_crystal((6, 20, 18))
WRITER = """
import sys, h5py, numpy as np
counts = np.load(sys.argv[1] + "/counts.npy")
held = []
for name, libver in (("old", "earliest"), ("swmr", "latest"), ("latest", "latest")):
    file = h5py.File(f"{sys.argv[1]}/{name}.h5", "w", libver=libver)
    file.create_dataset("entry/data/data", data=counts, chunks=(1, *counts.shape[1:]), maxshape=(None, *counts.shape[1:]))
    file.flush()
    if name == "swmr":
        file.swmr_mode = True
    held.append(file)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Folder of files that another process holds open for writing."""
    folder = tmp_path_factory.mktemp("held")
    np.save(folder / "counts.npy", COUNTS)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "written\n"
    yield folder
    writer.communicate("")


@pytest.mark.parametrize("name", ["old", "swmr"])
def test_a_file_that_an_acquisition_holds_is_read_without_a_lock(held, name):
    np.testing.assert_array_equal(read_scan(str(held / f"{name}.h5")).intensity, COUNTS)


def test_links_into_held_files_are_followed_without_a_lock(held, tmp_path):
    with h5py.File(tmp_path / "s_master.h5", "w") as file:
        for number, name in enumerate(("old", "old"), 1):
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(str(held / f"{name}.h5"), "entry/data/data")
    np.testing.assert_array_equal(read_scan(str(tmp_path / "s_master.h5")).intensity, np.concatenate([COUNTS, COUNTS]))


def test_a_file_whose_writer_allows_no_reader_is_one_sentence(held):
    with pytest.raises(InputError, match=r"still being written.*wait until the acquisition has ended.*h5clear -s") as caught:
        read_scan(str(held / "latest.h5"))
    assert "\n" not in str(caught.value)


def test_a_variable_of_the_environment_that_asks_for_locks_is_named(held):
    read = f"from braggfill import read_scan\nread_scan({str(held / 'old.h5')!r})"
    environment = os.environ | {"HDF5_USE_FILE_LOCKING": "TRUE"}
    done = subprocess.run([sys.executable, "-c", read], env=environment, capture_output=True, text=True, check=False)
    assert "InputError" in done.stderr
    assert "set HDF5_USE_FILE_LOCKING=FALSE" in done.stderr


def test_a_file_that_was_cut_short_is_one_sentence(tmp_path):
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file["entry/data/data"] = COUNTS
    whole = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"whose writer was interrupted.*copy it anew"):
        read_scan(str(tmp_path / "half.h5"))


def test_a_virtual_dataset_without_one_of_its_files_is_not_read_as_zeros(tmp_path):
    layout = h5py.VirtualLayout(COUNTS.shape, COUNTS.dtype)
    for number, first in enumerate((0, 3)):
        with h5py.File(tmp_path / f"module_{number}.h5", "w") as file:
            file["data"] = COUNTS[first : first + 3]
        layout[first : first + 3] = h5py.VirtualSource(f"module_{number}.h5", "data", (3, *COUNTS.shape[1:]))
    with h5py.File(tmp_path / "master.h5", "w") as file:
        file.create_virtual_dataset("entry/instrument/detector/data", layout)
    np.testing.assert_array_equal(read_scan(str(tmp_path / "master.h5")).intensity, COUNTS)
    (tmp_path / "module_1.h5").unlink()
    with pytest.raises(InputError, match=r"without 1 of its files \(module_1\.h5\)"):
        read_scan(str(tmp_path / "master.h5"))


@pytest.mark.parametrize("place", ["", ":/12.1", ":/12.1/measurement/mpx1x4"])
@pytest.mark.parametrize("hops", [1, 2])
def test_a_link_to_frames_that_leads_nowhere_is_named(tmp_path, place, hops):
    with h5py.File(tmp_path / "bliss.h5", "w") as file:
        file["12.1/measurement/mon"] = np.ones(3)
        file["12.1/instrument/mpx1x4/data" if hops == 2 else "12.1/measurement/mpx1x4"] = h5py.ExternalLink(
            "gone.h5", "/entry/data"
        )
        if hops == 2:
            file["12.1/measurement/mpx1x4"] = h5py.SoftLink("/12.1/instrument/mpx1x4/data")
    with pytest.raises(InputError, match=r"links that lead nowhere \(gone\.h5:/entry/data.*copy the files"):
        read_scan(f"{tmp_path / 'bliss.h5'}{place}")


def test_a_usual_place_that_leads_nowhere_is_not_left_for_another_volume(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/data"] = h5py.ExternalLink("gone.h5", "/entry/data")
        file["entry/other"] = COUNTS
    with pytest.raises(InputError, match=r"gone\.h5:/entry/data"):
        read_scan(tmp_path / "a.h5")
    np.testing.assert_array_equal(read_scan(f"{tmp_path / 'a.h5'}:/entry/other").intensity, COUNTS)


def test_links_in_a_ring_lead_nowhere(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/a"], file["entry/b"] = h5py.SoftLink("/entry/b"), h5py.SoftLink("/entry/a")
    with pytest.raises(InputError, match="lead nowhere"):
        read_scan(tmp_path / "a.h5")
