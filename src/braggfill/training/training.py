"""Training: one loop, resumable to the step, the same on every run from its seed on one device."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from braggfill.base.devices import find_device
from braggfill.base.errors import InputError
from braggfill.base.fallback import on_card_or_processor
from braggfill.base.limits import check_kind
from braggfill.base.options import Device
from braggfill.base.paths import PathLike, as_path, identities
from braggfill.base.writing import sha256, whole_or_nothing
from braggfill.network.gapnet import COUNT_FLOOR, GapNet, log_linear_along_normal
from braggfill.network.learner import Learner
from braggfill.network.losses import expectation_and_spread, likelihood_above_floor
from braggfill.network.practice_scan import Portions
from braggfill.network.weights import read_tensors, read_weights, write_tensors, write_weights
from braggfill.scan.measured import MeasuredScan
from braggfill.simulation.library import Library
from braggfill.training.config import TrainConfig
from braggfill.training.curve import CurvePoint, portion_skill
from braggfill.training.fabric import start_fabric
from braggfill.training.stream import PortionStream

VALIDATION_SEED_OFFSET = 1_000_003
"""Added to the seed for the validation portions: other crystals, never trained on."""
WEIGHTS_NAME, STATE_NAME, CURVE_NAME = "weights.safetensors", "state.safetensors", "curve.csv"


def train(
    out: PathLike,
    config: TrainConfig | None = None,
    *,
    resume: bool = False,
    start: PathLike | None = None,
    measured: Sequence[MeasuredScan] = (),
    device: Device = "cpu",
    devices: int = 1,
    on_step: Callable[[int, float], None] | None = None,
) -> Path:
    """Train a network on simulated portions.

    Parameters
    ----------
    out : path
        Folder for the weights, the resumable state and the training curve (CSV).
    config : TrainConfig, optional
    resume : bool
        Go on from the state in ``out``; without one, start anew.
    start : path, optional
        Weights to start from in place of random ones.
    measured : sequence of MeasuredScan
        Measured scans of many counts to learn from beside simulated ones.
    device : str
        ``auto``, ``cpu`` or ``cuda``; where a card's memory does not suffice, the processor goes on from the state.
    devices : int
        GPUs (or processes) that share every batch. More than one starts this program again once for each.
    on_step : callable, optional
        Called with the step's number and loss after every step.

    Returns
    -------
    Path
        The weights file, made of the averaged weights.

    Raises
    ------
    InputError
        If ``out`` holds a state and ``resume`` is not set, or the state was made with another configuration.
    """
    folder, config = as_path(out, "out"), TrainConfig() if config is None else config
    check_kind("config", config, TrainConfig)
    start = given_start(start, folder, config)
    find_device(device)
    if (folder / STATE_NAME).exists() and not resume:
        raise InputError(f"out {folder}: got a folder with an unfinished training, expected a new one; go on with resume")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out {folder}: cannot be made ({error.strerror}), expected the name of a folder") from error
    told: list[str] = []

    def work(place: Device) -> None:
        run = TrainingRun(config, start_fabric(config, place, devices), measured, *told)
        run.begin(folder, start)
        carry_out(run, folder, on_step)

    if devices > 1:  # what one process lacks the others do not know
        work(device)
    else:
        on_card_or_processor(work, device, told.append)
    return folder / WEIGHTS_NAME


def carry_out(run: "TrainingRun", folder: Path, on_step: Callable[[int, float], None] | None) -> None:
    """Make all steps that are left, and keep what they come to."""
    config, losses = run.config, list[float]()
    while run.step < config.steps:
        losses.append(run.advance())
        if on_step:
            on_step(run.step, losses[-1])
        if run.step % config.validate_every == 0 or run.step == config.steps:
            if run.fabric.is_global_zero:
                run.curve.append(run.validate(sum(losses) / len(losses)))
                keep(folder, run)
            losses.clear()
            run.fabric.barrier()


def given_start(start: PathLike | None, folder: Path, config: TrainConfig) -> Path | None:
    """The weights to start from, or InputError for those that do not fit or that a training in the folder would replace."""
    path = None if start is None else as_path(start, "start")
    if path and identities([path]) & identities(folder / name for name in (WEIGHTS_NAME, STATE_NAME, CURVE_NAME)):
        raise InputError(f"start {path}: got weights that the training in {folder} would replace, expected another folder")
    if path and (model := read_weights(path)[0]).config != config.model:
        raise InputError(f"start {path}: got a network of size {model.config.channels}, expected {config.model.channels}")
    return path


def keep(folder: Path, run: "TrainingRun") -> None:
    """Write weights and training curve, and last the state, so that a state never runs ahead of them."""
    description = {"training": run.request, "step": run.step, "skill": run.curve[-1].skill, "started_from": run.origin}
    description |= {"fell_back": run.fell_back}
    write_weights(folder / WEIGHTS_NAME, run.average_model(), description)
    rows = ["step,loss,validation_likelihood,skill"]
    rows += [f"{p.step},{p.loss:.5f},{p.validation_likelihood:.5f},{p.skill:.5f}" for p in run.curve]
    with whole_or_nothing(folder / CURVE_NAME) as file:
        file.write("\n".join([*rows, ""]).encode())
    run.save(folder / STATE_NAME)


class TrainingRun:
    """The state of a training: a learner, its stream of portions, its curve."""

    def __init__(self, config: TrainConfig, fabric: Fabric, measured: Sequence[MeasuredScan] = (), told: str = "") -> None:
        torch.manual_seed(config.seed)
        self.fell_back = told
        self.config, self.fabric, self.device = config, fabric, fabric.device
        self.curve: list[CurvePoint] = []
        self.origin: dict[str, Any] | None = None
        self.learner = Learner(self.build().to(self.device), config)
        self.shared_model, self.shared_optimiser = fabric.setup(self.learner.model, self.learner.optimiser)
        self.stream = PortionStream(config.seed, config.portions, Library(split="train"), self.device, measured)
        self.measured = [[scan.name, scan.sha256] for scan in measured]

    @property
    def request(self) -> dict[str, Any]:
        """Everything the run depends on: its configuration and the measured scans it learns from."""
        return asdict(self.config) | {"measured_scans": self.measured}

    @property
    def step(self) -> int:
        """Steps made."""
        return self.learner.step

    def predict(self, model: torch.nn.Module, portions: Portions) -> tuple[Tensor, Tensor]:
        """Logarithms of mean and dispersion in the targets of some portions, each (voxels,), on the device."""
        with self.fabric.autocast():
            log_mean, log_dispersion = model(*(v.to(self.device) for v in (portions.counts, portions.measured, portions.guess)))
        target = portions.target.to(self.device)
        return log_mean[target], log_dispersion[target]

    def advance(self) -> float:
        """One optimiser step; return its loss per voxel."""
        fabric = self.fabric
        share = slice(fabric.global_rank, self.config.batch, fabric.world_size)
        portions = self.stream.batch(self.step, self.config.batch, share)
        expected = portions.expected[portions.target].to(self.device)
        drawn = portions.drawn[portions.target].to(self.device)
        log_mean, log_dispersion = self.predict(self.shared_model, portions)
        voxels = self.mean_over_processes(len(drawn))
        self.learner.bound((log_mean, log_dispersion), voxels)
        loss = expectation_and_spread(expected, drawn, log_mean, log_dispersion).sum() / max(1.0, voxels)
        self.learner.descend(loss, fabric.backward, self.shared_optimiser.step)
        return likelihood_above_floor(drawn, expected, log_mean.detach(), log_dispersion.detach())

    def mean_over_processes(self, number: int) -> float:
        """Mean of a number over the processes that share the batches."""
        mean = self.fabric.all_reduce(torch.tensor(float(number), device=self.device), reduce_op="mean")
        return float(mean)  # type: ignore[arg-type]

    def build(self) -> GapNet:
        """The network with fresh weights."""
        return GapNet(self.config.model)

    def average_model(self) -> GapNet:
        """The network with the averaged weights."""
        model = self.build().to(self.device)
        model.load_state_dict(self.learner.average)
        return model.eval()

    @cached_property
    def validation_batches(self) -> list[Portions]:
        """Portions of crystals that are not trained on, always the same."""
        c = self.config
        batches = -(-c.validation_portions // c.batch)
        config = replace(c.portions, pool=c.validation_scans, renew_steps=batches)
        stream = PortionStream(c.seed + VALIDATION_SEED_OFFSET, config, Library(split="validation"))
        return [stream.batch(step, c.batch) for step in range(batches)]

    @torch.inference_mode()
    def validate(self, loss: float) -> CurvePoint:
        """Score the averaged weights on the validation portions."""
        model = self.average_model()
        likelihood, skills = [], []
        for portions in self.validation_batches:
            t = portions.target
            expected, drawn = portions.expected[t], portions.drawn[t]
            log_mean, log_dispersion = (v.cpu() for v in self.predict(model, portions))
            likelihood.append(likelihood_above_floor(drawn, expected, log_mean, log_dispersion))
            linear = torch.log(
                torch.expm1(log_linear_along_normal(torch.log1p(portions.counts), portions.measured))[t] + COUNT_FLOOR
            )
            sizes = t.sum((1, 2, 3)).tolist()
            parts = zip(*(v.split(sizes) for v in (expected, log_mean, linear)), strict=True)
            skills += [portion_skill(*part) for part in parts]
        known = torch.tensor([s for s in skills if s is not None])
        return CurvePoint(self.step, loss, sum(likelihood) / len(likelihood), float(known.mean()) if len(known) else math.nan)

    def save(self, path: Path) -> None:
        """Write everything that ``restore`` needs."""
        learner = self.learner
        tensors = {f"model/{n}": p.detach() for n, p in learner.model.named_parameters()}
        tensors |= {f"average/{n}": p for n, p in learner.average.items()}
        for name, p in learner.model.named_parameters():
            tensors |= {f"moments/{name}/{k}": v for k, v in learner.optimiser.state[p].items()}
        curve = [astuple(p) for p in self.curve]
        description = {"training": self.request, "curve": curve, "started_from": self.origin, "fell_back": self.fell_back}
        write_tensors(path, tensors, description)

    def begin(self, folder: Path, start: Path | None) -> None:
        """Go on from the state in a folder, or begin with the weights of an earlier training."""
        if (folder / STATE_NAME).exists():
            self.restore(folder / STATE_NAME)
            if start and (self.origin or {}).get("sha256") != sha256(start):
                raise InputError(
                    f"start {start}: got other weights than the state in {folder} began with, expected the same or none"
                )
        elif start:
            self.start_from(start)

    def start_from(self, path: Path) -> None:
        """Begin with the weights of an earlier training, whose hash and description go with this one."""
        model, description = read_weights(path)
        self.learner.model.load_state_dict(model.state_dict())
        self.learner.average = {name: p.detach().clone() for name, p in self.learner.model.named_parameters()}
        self.origin = {"sha256": sha256(path)} | description

    def restore(self, path: Path) -> None:
        """Go back to a saved state of the same configuration."""
        tensors, description = read_tensors(path)
        saved, own = description.get("training"), json.loads(json.dumps(self.request))
        if not isinstance(saved, dict) or "curve" not in description:
            raise InputError(f"resume {path}: got no state of a training, expected one; start anew in another folder")
        saved = json.loads(json.dumps(asdict(TrainConfig()))) | saved  # options that came later had their default
        if saved != own:
            different = sorted(k for k in own if saved.get(k) != own[k])
            raise InputError(f"resume {path}: got a state with other values of {', '.join(different)}; expected the same")
        try:
            self.take_up(tensors, description)
        except torch.cuda.OutOfMemoryError:
            raise
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise InputError(f"resume {path}: got a damaged state of a training ({error}); start anew elsewhere") from error

    def take_up(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Take step, curve, weights and moments from what a state's file holds: tensors of any shape by name, and the rest."""
        self.curve, self.origin = [CurvePoint(*row) for row in description["curve"]], description["started_from"]
        learner = self.learner
        learner.step = self.curve[-1].step
        learner.model.load_state_dict({n: tensors[f"model/{n}"] for n, _ in learner.model.named_parameters()})
        for name, p in learner.model.named_parameters():
            learner.average[name] = tensors[f"average/{name}"].to(self.device)
            moments = {k: tensors[f"moments/{name}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")}
            learner.optimiser.state[p] = {k: v if k == "step" else v.to(self.device) for k, v in moments.items()}
