"""A fill from its file again."""

from dataclasses import replace

import numpy as np
import pytest

from braggfill import InputError, fill_gaps, read_scan, write_result
from braggfill.filling.record import provenance, result_of
from braggfill.reports.sentences import summary


@pytest.mark.parametrize("name", ["S1.npz", "S1.cxi"])
def test_what_was_written_comes_back(tmp_path, scan, cross, name):
    wide = cross.copy()
    wide[48:] = True
    made = fill_gaps(scan.counts / np.float32(4), wide, method="linear", counts_per_unit=4.0)
    made = replace(made, sentence="filled somehow", how={"why": [1, 2]}, fell_back="the card is full")
    write_result(tmp_path / name, made, "S1")
    read = result_of(read_scan(str(tmp_path / name)))
    for field in ("intensity", "filled", "std", "mask"):
        np.testing.assert_array_equal(getattr(read, field), getattr(made, field))
    assert read.gaps == made.gaps
    assert (read.sentence, read.how, read.fell_back) == (made.sentence, made.how, made.fell_back)
    assert (read.options.method, read.options.counts_per_unit) == ("linear", 4.0)


def test_a_scan_that_was_not_filled_is_none(tmp_path, scan, cross):
    np.savez(tmp_path / "S1.npz", data=scan.counts, mask=cross)
    with pytest.raises(InputError, match=r"S1\.npz: got one without estimates"):
        result_of(read_scan(str(tmp_path / "S1.npz")))


def test_estimates_of_an_unknown_program_are_a_fill_too(tmp_path, scan, cross):
    filled = np.broadcast_to(cross, scan.counts.shape)
    np.savez(tmp_path / "S1.npz", data=scan.counts, filled=filled, provenance=np.array('{"method": "guess"}'))
    read = result_of(read_scan(str(tmp_path / "S1.npz")))
    np.testing.assert_array_equal(read.filled, filled)
    assert read.options.method == "auto"
    assert not read.std.any()


def test_a_file_says_which_method_filled_it_and_why(scan, cross):
    result = fill_gaps(scan.counts[:16], cross, method="retrieval")
    facts = provenance(result, "S1")
    assert facts["method"] == facts["options"]["method"] == "unet"
    assert facts["sentence"].startswith("filled by the network: the scan is too small or too dark")
    assert "voxels filled" in summary(result) and "by unet" in summary(result)
