import pytest

from braggfill.base.errors import InputError
from braggfill.filling import options as module
from braggfill.filling.options import FillOptions


@pytest.fixture
def usual(monkeypatch):
    monkeypatch.setattr(module, "MOST_VOXELS_BY_CRYSTAL", 50_000_000)


def test_by_default_scans_of_moderate_size_are_filled_by_the_crystal_and_larger_ones_by_the_network(usual):
    assert FillOptions().method_for(128**3) == "retrieval"
    assert FillOptions().method_for(400**3) == "unet"


ASKED = [{"adapt": True}, {"skip": 0}, {"skip": 4}, {"tta": True}, {"calibrate": True}, {"weights": "w.safetensors"}]


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_asked_of_the_network_is_done_by_it(usual, asked):
    assert FillOptions(**asked).method_for(128**3) == "unet"


@pytest.mark.parametrize("asked", [{"precision": "bfloat16"}, {"device": "cpu"}, {"effort": "high"}, {"seed": 3}])
def test_where_and_how_precisely_it_is_computed_chooses_no_method(usual, asked):
    assert FillOptions(**asked).method_for(128**3) == "retrieval"
    assert FillOptions("linear", **asked).method == "linear"


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("method", ["linear", "kriging"])
def test_a_method_without_the_network_is_asked_nothing_of_it(asked, method):
    with pytest.raises(InputError, match=f"^{next(iter(asked))}: got method '{method}', expected 'unet'"):
        FillOptions(method, **asked)


def test_phase_retrieval_asks_the_network_as_well():
    options = FillOptions("retrieval", skip=4, tta=True, calibrate=True, weights="w.safetensors")
    assert options.by("unet") == FillOptions("unet", skip=4, tta=True, calibrate=True, weights="w.safetensors")


def test_by_another_method_what_that_cannot_do_is_not_asked():
    options = FillOptions("unet", adapt=True, tta=True, seed=3, device="cpu")
    assert options.by("kriging") == FillOptions("kriging", seed=3, device="cpu")
    assert options.by("retrieval") == FillOptions("retrieval", tta=True, seed=3, device="cpu")
    assert options.by("unet") == options


@pytest.mark.parametrize("method", ["unet", "retrieval", "linear"])
def test_a_method_that_is_asked_for_is_taken_whatever_the_size(usual, method):
    assert {FillOptions(method).method_for(voxels) for voxels in (1, 10**9)} == {method}


def test_only_the_network_learns():
    with pytest.raises(InputError, match="adapt: got method 'retrieval', expected 'unet'"):
        FillOptions("retrieval", adapt=True)
