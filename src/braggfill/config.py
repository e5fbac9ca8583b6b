"""Configuration: frozen dataclasses, read from TOML; an unknown key is reported with the nearest known one."""

import difflib
import math
import tomllib
import types
import typing
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from braggfill.errors import InputError
from braggfill.model import ModelConfig
from braggfill.ranges import require_positive
from braggfill.stream import StreamConfig

T = TypeVar("T")


@dataclass(frozen=True)
class TrainConfig:
    """Everything a training run depends on."""

    seed: int = 0
    steps: int = 16000
    batch: int = 16
    """Portions a step."""
    learning_rate: float = 1.5e-3
    """Peak of the schedule: linear warm-up, then half a cosine to zero."""
    warmup_steps: int = 200
    weight_decay: float = 1e-3
    gradient_limit: float = 1.0
    """Gradients are scaled down to this norm."""
    voxel_gradient_limit: float = 30.0
    """Limit on one voxel's pull on its own mean and dispersion: a whole peak hidden in a gap must not outweigh the rest."""
    average_decay: float = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the convolutions; auto takes bfloat16 where the processor has it in hardware."""
    validate_every: int = 500
    validation_portions: int = 192
    validation_scans: int = 16
    """Scans that these are cut from."""
    model: ModelConfig = field(default_factory=ModelConfig)
    portions: StreamConfig = field(default_factory=StreamConfig)

    def __post_init__(self) -> None:
        require_positive(self, "steps", "batch", "validate_every", "validation_portions", "validation_scans")
        if not 0 <= self.seed < 2**62 or min(self.model.channels) < 1:
            raise InputError(f"seed, channels: got {self.seed} and {self.model.channels}, expected 0 to 2^62 and at least 1")
        for name in ("learning_rate", "gradient_limit", "voxel_gradient_limit"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name}: got {getattr(self, name)}, expected a finite number above 0")
        if not (self.warmup_steps >= 0 and 0 <= self.weight_decay < 1 and 0 <= self.average_decay < 1):
            got = f"{self.warmup_steps}, {self.weight_decay} and {self.average_decay}"
            raise InputError(f"warmup_steps, weight_decay, average_decay: got {got}, expected 0 or more, and 0 to less than 1")


def read_config(path: Path, kind: type[T]) -> T:
    """Read a configuration of a kind from a TOML file; what the file leaves out keeps its default."""
    return build(kind, read_table(path), f"config {path}")


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file as it is."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"config {path}: cannot be read ({error.strerror}); expected a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"config {path}: got no valid TOML ({error}); expected lines like 'steps = 4000'") from error


def build(kind: type[T], values: dict[str, Any], where: str) -> T:
    """Make a dataclass from nested dictionaries, checking every key and type."""
    types_by_name = typing.get_type_hints(kind)
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.0)
            raise InputError(f"{where}: got unknown key '{key}'; did you mean '{near[0]}'?")
    return kind(**{key: _convert(types_by_name[key], value, f"{where}, key '{key}'") for key, value in values.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    """One value as its annotated type, or an error that states both."""
    if is_dataclass(kind) and isinstance(value, dict):
        return build(typing.cast(type, kind), value, where)
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union) and type(None) in options:
        return _convert(next(k for k in options if k is not type(None)), value, where)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if origin is Literal and value in options:
        return value
    if origin is tuple and isinstance(value, list) and options[-1] is Ellipsis and value:
        return tuple(_convert(options[0], v, where) for v in value)
    if origin is tuple and isinstance(value, list) and len(value) == len(options):
        return tuple(_convert(k, v, where) for k, v in zip(options, value, strict=True))
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (int, str, bool) and type(value) is kind:
        return value
    expected = kind if isinstance(kind, types.GenericAlias) or origin else getattr(kind, "__name__", kind)
    raise InputError(f"{where}: got {value!r}, expected {expected}")
