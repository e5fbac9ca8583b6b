import hashlib
import os

import pytest
import torch
from safetensors.torch import save_file

from braggfill import InputError
from braggfill.base.writing import sha256
from braggfill.network.gapnet import GapNet, ModelConfig
from braggfill.network.weights import SHIPPED_WEIGHTS, read_tensors, read_weights, write_tensors, write_weights


def test_a_network_comes_back_with_its_size_and_description(tmp_path):
    torch.manual_seed(0)
    model = GapNet(ModelConfig((4, 6, 8)))
    write_weights(tmp_path / "w.safetensors", model, {"step": 5})
    again, description = read_weights(tmp_path / "w.safetensors")
    assert again.config == model.config
    assert description["step"] == 5
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)


def test_hash_is_that_of_the_file(tmp_path):
    (tmp_path / "x").write_bytes(b"photons")
    assert sha256(tmp_path / "x") == hashlib.sha256(b"photons").hexdigest()


def test_shipped_weights_are_small_and_describe_their_training():
    _, description = read_weights()
    assert SHIPPED_WEIGHTS.stat().st_size < 25e6
    assert description["step"] == description["training"]["steps"]


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(InputError, match="no readable safetensors"):
        read_weights(tmp_path / "text")
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(InputError, match="braggfill-1"):
        read_weights(tmp_path / "foreign")
    for description in ({"training": {}}, {"model": {"channels": [4, 6, 8]}}):
        write_tensors(tmp_path / "other", {"x": torch.zeros(1)}, description)
        with pytest.raises(InputError, match="no network"):
            read_weights(tmp_path / "other")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    tensors, description = read_tensors(SHIPPED_WEIGHTS)
    next(iter(tensors.values())).view(-1)[0] = value
    write_tensors(tmp_path / "w", tensors, description)
    with pytest.raises(InputError, match="not finite"):
        read_weights(tmp_path / "w")


@pytest.mark.parametrize(
    "changed",
    [
        {"fringes": 3},
        {"fringes": [3]},
        {"fringes": [{"reach": 10**9}]},
        {"fringes": [{"reach": "a"}]},
        {"fringes": []},
        {"lessons": 4},
        {"model": {"channels": 3}},
        {"model": {"channels": [10**9, 1, 1]}},
    ],
)
def test_weights_that_describe_themselves_otherwise_are_refused(tmp_path, changed):
    model = GapNet(ModelConfig((4, 4, 4)))
    write_tensors(tmp_path / "w", model.state_dict(), {"model": {"channels": [4, 4, 4]}} | changed)
    with pytest.raises(InputError, match=r"^weights .*(fringes|lessons|channels)|^(reach|channels): got"):
        read_weights(tmp_path / "w")


def test_others_may_read_the_weights(tmp_path):
    old = os.umask(0o022)
    try:
        write_weights(tmp_path / "w", GapNet(ModelConfig((4, 6, 8))), {})
    finally:
        os.umask(old)
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o644
