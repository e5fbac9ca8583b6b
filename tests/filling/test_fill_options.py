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


@pytest.mark.parametrize("asked", [{"adapt": True}, {"skip": 4}, {"tta": True}])
def test_what_is_asked_of_the_network_is_done_by_it(usual, asked):
    assert FillOptions(**asked).method_for(128**3) == "unet"


@pytest.mark.parametrize("method", ["unet", "retrieval", "linear"])
def test_a_method_that_is_asked_for_is_taken_whatever_the_size(usual, method):
    assert {FillOptions(method).method_for(voxels) for voxels in (1, 10**9)} == {method}


def test_only_the_network_learns():
    with pytest.raises(InputError, match="adapt: got method 'retrieval', expected 'unet'"):
        FillOptions("retrieval", adapt=True)
