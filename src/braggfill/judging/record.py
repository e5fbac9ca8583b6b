"""The figures of an evaluation on disk."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from braggfill.base.version import __version__
from braggfill.base.writing import finite_or_null, whole_or_nothing

if TYPE_CHECKING:
    from braggfill.judging.evaluation import Evaluation


def write_evaluation(path: Path, verdict: "Evaluation", input_name: str) -> None:
    """Write the figures of an evaluation as JSON; what could not be measured is null."""
    figures = {
        "program": "braggfill",
        "version": __version__,
        "input": input_name,
        "advisable": verdict.advisable,
        "recommended": verdict.recommended,
        "advice": verdict.advice,
        "fell_back": verdict.fell_back or None,
        "voxels": verdict.voxels,
        "pcc_log_ceiling": verdict.ceiling,
        "hides_peak": verdict.hides_peak,
        "scores": [asdict(score) for score in verdict.scores],
        "bands": [asdict(band) for band in verdict.bands],
    }
    with whole_or_nothing(path) as file:
        file.write((json.dumps(finite_or_null(figures), indent=2) + "\n").encode())
