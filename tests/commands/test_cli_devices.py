import numpy as np
import pytest
import torch
from program import run

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card here")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a scan with a gap."""
    folder = tmp_path_factory.mktemp("scan")
    counts = np.random.default_rng(0).poisson(20.0, (24, 40, 40))
    mask = np.zeros((40, 40), np.uint8)
    mask[:, 18:22] = 1
    np.savez(folder / "scan.npz", data=counts, mask=np.broadcast_to(mask, counts.shape))
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("fill", "scan.npz", "--method", "unet"),
        ("fill", "scan.npz", "--method", "retrieval"),
        ("fill", "scan.npz", "--method", "linear"),
        ("fill", "scan.npz", "--adapt"),
        ("evaluate", "scan.npz"),
        ("retrieve", "scan.npz"),
        ("retrieve", "scan.npz", "--coherence", "full"),
        ("compare", "scan.npz"),
        ("finetune", "scan.npz", "-o", "weights.safetensors"),
        ("train", "--out", "run"),
    ],
    ids=" ".join,
)
def test_a_card_that_is_not_there_is_one_sentence(files, monkeypatch, capsys, arguments):
    monkeypatch.chdir(files)
    assert run(*arguments, "--device", "cuda") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "braggfill: device: got 'cuda' but torch finds no GPU here, expected 'auto' or 'cpu'"
    assert [path.name for path in files.iterdir()] == ["scan.npz"]
