"""A graphics card for machines that have none: tensors that say they are on it and hold numbers all the same.

What torch refuses on a card fails here: tensors of the card and of the processor in one expression, a card's tensor made an
array, random numbers of a processor's generator for it. Other threads may not work there, for a card has one stream of work.
It is stricter than torch where that lets single numbers of the processor take part.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

CARD, PROCESSOR = torch.device("cuda", 0), torch.device("cpu")
ARRAYS = {torch.Tensor.numpy, torch.Tensor.__array__}
"""What makes an array of a tensor."""
FETCHING = {getattr(torch.Tensor, name) for name in ("cpu", "tolist", "item", "__float__", "__int__", "__bool__")}
"""What takes numbers from the card; ``Tensor.to`` does so, too."""
INDEXING = {torch.Tensor.__getitem__, torch.Tensor.__setitem__, torch.Tensor.index_select}
"""Where places may be told by the processor."""
NUMBERS = {torch.Tensor.mul_}
"""What single numbers of the processor may take part in, as they do when torch clips gradients; torch allows more."""
CROSSINGS = {torch.Tensor.copy_, torch._has_compatible_shallow_copy_type}
"""What takes numbers from one device to the other."""


class OnCard(torch.Tensor):
    """A tensor that says it is on the card."""

    device = CARD
    is_cuda = True

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{name_of(func)} was called for a tensor of the card by another thread, or after its test")

    def __deepcopy__(self, memo):
        copy = memo[id(self)] = torch.nn.Parameter(self.detach().clone(), self.requires_grad)
        return copy if isinstance(self, torch.nn.Parameter) else copy.detach().requires_grad_(self.requires_grad)


class StandInCard(TorchFunctionMode):
    """Lets torch work with the card's tensors as long as it would on a real one.

    Tensors that the ``forgetful`` functions make are on the processor, as if the program did not say where they belong. How
    many numbers a tensor had that went from the card to the processor is added to ``fetched``.
    """

    def __init__(self, forgetful=(), fetched=None):
        super().__init__()
        self.forgetful, self.fetched = set(forgetful), [] if fetched is None else fetched

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        leaves = tree_leaves((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        of_card = [isinstance(tensor, OnCard) for tensor in tensors]
        if func in ARRAYS and any(of_card):
            raise TypeError("can't convert a tensor of the card to an array: it has to be copied to the processor first")
        if func in FETCHING and any(of_card):
            self.fetched.append(size_of(args[0]))
        if func is torch.Tensor.cpu:
            return moved(args[0], PROCESSOR)
        wanted = kwargs.get("device")
        if wanted is not None:
            kwargs["device"] = PROCESSOR
        if func is torch.Tensor.to and wanted is None:
            wanted, args = asked_device(args)
        on_card = any(of_card) if wanted is None else torch.device(wanted).type == CARD.type
        if func is torch.Tensor.to and any(of_card) and not on_card:
            self.fetched.append(size_of(args[0]))
        on_card = on_card and name_of(func) not in self.forgetful
        check_one_device(func, args, tensors, of_card, leaves)
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
        return tree_map_only(torch.Tensor, lambda tensor: placed(tensor, on_card, func), result)


def size_of(tensor) -> int:
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.numel()


def name_of(func) -> str:
    return getattr(func, "__name__", str(func))


def asked_device(args):
    """The device that ``Tensor.to`` is asked for, or None, and its arguments with the processor in its place."""
    tensor, *rest = args
    for place, argument in enumerate(rest):
        if isinstance(argument, str | torch.device):
            return argument, (tensor, *rest[:place], PROCESSOR, *rest[place + 1 :])
        if isinstance(argument, torch.Tensor):
            return argument.device, (tensor, argument.dtype)
    return None, args


def check_one_device(func, args, tensors, of_card, leaves) -> None:
    """Raise RuntimeError for an expression of both devices."""
    if not any(of_card) or func in CROSSINGS:
        return
    if any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError(f"{name_of(func)}: a processor's generator for a tensor of the card")
    places = tree_leaves(args[1]) if func in INDEXING and isinstance(args[0], OnCard) else []
    strangers = [t for t, card in zip(tensors, of_card, strict=True) if not card and not any(t is p for p in places)]
    strangers = [t for t in strangers if t.ndim or func not in NUMBERS]
    if strangers:
        shapes = ", ".join(str(tuple(t.shape)) for t in strangers)
        raise RuntimeError(f"{name_of(func)}: tensors of the card and of the processor ({shapes}) in one expression")


def placed(tensor, on_card, func):
    """A result where it belongs; what went from one device to the other is a copy."""
    if isinstance(tensor, OnCard) == on_card:
        return tensor
    return moved(tensor, CARD if on_card else PROCESSOR, func in {torch.Tensor.to})


def moved(tensor, device, copy=True):
    with torch._C.DisableTorchFunctionSubclass():
        if isinstance(tensor, OnCard) == (device.type == CARD.type):
            return tensor
        kind = OnCard if device.type == CARD.type else torch.Tensor
        return (tensor.clone() if copy else tensor).as_subclass(kind)


@contextmanager
def stand_in_card(patch, forgetful=(), fetched=None) -> Iterator[torch.device]:
    """A machine with such a card, as long as it lasts; ``patch`` is pytest's."""
    patch.setattr(torch.cuda, "is_available", lambda: True)
    patch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)  # else a network's weights keep saying where they were
    try:
        with StandInCard(forgetful, fetched):
            yield CARD
    finally:
        torch.__future__.set_swap_module_params_on_conversion(before)
