"""Where to compute: the processor or a graphics card."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from braggfill.base.errors import InputError


def find_device(name: str) -> torch.device:
    """The torch device for ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``, or InputError."""
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device: got '{name}', expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device: got 'cuda' but torch finds no GPU here, expected 'auto' or 'cpu'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here: a GPU, or a processor with the instructions for it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


@contextmanager
def full_float32() -> Iterator[None]:
    """Let convolutions on a graphics card be made in float32: torch's own default keeps 11 of its 24 bits (TF32)."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def wait_for(device: torch.device | str) -> None:
    """Wait until a graphics card has done what it was asked for: torch goes on before that."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def device_of(model: torch.nn.Module) -> torch.device:
    """Where a network is."""
    return next(model.parameters()).device
