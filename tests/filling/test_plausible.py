from dataclasses import replace

import numpy as np
import pytest

from braggfill import fill_gaps
from braggfill.filling.methods import METHODS, ROWS
from braggfill.filling.options import FillOptions
from braggfill.filling.plausible import MOST_OVER_BRIGHTEST, plausible
from braggfill.filling.terms import Estimate, Method
from braggfill.network.weights import SHIPPED_WEIGHTS, read_tensors, write_tensors
from braggfill.scan.gapped import GappedScan
from braggfill.scan.gaps import WIDEST_MODULE_GAP

COUNTS = np.random.default_rng(0).poisson(20.0, (12, 20, 20)).astype(np.float32)
MASK = np.zeros(COUNTS.shape, bool)
MASK[:, :, 9:12] = True
SCAN = GappedScan.blanked(COUNTS, MASK)
SIZE = np.count_nonzero(SCAN.wanted)


def saying(mean: float, std: float = 1.0) -> Method:
    """A method that says the same of the first voxel whatever it is shown, and 1 of the others."""
    values, spread = np.ones(SIZE), np.ones(SIZE)
    values[0], spread[0] = mean, std
    return Method("counts", "made", lambda *_: Estimate(values, spread))


def answered(table: dict[str, Method], name: str = "unet") -> Estimate:
    return plausible(name, table).estimate(SCAN, FillOptions(), lambda *_: None, lambda *_: None)


@pytest.mark.parametrize(
    ("mean", "std", "says"),
    [
        (np.inf, 1, "not finite"),
        (-1e-9, 1, "negative"),
        (1, -1, "negative"),
        (1, np.nan, "not finite"),
        (1, np.inf, "not finite"),
        (1, 1e31, "beyond all numbers"),
        (1.01 * MOST_OVER_BRIGHTEST * COUNTS[~MASK].max(), 1, "times the brightest voxel"),
    ],
)
def test_what_no_scan_holds_is_replaced_by_the_next_simpler_method(mean, std, says):
    found = answered({"unet": saying(mean, std), "kriging": saying(7)})
    assert found.mean[0] == 7 and found.filled_by == "kriging"
    assert says in found.sentence and "filled by kriging instead" in found.sentence


def test_a_simpler_method_that_has_something_to_tell_is_named_as_well():
    kriging = Method("counts", "made", lambda *_: Estimate(np.ones(SIZE), np.ones(SIZE), sentence="its spread was doubled"))
    found = answered({"unet": saying(np.inf), "kriging": kriging})
    assert found.filled_by == "kriging" and found.sentence.endswith("; its spread was doubled")


def test_a_peak_that_hides_in_the_gap_may_be_brighter_than_all_that_was_measured():
    assert answered({"unet": saying(0.9 * MOST_OVER_BRIGHTEST * COUNTS[~MASK].max())}).filled_by is None


def test_a_voxel_stays_open_where_the_method_may_leave_it_so_and_nowhere_else():
    silent = saying(np.nan, np.nan)
    assert np.isnan(answered({"unet": replace(silent, refuses=True)}).mean[0])
    assert answered({"unet": silent, "kriging": saying(7)}).mean[0] == 7


def test_what_no_method_can_say_is_left_open():
    table = {name: saying(np.inf) for name in ROWS}
    found = answered(table, "retrieval")
    assert np.isnan(found.mean).all() and "left open" in found.sentence
    for name in ("retrieval", "unet", "kriging", "linear", "nearest"):
        assert f"{name} gave" in found.sentence


@pytest.mark.parametrize("wide", [15, 33])
def test_gaps_that_the_simpler_method_does_not_see_across_are_left_open(wide):
    counts = np.random.default_rng(0).poisson(20.0, (12, 20, 80)).astype(np.float32)
    mask = np.zeros(counts.shape, bool)
    mask[:, :, 9:12] = mask[:, :, 30 : 30 + wide] = True
    scan = GappedScan.blanked(counts, mask, WIDEST_MODULE_GAP)
    size = np.count_nonzero(scan.wanted)
    silent = Method("counts", "made", lambda *_: Estimate(np.full(size, np.inf), np.ones(size)), WIDEST_MODULE_GAP, True)
    table = ROWS | {"retrieval": silent}

    def filled(some: GappedScan) -> Estimate:
        return plausible("retrieval", table).estimate(some, FillOptions(), lambda *_: None, lambda *_: None)

    found = scan.laid_out(filled(scan).mean)
    assert np.isfinite(found[:, :, 9:12]).all() and np.isnan(found[:, :, 30 : 30 + wide]).all()
    mask[:, :, 9:12] = False
    alone = GappedScan.blanked(counts, mask, WIDEST_MODULE_GAP)
    size = np.count_nonzero(alone.wanted)
    assert np.isnan(filled(alone).mean).all() and "left open" in filled(alone).sentence


def test_every_method_of_the_table_stands_behind_the_door():
    for name, method in METHODS.items():
        assert method == replace(ROWS[name], estimate=method.estimate) and method.estimate is not ROWS[name].estimate


def test_weights_of_huge_numbers_fill_by_kriging_and_say_so(tmp_path):
    tensors, description = read_tensors(SHIPPED_WEIGHTS)
    write_tensors(tmp_path / "w.safetensors", {name: 1e20 * tensor for name, tensor in tensors.items()}, description)
    result = fill_gaps(COUNTS, MASK, weights=tmp_path / "w.safetensors", tta=True)
    assert np.isfinite(result.intensity).all() and np.isfinite(result.std).all()
    assert result.options.method == "kriging" and "unet gave" in result.sentence
    np.testing.assert_array_equal(result.intensity, fill_gaps(COUNTS, MASK, method="kriging").intensity)
