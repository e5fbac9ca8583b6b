"""Weights on disk: safetensors files that describe themselves; nothing is unpickled, nothing is executed."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from braggfill.errors import InputError
from braggfill.model import GapNet, ModelConfig
from braggfill.writing import whole_or_nothing

FORMAT = "braggfill-1"
"""Name of the metadata entry that holds the description, and of this format's version."""
SHIPPED_WEIGHTS = Path(__file__).parent / "weights" / "gapnet.safetensors"
"""The weights that the package carries."""


def sha256(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], description: dict) -> None:
    """Write named tensors and a JSON-ready description; the file appears whole or not at all."""
    with whole_or_nothing(path) as file:
        file.write(save({name: t.contiguous() for name, t in tensors.items()}, {FORMAT: json.dumps(description)}))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Read what ``write_tensors`` wrote: the tensors by name and the description."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise InputError(f"weights {path}: got no readable safetensors file ({error}); expected one made by 'train'") from error
    if FORMAT not in metadata:
        found = ", ".join(metadata) or "none"
        raise InputError(f"weights {path}: got a file with metadata {found}, expected {FORMAT}; train with this version")
    try:
        return tensors, json.loads(metadata[FORMAT])
    except json.JSONDecodeError as error:
        raise InputError(
            f"weights {path}: got a description that is no JSON ({error}), expected one made by 'train'"
        ) from error


def write_weights(path: Path, model: GapNet, description: dict) -> None:
    """Write a network's weights; its size is added to the description."""
    write_tensors(path, model.state_dict(), {"model": asdict(model.config)} | description)


def read_weights(path: Path = SHIPPED_WEIGHTS) -> tuple[GapNet, dict]:
    """Build the network that a weights file describes, ready to predict, and return it with the description."""
    tensors, description = read_tensors(path)
    try:
        model = GapNet(ModelConfig(tuple(description["model"]["channels"])))
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"weights {path}: got tensors of no network of this version, expected the weights of one") from error
    return model.eval().requires_grad_(False), description
