"""Pieces of work on objects, some of which may vanish: what the others come to is as good without them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from braggfill.base.errors import VanishedError
from braggfill.base.threads import side_by_side

Result = TypeVar("Result")


def or_none(piece: Callable[[], Result]) -> Callable[[], Result | None]:
    """A piece of work that comes to None where its object vanishes."""

    def tried() -> Result | None:
        try:
            return piece()
        except VanishedError:
            return None

    return tried


def lasting(
    work: Sequence[Callable[[], Result]], stop: Callable[[], None] = lambda: None, device: torch.device | str = "cpu"
) -> list[Result]:
    """Results of the pieces whose objects do not vanish, in their order; they are done ``side_by_side``."""
    return [result for result in side_by_side([or_none(piece) for piece in work], stop, device) if result is not None]


def some(found: list[Result]) -> list[Result]:
    """What was found, or VanishedError if that is nothing."""
    if not found:
        raise VanishedError
    return found
