"""Training: one loop, resumable to the step, the same on every run from its seed on one device."""

import math
import os
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from braggfill.checkpoint import read_tensors, read_weights, sha256, write_tensors, write_weights
from braggfill.config import TrainConfig
from braggfill.errors import InputError
from braggfill.library import Library
from braggfill.losses import expectation_and_spread, negative_binomial, poisson_deviance
from braggfill.model import COUNT_FLOOR, GapNet, find_device, log_linear_along_normal
from braggfill.stream import Portions, PortionStream
from braggfill.writing import whole_or_nothing

VALIDATION_SEED_OFFSET = 1_000_003
"""Added to the seed for the validation portions: other crystals, never trained on."""
WEIGHTS_NAME, STATE_NAME, CURVE_NAME = "weights.safetensors", "state.safetensors", "curve.csv"


@dataclass(frozen=True)
class Progress:
    """One row of the training curve."""

    step: int
    loss: float
    validation_likelihood: float
    """Mean negative log-likelihood of the validation counts, relative to a perfect expectation without spread."""
    skill: float
    """Share of the log-linear fill's excess Poisson deviance that is removed on the validation portions."""


def train(
    out: str | os.PathLike[str],
    config: TrainConfig | None = None,
    *,
    resume: bool = False,
    start: str | os.PathLike[str] | None = None,
    device: str = "cpu",
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
    device : str
        ``auto``, ``cpu`` or ``cuda``.
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
    folder, config = Path(out), config or TrainConfig()
    state_path = folder / STATE_NAME
    if state_path.exists() and not resume:
        raise InputError(f"out {folder}: got a folder with an unfinished training, expected a new one; go on with resume")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out {folder}: cannot be made ({error.strerror}), expected the name of a folder") from error
    run = TrainingRun(config, device)
    if state_path.exists():
        run.restore(state_path)
    elif start:
        run.start_from(Path(start))
    losses: list[float] = []
    while run.step < config.steps:
        losses.append(run.advance())
        if on_step:
            on_step(run.step, losses[-1])
        if run.step % config.validate_every == 0 or run.step == config.steps:
            run.curve.append(run.validate(sum(losses) / len(losses)))
            losses.clear()
            keep(folder, run)
    return folder / WEIGHTS_NAME


def keep(folder: Path, run: "TrainingRun") -> None:
    """Write weights and training curve, and last the state, so that a state never runs ahead of them."""
    description = {"training": asdict(run.config), "step": run.step, "skill": run.curve[-1].skill, "started_from": run.origin}
    write_weights(folder / WEIGHTS_NAME, run.average_model(), description)
    rows = ["step,loss,validation_likelihood,skill"]
    rows += [f"{p.step},{p.loss:.5f},{p.validation_likelihood:.5f},{p.skill:.5f}" for p in run.curve]
    with whole_or_nothing(folder / CURVE_NAME) as file:
        file.write("\n".join([*rows, ""]).encode())
    run.save(folder / STATE_NAME)


class TrainingRun:
    """The state of a training: weights, their average, the optimiser's moments, the step."""

    def __init__(self, config: TrainConfig, device: str) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device, self.step = config, find_device(device), 0
        self.curve: list[Progress] = []
        self.origin: dict[str, Any] | None = None
        self.model = GapNet(config.model).to(self.device)
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        self.stream = PortionStream(config.seed, config.portions, Library(split="train"), self.device)
        self.bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and has_bfloat16(self.device))

    def learning_rate(self) -> float:
        """Learning rate of the coming step: linear warm-up, then half a cosine to zero."""
        c = self.config
        if self.step < c.warmup_steps:
            return c.learning_rate * (self.step + 1) / c.warmup_steps
        done = (self.step - c.warmup_steps) / max(1, c.steps - c.warmup_steps)
        return c.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def predict(self, model: GapNet, portions: Portions) -> tuple[Tensor, Tensor]:
        """Logarithms of mean and dispersion in the targets of some portions, each (voxels,), on the device."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            log_mean, log_dispersion = model(portions.counts.to(self.device), portions.measured.to(self.device))
        target = portions.target.to(self.device)
        return log_mean[target], log_dispersion[target]

    def advance(self) -> float:
        """One optimiser step; return its loss per voxel."""
        portions = self.stream.batch(self.step, self.config.batch)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        expected = portions.expected[portions.target].to(self.device)
        drawn = portions.drawn[portions.target].to(self.device)
        log_mean, log_dispersion = self.predict(self.model, portions)
        limit = self.config.voxel_gradient_limit / max(1, len(drawn))
        for output in (log_mean, log_dispersion):
            output.register_hook(lambda gradient: gradient.clamp(-limit, limit))
        loss = expectation_and_spread(expected, drawn, log_mean, log_dispersion).sum() / max(1, len(drawn))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_limit)
        self.optimiser.step()
        self.step += 1
        decay = min(self.config.average_decay, self.step / (self.step + 10))
        for name, p in self.model.named_parameters():
            self.average[name].lerp_(p.detach(), 1 - decay)
        return likelihood_above_floor(drawn, expected, log_mean.detach(), log_dispersion.detach())

    def average_model(self) -> GapNet:
        """A network with the averaged weights."""
        model = GapNet(self.config.model).to(self.device)
        model.load_state_dict(self.average)
        return model.eval()

    @torch.inference_mode()
    def validate(self, loss: float) -> Progress:
        """Score the averaged weights on crystals that are not trained on."""
        model = self.average_model()
        seed = self.config.seed + VALIDATION_SEED_OFFSET
        stream = PortionStream(seed, self.config.portions, Library(split="validation"))
        likelihood, excess, excess_linear = [], 0.0, 0.0
        for step in range(-(-self.config.validation_portions // self.config.batch)):
            portions = stream.batch(step, self.config.batch)
            t = portions.target
            expected, drawn = portions.expected[t], portions.drawn[t]
            log_mean, log_dispersion = (v.cpu() for v in self.predict(model, portions))
            linear = torch.expm1(log_linear_along_normal(torch.log1p(portions.counts), portions.measured))[t]
            likelihood.append(likelihood_above_floor(drawn, expected, log_mean, log_dispersion))
            bright = expected > 0.5
            excess += float(poisson_deviance(drawn[bright], log_mean[bright].exp()).sum() - bright.sum())
            excess_linear += float(poisson_deviance(drawn[bright], linear[bright] + COUNT_FLOOR).sum() - bright.sum())
        return Progress(
            self.step, loss, sum(likelihood) / len(likelihood), 1 - excess / excess_linear if excess_linear else math.nan
        )

    def save(self, path: Path) -> None:
        """Write everything that ``restore`` needs."""
        tensors = {f"model/{n}": p.detach() for n, p in self.model.named_parameters()}
        tensors |= {f"average/{n}": p for n, p in self.average.items()}
        for name, p in self.model.named_parameters():
            tensors |= {f"moments/{name}/{k}": v for k, v in self.optimiser.state[p].items()}
        write_tensors(
            path,
            tensors,
            {"training": asdict(self.config), "curve": [astuple(p) for p in self.curve], "started_from": self.origin},
        )

    def start_from(self, path: Path) -> None:
        """Begin with the weights of an earlier training, whose hash and description go with this one."""
        model, description = read_weights(path)
        if model.config != self.config.model:
            raise InputError(
                f"start {path}: got a network of size {model.config.channels}, expected {self.config.model.channels}"
            )
        self.model.load_state_dict(model.state_dict())
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.origin = {"sha256": sha256(path)} | description

    def restore(self, path: Path) -> None:
        """Go back to a saved state of the same configuration."""
        tensors, description = read_tensors(path)
        saved, own = description.get("training"), _as_json(asdict(self.config))
        if saved is None or "curve" not in description:
            raise InputError(f"resume {path}: got no state of a training, expected one; start anew in another folder")
        if saved != own:
            different = sorted(k for k in own if saved.get(k) != own[k])
            raise InputError(
                f"resume {path}: got a state trained with other values of {', '.join(different)}; expected the same"
            )
        self.curve = [Progress(*row) for row in description["curve"]]
        self.step, self.origin = self.curve[-1].step, description["started_from"]
        self.model.load_state_dict({n: tensors[f"model/{n}"] for n, _ in self.model.named_parameters()})
        for name, p in self.model.named_parameters():
            self.average[name] = tensors[f"average/{name}"].to(self.device)
            names = ("step", "exp_avg", "exp_avg_sq")
            moments = {k: tensors[f"moments/{name}/{k}"] for k in names}
            self.optimiser.state[p] = {k: v if k == "step" else v.to(self.device) for k, v in moments.items()}


def likelihood_above_floor(counts: Tensor, expected: Tensor, log_mean: Tensor, log_dispersion: Tensor) -> float:
    """Mean negative log-likelihood of counts, less that of the true expectation known for certain; 0 is perfect."""
    floor = negative_binomial(counts, torch.log(expected.clamp(min=1e-6)), torch.full_like(log_dispersion, -9.0))
    return float((negative_binomial(counts, log_mean, log_dispersion) - floor).mean())


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here: a GPU, or a processor with the instructions for it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def _as_json(values: Any) -> Any:
    """Tuples as lists, as they come back from a file."""
    if isinstance(values, dict):
        return {k: _as_json(v) for k, v in values.items()}
    return [_as_json(v) for v in values] if isinstance(values, tuple | list) else values
