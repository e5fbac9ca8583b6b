import os
from pathlib import Path

import pytest

from braggfill import InputError
from braggfill.base.paths import as_name, as_path, check_regular, identities, last_change


@pytest.mark.parametrize("given", [3, None, b"bytes", ["a"], "a\0b"])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(InputError, match=r"^scan"):
        as_path(given, "scan")


def test_texts_and_paths_are_alike():
    assert as_path("a/b.npz", "scan") == as_path(Path("a/b.npz"), "scan")
    assert as_name("a\x1bb", "name") == r"a\x1bb"


def test_only_files_are_regular(tmp_path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    check_regular(tmp_path / "file", "scan")
    for name, says in (("pipe", "a pipe"), ("none", "cannot be reached"), ("loop", "cannot be reached"), (".", "a folder")):
        with pytest.raises(InputError, match=says):
            check_regular(tmp_path / name, "scan")
    with pytest.raises(InputError, match="cannot be reached"):
        check_regular(tmp_path / ("x" * 300), "scan")


def test_a_file_has_one_identity_whatever_it_is_called(tmp_path):
    one, hard, soft, other = (tmp_path / name for name in ("one", "hard", "soft", "other"))
    one.touch()
    other.touch()
    os.link(one, hard)
    soft.symlink_to(one)
    assert identities([one]) == identities([hard]) == identities([soft, hard]) != identities([other])
    assert identities([tmp_path / "none", tmp_path / ("x" * 300)]) == set()


def test_the_last_change_is_that_of_the_latest_file_that_is_there(tmp_path):
    for name, nanoseconds in (("a", 3 * 10**9), ("b", 5 * 10**9)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(0, nanoseconds))
    assert last_change(tmp_path / name for name in ("a", "b", "none", "x" * 300)) == 5 * 10**9
    assert last_change([tmp_path / "none"]) == 0
