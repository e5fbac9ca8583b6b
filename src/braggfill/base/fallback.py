"""From a graphics card to the processor where its memory runs out: the work is begun anew there, and a sentence says so."""

from collections.abc import Callable
from typing import TypeVar

from braggfill.base.options import Device

Result = TypeVar("Result")


def on_card_or_processor(
    work: Callable[[Device], Result], device: Device, tell: Callable[[str], None] = lambda sentence: None
) -> tuple[Result, str]:
    """What some work gives on a device, and a sentence if the memory of a card did not suffice and the processor did it.

    Parameters
    ----------
    work : callable
        From where to compute to the result. It is called again with ``cpu`` where memory runs out, so what it changes it has
        to make itself.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    tell : callable
        Called with that sentence before the work is begun anew.

    Raises
    ------
    InputError
        If there is no card and one is asked for.
    """
    if device == "cuda":
        from braggfill.base.devices import find_device  # takes seconds (torch), which a fill without a card may not need

        find_device(device)
    try:
        return work(device), ""
    except RuntimeError as error:
        lack = _lack_of_memory(error)
        if device == "cpu" or not lack:
            raise
    import torch

    torch.cuda.empty_cache()  # here the error is gone, and with it what it held of the card's memory
    told = f"the graphics card's memory did not suffice ({lack}), so that the processor did all of it"
    tell(told)
    return work("cpu"), told


def out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether an error says that the machine's own memory, not a card's, ran out."""
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)


def _lack_of_memory(error: RuntimeError) -> str:
    """What a card lacked, in torch's words; empty for any other error."""
    from torch.cuda import OutOfMemoryError

    lacking = isinstance(error, OutOfMemoryError) or "ALLOC_FAILED" in str(error)  # the latter of cuFFT, cuBLAS and cuDNN
    return ", ".join(str(error).splitlines()[0].split(". ")[:2]).rstrip(".") if lacking else ""
