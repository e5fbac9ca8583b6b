"""Weights on disk: safetensors files that describe themselves; nothing is unpickled, nothing is executed."""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from braggfill.base.config import build
from braggfill.base.devices import find_device
from braggfill.base.errors import InputError
from braggfill.base.paths import as_path, check_regular
from braggfill.base.writing import sha256, whole_or_nothing
from braggfill.classical.fringe_model import FringeModel
from braggfill.network.gapnet import GapNet, ModelConfig
from braggfill.scan.formats.contents import read_json


@dataclass(frozen=True)
class Description:
    """What a weights file must say of itself."""

    model: ModelConfig
    fringes: tuple[FringeModel, ...] = (FringeModel(),)
    """The constants of kriging that weights were adapted with."""
    lessons: tuple[Any, ...] = ()
    """What was learned from scans before."""


FORMAT = "braggfill-1"
"""Name of the metadata entry that holds the description, and of this format's version."""
SHIPPED_WEIGHTS = Path(__file__).parent / "shipped" / "gapnet.safetensors"
"""The weights that the package carries."""


@dataclass(frozen=True)
class Learned:
    """A network, and the constants of kriging that it starts from."""

    model: GapNet
    fringes: tuple[FringeModel, ...]
    """One or several; the fills with each are averaged."""
    sha256: str
    """Of the weights file."""
    description: dict[str, Any]
    """What the file says of how they were made."""

    @classmethod
    def read(cls, weights: str | Path | None = None) -> "Learned":
        """From a weights file, else the shipped one."""
        path = as_path(weights or SHIPPED_WEIGHTS, "weights")
        model, description = read_weights(path)
        return cls(model, described(description).fringes, sha256(path), description)

    def on(self, device: str) -> "Learned":
        """The same on ``auto``, ``cpu`` or ``cuda``."""
        return replace(self, model=self.model.to(find_device(device)))


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], description: dict[str, Any]) -> None:
    """Write named tensors, of any shape, and a JSON-ready description; the file appears whole or not at all."""
    with whole_or_nothing(path) as file:
        file.write(save({name: t.contiguous() for name, t in tensors.items()}, {FORMAT: json.dumps(description)}))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what ``write_tensors`` wrote: the tensors (of any shape) by name and the description."""
    check_regular(path, "weights")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError, ValueError, RuntimeError, AttributeError) as error:  # types that torch lacks among them
        raise InputError(f"weights {path}: got no readable safetensors file ({error}); expected one made by 'train'") from error
    if FORMAT not in metadata:
        found = ", ".join(metadata) or "none"
        raise InputError(f"weights {path}: got a file with metadata {found}, expected {FORMAT}; train with this version")
    description = read_json(metadata[FORMAT])
    if description is None:
        raise InputError(f"weights {path}: got a description that is no table, expected one made by 'train'")
    return tensors, description


def write_weights(path: Path, model: GapNet, description: dict[str, Any]) -> None:
    """Write a network's weights; its size is added to the description."""
    write_tensors(path, model.state_dict(), {"model": asdict(model.config)} | description)


def read_weights(path: Path = SHIPPED_WEIGHTS) -> tuple[GapNet, dict[str, Any]]:
    """Build the network that a weights file describes, ready to predict, and return it with the description.

    Raises
    ------
    InputError
        If the file is none of weights, describes another network than its tensors are of, or holds what is not finite.
    """
    tensors, description = read_tensors(path)
    where = f"weights {path}"
    if "model" not in description:
        raise InputError(f"{where}: got the description of no network, expected the weights of one; train with this version")
    told = described(description, where)
    with torch.device("meta"):  # nothing is drawn at random that the file's tensors would replace
        model = GapNet(told.model)
    if {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in model.state_dict().items()}:
        raise InputError(f"{where}: got tensors of no network of this version, expected the weights of one")
    if not all(tensor.is_floating_point() and tensor.isfinite().all() for tensor in tensors.values()):
        raise InputError(f"{where}: got numbers that are not finite, expected the weights of a network; train again")
    model.load_state_dict(tensors, assign=True)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval().requires_grad_(False), description


def described(description: dict[str, Any], where: str = "weights") -> Description:
    """What a description must say, or InputError."""
    own = {f.name for f in fields(Description)} & set(description)
    return build(Description, {name: description[name] for name in own}, where)
