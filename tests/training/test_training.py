import csv
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from braggfill import InputError, train
from braggfill.base.writing import sha256
from braggfill.network.gapnet import ModelConfig
from braggfill.network.weights import read_tensors, read_weights, write_tensors
from braggfill.simulation.library import split_of
from braggfill.training import training
from braggfill.training.config import TrainConfig
from braggfill.training.stream import StreamConfig
from braggfill.training.training import STATE_NAME, TrainingRun, start_fabric

TINY = TrainConfig(
    steps=6,
    batch=4,
    warmup_steps=2,
    validate_every=3,
    validation_portions=8,
    validation_scans=3,
    precision="float32",
    model=ModelConfig((8, 8, 8)),
    portions=StreamConfig(plane=16, scan_size=40, pool=2, renew_steps=2),
)


def test_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = train(tmp_path / "whole", TINY)

    class Interrupted(Exception):
        pass

    def stop_after_four(step, loss):
        if step == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(tmp_path / "parts", TINY, on_step=stop_after_four)
    parts = train(tmp_path / "parts", TINY, resume=True)
    assert whole.read_bytes() == parts.read_bytes()
    assert (tmp_path / "whole" / STATE_NAME).read_bytes() == (tmp_path / "parts" / STATE_NAME).read_bytes()
    rows = list(csv.DictReader((tmp_path / "parts" / "curve.csv").read_text().splitlines()))
    assert [r["step"] for r in rows] == ["3", "6"]


def test_a_training_killed_while_it_writes_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole", TINY)

    class Killed(Exception):
        pass

    def killed(run, path):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "save", killed)
        with pytest.raises(Killed):
            train(tmp_path / "parts", TINY)
    parts = train(tmp_path / "parts", TINY, resume=True)
    assert whole.read_bytes() == parts.read_bytes()
    assert (tmp_path / "whole" / "curve.csv").read_bytes() == (tmp_path / "parts" / "curve.csv").read_bytes()


def test_a_training_starts_from_given_weights_and_says_so(tmp_path):
    first = train(tmp_path / "first", TINY)
    second = train(tmp_path / "second", replace(TINY, steps=1, learning_rate=1e-12, weight_decay=0.0), start=first)
    (model, old), (same, new) = read_weights(first), read_weights(second)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(same.state_dict()[name], tensor, rtol=0, atol=1e-6)
    assert new["started_from"]["sha256"] == sha256(first)
    assert new["started_from"]["step"] == old["step"]
    with pytest.raises(InputError, match="size"):
        train(tmp_path / "third", replace(TINY, model=ModelConfig((8, 8, 4))), start=first)


def test_a_start_that_is_no_weights_file_leaves_no_folder(tmp_path):
    (tmp_path / "scan.npz").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"scan\.npz"):
        train(tmp_path / "new", TINY, start=tmp_path / "scan.npz")
    assert not (tmp_path / "new").exists()


def test_weights_describe_themselves_and_predict(tmp_path):
    model, description = read_weights(train(tmp_path / "run", TINY))
    assert description["step"] == 6
    assert description["training"]["portions"]["plane"] == 16
    outputs = model(torch.ones(1, 32, 8, 8), torch.ones(1, 32, 8, 8, dtype=torch.bool))
    assert all(o.isfinite().all() for o in outputs)


def test_a_started_training_is_not_overwritten_nor_resumed_with_other_settings(tmp_path):
    train(tmp_path / "run", TINY)
    with pytest.raises(InputError, match="go on with resume"):
        train(tmp_path / "run", TINY)
    with pytest.raises(InputError, match="learning_rate"):
        train(tmp_path / "run", replace(TINY, learning_rate=1.0), resume=True)
    (tmp_path / "run" / STATE_NAME).write_bytes((tmp_path / "run" / "weights.safetensors").read_bytes())
    with pytest.raises(InputError, match="no state"):
        train(tmp_path / "run", TINY, resume=True)


def test_training_lowers_the_loss():
    config = replace(TINY, steps=60, batch=8, learning_rate=3e-3)
    run = TrainingRun(config, start_fabric(config, "cpu"))
    before = run.validate(0.0)
    for _ in range(60):
        run.advance()
    run.learner.average = {n: p.detach() for n, p in run.learner.model.named_parameters()}
    assert run.validate(0.0).validation_likelihood < 0.9 * before.validation_likelihood


def test_learning_rate_rises_linearly_and_falls_like_half_a_cosine():
    config = replace(TINY, warmup_steps=2, learning_rate=2.0)
    rates = [config.rate(step, 102) for step in (0, 1, 2, 52, 102)]
    assert rates == pytest.approx([1.0, 2.0, 2.0, 1.0, 0.0])


def test_state_holds_plain_tensors_and_json(tmp_path):
    train(tmp_path / "run", TINY)
    tensors, description = read_tensors(tmp_path / "run" / STATE_NAME)
    assert [row[0] for row in description["curve"]] == [3, 6]
    assert {name.split("/")[0] for name in tensors} == {"model", "average", "moments"}


def test_validation_and_test_crystals_are_never_trained_on(tmp_path, monkeypatch):
    read = []

    class Watched(training.Library):
        def __getitem__(self, index):
            read.append(split_of(self.names[index]))
            return super().__getitem__(index)

    monkeypatch.setattr(training, "Library", Watched)
    run = TrainingRun(TINY, start_fabric(TINY, "cpu"))
    for step in range(4):
        run.stream.batch(step, 2)
    assert set(read) == {"train"}
    read.clear()
    run.validate(0.0)
    assert set(read) == {"validation"}


def test_two_processes_that_share_the_batches_train_as_one(tmp_path):
    """With an epsilon far above the gradients' rounding: below it AdamW makes whole steps of what rounding leaves of a zero."""
    config = tmp_path / "tiny.toml"
    config.write_text(
        "steps = 4\nbatch = 4\nwarmup_steps = 1\nvalidate_every = 4\nprecision = 'float32'\n"
        "learning_rate = 0.01\nepsilon = 0.001\nvalidation_portions = 4\nvalidation_scans = 1\n"
        "[model]\nchannels = [8, 8, 8]\n[portions]\nplane = 16\nscan_size = 40\npool = 1\n"
    )
    tensors = []
    for devices in ("1", "2"):
        out = tmp_path / devices
        command = [sys.executable, "-m", "braggfill", "train", "--config", config, "--out", out]
        subprocess.run([*command, "--device", "cpu", "--devices", devices], check=True, capture_output=True)
        tensors.append(read_tensors(out / "weights.safetensors")[0])
    one, two = tensors
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-4)


def test_a_state_from_before_an_option_is_resumed_with_its_default(tmp_path):
    train(tmp_path, TINY)
    tensors, description = read_tensors(tmp_path / STATE_NAME)
    del description["training"]["epsilon"]
    write_tensors(tmp_path / STATE_NAME, tensors, description)
    train(tmp_path, TINY, resume=True)
    with pytest.raises(InputError, match="epsilon"):
        train(tmp_path, replace(TINY, epsilon=1e-3), resume=True)
