"""braggfill: fills the detector gaps of Bragg coherent diffraction patterns and says how sure it is of every voxel."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from braggfill.errors import InputError
    from braggfill.evaluation import evaluate
    from braggfill.fill import METHODS, FillResult, fill_gaps
    from braggfill.network import finetune
    from braggfill.simulation.library import Library
    from braggfill.simulation.scans import simulate
    from braggfill.training import train

__version__ = version("braggfill")
__all__ = ["METHODS", "FillResult", "InputError", "Library", "evaluate", "fill_gaps", "finetune", "simulate", "train"]

_HOME = {
    "METHODS": "fill",
    "FillResult": "fill",
    "InputError": "errors",
    "evaluate": "evaluation",
    "fill_gaps": "fill",
    "finetune": "network",
    "Library": "simulation.library",
    "simulate": "simulation.scans",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import braggfill`` answers at once."""
    if name in _HOME:
        return getattr(import_module(f"braggfill.{_HOME[name]}"), name)
    raise AttributeError(f"module 'braggfill' has no attribute '{name}'")
