"""What a training depends on."""

from dataclasses import dataclass, field
from typing import Literal

from braggfill.base.errors import InputError
from braggfill.network.config import Descent
from braggfill.network.gapnet import ModelConfig
from braggfill.training.stream import StreamConfig


@dataclass(frozen=True)
class TrainConfig(Descent):
    """Everything a training run depends on."""

    seed: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the convolutions; auto takes bfloat16 where the processor has it in hardware."""
    validate_every: int = 500
    validation_portions: int = 192
    validation_scans: int = 16
    """Scans that these are cut from."""
    model: ModelConfig = field(default_factory=ModelConfig)
    portions: StreamConfig = field(default_factory=StreamConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise InputError(f"steps: got {self.steps}, expected at least 1")
