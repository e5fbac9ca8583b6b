"""What a training depends on."""

from dataclasses import dataclass, field
from typing import Literal

from braggfill.base.errors import InputError
from braggfill.base.ranges import require_positive
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
        require_positive(self, "steps", "validate_every", "validation_portions", "validation_scans")
        if not 0 <= self.seed < 2**62 or min(self.model.channels) < 1:
            raise InputError(f"seed, channels: got {self.seed} and {self.model.channels}, expected 0 to 2^62 and at least 1")
