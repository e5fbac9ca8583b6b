"""What a person is told of a fill, in words and figures: key figures, the closing summary, what was learned."""

from typing import TYPE_CHECKING

import numpy as np

from braggfill.filling.result import FillResult

if TYPE_CHECKING:
    from braggfill.network.lesson import Lesson


def key_figures(result: FillResult) -> dict[str, str]:
    """What a fill comes to, by name: voxels filled, counts added, how sure, what is still missing."""
    scale = result.options.counts_per_unit or 1.0
    estimates, std = result.intensity[result.filled], result.std[result.filled]
    bright = estimates * scale >= 1
    sure = f"{100 * np.median(std[bright] / estimates[bright]):.0f} %" if bright.any() else "no voxel above one count"
    added, measured = (v.sum(dtype=float) * scale for v in (estimates, result.intensity[~result.filled]))
    return {
        "voxels filled": f"{estimates.size:,}",
        "of the scan": f"{100 * result.filled.mean():.2f} %",
        "counts added": f"{added:,.0f}",
        "counts measured": f"{measured:,.0f}",
        "median relative uncertainty": sure,
        "voxels still missing": f"{int(result.mask.sum()):,}",
    }


def summary(result: FillResult) -> str:
    """One line: voxels filled, counts added, how sure."""
    if not result.filled.any():
        return "nothing was filled"
    f = key_figures(result)
    return (
        f"{f['voxels filled']} voxels filled ({f['of the scan']} of the scan) by {result.options.method}; "
        f"{f['counts added']} counts added to {f['counts measured']}; median relative uncertainty "
        f"{f['median relative uncertainty']}; {f['voxels still missing']} voxels still missing"
    )


def lesson_in_words(lesson: "Lesson") -> str:
    """One sentence: what was learned from the scan, or why all stays as it was."""
    stopped = f"interrupted after {lesson.steps} of {lesson.planned_steps} steps; " if lesson.interrupted else ""
    if lesson.skill_before is None or lesson.skill_after is None:
        why = "" if lesson.interrupted else "there is no room for copies of the gaps that hold counts; "
        return f"{stopped}{why}nothing was learned from this scan, kriging and weights stay as they were"
    kriging = "kriging with constants for this scan as well" if lesson.fringes else "kriging as it was"
    weights = f"weights of step {lesson.kept_step}" if lesson.kept_step else "weights as they were (no sure gain)"
    scores = f"skill on {lesson.voxels:,} held-out voxels {lesson.skill_before:.3f} before, {lesson.skill_after:.3f} after"
    return f"{stopped}{kriging}, {weights}; {scores}"
