"""braggfill: fills the detector gaps of Bragg coherent diffraction patterns and says how sure it is of every voxel."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from braggfill.deformation import Deformation, strain
    from braggfill.errors import InputError
    from braggfill.evaluation import evaluate
    from braggfill.fill import METHODS, FillResult, fill_gaps
    from braggfill.retrieval.comparison import compare
    from braggfill.retrieval.reconstruction import RetrievalResult, retrieve
    from braggfill.retrieval.treatments import TREATMENTS
    from braggfill.simulation.library import Library
    from braggfill.simulation.scans import simulate
    from braggfill.training import train

__version__ = version("braggfill")
__all__ = [
    "METHODS",
    "TREATMENTS",
    "Deformation",
    "FillResult",
    "InputError",
    "Library",
    "RetrievalResult",
    "compare",
    "evaluate",
    "fill_gaps",
    "retrieve",
    "simulate",
    "strain",
    "train",
]

_HOME = {
    "Deformation": "deformation",
    "METHODS": "fill",
    "RetrievalResult": "retrieval.reconstruction",
    "TREATMENTS": "retrieval.treatments",
    "compare": "retrieval.comparison",
    "retrieve": "retrieval.reconstruction",
    "strain": "deformation",
    "FillResult": "fill",
    "InputError": "errors",
    "evaluate": "evaluation",
    "fill_gaps": "fill",
    "Library": "simulation.library",
    "simulate": "simulation.scans",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import braggfill`` answers at once."""
    if name in _HOME:
        return getattr(import_module(f"braggfill.{_HOME[name]}"), name)
    raise AttributeError(f"module 'braggfill' has no attribute '{name}'")
