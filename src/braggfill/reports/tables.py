"""What a person sees on the screen: the tables of gaps, of scores, of starts and of treatments."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from braggfill.filling.gap_rows import HEADINGS, filled_gap_rows, gap_rows
from braggfill.scan.gaps import WIDEST_MODULE_GAP, Gap, find_gaps, find_slabs, voxels_to_fill

if TYPE_CHECKING:
    from braggfill.judging.comparison import Compared
    from braggfill.judging.evaluation import Evaluation
    from braggfill.retrieval.result import RetrievalResult


def gap_table(gaps: list[Gap], method: str) -> Table:
    """What a scan's mask consists of and what a method does with each part."""
    return _table(*filled_gap_rows(gaps, method))


def mask_table(mask: NDArray[np.bool_]) -> Table:
    """What a mask (frames, rows, columns) or (rows, columns), True = not measured, consists of and what of it can be filled."""

    def share(voxels: int, filled: int, width: int) -> str:
        if filled == voxels:
            return "all"
        rest = "by the crystal alone, if at all" if width <= WIDEST_MODULE_GAP else "none: too wide to see across"
        return f"{filled:,}" if filled else rest

    solid = mask[None] if mask.ndim == 2 else mask
    rows = gap_rows(find_gaps(solid, voxels_to_fill(find_slabs(solid), solid.shape)), share)
    table = _table([*HEADINGS, "can be filled"], *rows)
    table.caption = f"{100 * solid.mean():.2f} % not measured"
    return table


def _table(headings: list[str], *rows: list[str]) -> Table:
    table = Table(*headings)
    for cells in rows:
        table.add_row(*cells)
    return table


def score_table(verdict: "Evaluation") -> Table:
    """How right each method was where the counts are known."""
    title = f"{verdict.voxels:,} hidden voxels; a perfect fill would have a PCC log of about {verdict.ceiling:.3f}"
    table = Table(title=title, box=None, padding=(0, 1, 0, 0))
    for name in ("method", "PCC log", "PCC", "MAE", "deviance", "perfect", "skill", "total", "in 90 %", "seconds"):
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    for s in verdict.scores:
        correct = (f"{s.pcc_log:.3f}", f"{s.pcc:.3f}", f"{s.mae:.3g}", f"{s.deviance:.3g}", f"{s.floor:.3g}", f"{s.skill:.2f}")
        table.add_row(s.method, *correct, f"{100 * (s.bias - 1):+.1f} %", f"{100 * s.coverage_90:.0f} %", f"{s.seconds:.1f}")
    return table


def comparison_table(compared: "list[Compared]", strain: str) -> Table:
    """How each treatment ended: hidden counts' deviance, how many starts converged and agree, ripples, alikeness.

    A note says what ``strain`` is, where it is called otherwise.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), caption=None if strain == "strain" else f"strain: {strain}")
    for name in ("treatment", "deviance", "converged", "in common", "modulus ripple", "strain ripple", "mean strain", "alike"):
        table.add_column(name, justify="left" if name == "treatment" else "right", no_wrap=name == "treatment")
    for c in compared:
        ripples = f"{100 * c.modulus_oscillation:.2f} %", f"{c.strain_oscillation:.2e}", f"{c.deformation.average_strain:+.2e}"
        table.add_row(
            c.treatment,
            f"{c.result.starts[0].hidden_deviance:.3f}",
            f"{c.result.converged} of {c.result.tried}",
            f"{100 * c.result.modes[0]:.1f} %",
            *ripples,
            f"{c.correlation:.4f}",
        )
    return table


def start_rows(result: "RetrievalResult") -> list[list[str]]:
    """Headings, and how each random start ended."""
    rows = [["start", "hidden counts' deviance", "misfit / noise", "converged", "averaged"]]
    for start in result.starts:
        ended = ("yes" if start.converged else "no") if start.finished else "left after the search"
        excess = f"{start.misfit / start.noise_misfit:.2f}"
        rows.append([str(start.number), f"{start.hidden_deviance:.4f}", excess, ended, "yes" if start.averaged else ""])
    return rows


def start_table(result: "RetrievalResult") -> Table:
    """How each random start ended."""
    headings, *rows = start_rows(result)
    table = Table(*headings, box=None, padding=(0, 1, 0, 0))
    for cells in rows:
        table.add_row(*cells)
    return table
