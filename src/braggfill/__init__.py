"""braggfill: fills the detector gaps of Bragg coherent diffraction patterns and says how sure it is of every voxel."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from braggfill.deformation import Deformation, strain
    from braggfill.detectors import detector_mask
    from braggfill.errors import InputError
    from braggfill.evaluation import evaluate
    from braggfill.fill import METHODS, FillResult, fill_gaps
    from braggfill.io import read_mask, read_scan, write_result
    from braggfill.network import finetune
    from braggfill.pynx import to_pynx
    from braggfill.retrieval.comparison import compare
    from braggfill.retrieval.reconstruction import RetrievalResult, retrieve
    from braggfill.retrieval.treatments import TREATMENTS
    from braggfill.simulation.library import Library
    from braggfill.simulation.scans import simulate
    from braggfill.studies.table import STUDIES, benchmark
    from braggfill.training import train
    from braggfill.webpage import write_report

__version__ = version("braggfill")
__all__ = [
    "METHODS",
    "STUDIES",
    "TREATMENTS",
    "Deformation",
    "FillResult",
    "InputError",
    "Library",
    "RetrievalResult",
    "benchmark",
    "compare",
    "detector_mask",
    "evaluate",
    "fill_gaps",
    "finetune",
    "read_mask",
    "read_scan",
    "retrieve",
    "simulate",
    "strain",
    "to_pynx",
    "train",
    "write_report",
    "write_result",
]

_HOME = {
    "METHODS": "fill",
    "STUDIES": "studies.table",
    "TREATMENTS": "retrieval.treatments",
    "Deformation": "deformation",
    "FillResult": "fill",
    "InputError": "errors",
    "Library": "simulation.library",
    "RetrievalResult": "retrieval.reconstruction",
    "benchmark": "studies.table",
    "compare": "retrieval.comparison",
    "detector_mask": "detectors",
    "evaluate": "evaluation",
    "fill_gaps": "fill",
    "finetune": "network",
    "read_mask": "io",
    "read_scan": "io",
    "retrieve": "retrieval.reconstruction",
    "simulate": "simulation.scans",
    "strain": "deformation",
    "to_pynx": "pynx",
    "train": "training",
    "write_report": "webpage",
    "write_result": "io",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import braggfill`` answers at once."""
    if name in _HOME:
        return getattr(import_module(f"braggfill.{_HOME[name]}"), name)
    raise AttributeError(f"module 'braggfill' has no attribute '{name}'")
