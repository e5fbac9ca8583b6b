"""braggfill: fills the detector gaps of Bragg coherent diffraction patterns and says how sure it is of every voxel."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from braggfill.errors import InputError
    from braggfill.evaluation import evaluate
    from braggfill.fill import METHODS, FillResult, fill_gaps
    from braggfill.simulation.library import Library
    from braggfill.simulation.scans import simulate
    from braggfill.studies.table import STUDIES, benchmark
    from braggfill.training import train

__version__ = version("braggfill")
__all__ = [
    "METHODS",
    "STUDIES",
    "FillResult",
    "InputError",
    "Library",
    "benchmark",
    "evaluate",
    "fill_gaps",
    "simulate",
    "train",
]

_HOME = {
    "METHODS": "fill",
    "STUDIES": "studies.table",
    "benchmark": "studies.table",
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
