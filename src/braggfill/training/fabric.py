"""Where a training computes, in which arithmetic, and with how many processes."""

from lightning_fabric import Fabric

from braggfill.base.devices import find_device, has_bfloat16
from braggfill.base.errors import InputError
from braggfill.base.quiet import quiet
from braggfill.training.config import TrainConfig


def start_fabric(config: TrainConfig, device: str, devices: int = 1) -> Fabric:
    """Where and in which arithmetic to train; with several devices, one process for each from here on."""
    kind = find_device(device)
    if not 1 <= devices <= config.batch:
        raise InputError(f"devices: got {devices}, expected 1 to the {config.batch} portions of a batch")
    bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and has_bfloat16(kind))
    strategy = "ddp" if devices > 1 else "auto"
    with quiet():
        fabric = Fabric(
            accelerator=kind.type, strategy=strategy, devices=devices, precision="bf16-mixed" if bfloat16 else "32-true"
        )
    fabric.launch()
    return fabric
