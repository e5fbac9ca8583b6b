"""The table of a scan's gaps in words, the same on the screen, on the page and in notebooks."""

from collections.abc import Callable

from braggfill.scan.gaps import Gap, summarise_gaps

HEADINGS = ("how many", "gap", "across", "indices", "width", "voxels")


def gap_rows(gaps: list[Gap], last: Callable[[int, int, int], str]) -> list[list[str]]:
    """Cells of one row a part of the mask, under ``HEADINGS`` and a last one: what ``last`` says of (voxels, filled, width)."""
    rows = []
    for row in summarise_gaps(gaps):
        indices = f"{row['first']}–{row['last']}" if "first" in row else ""
        cells = [str(row["number"]), row["kind"], f"{row['across']}s", indices, str(row["width"]), f"{row['voxels']:,}"]
        rows.append([*cells, last(row["voxels"], row["filled"], row["width"])])
    return rows


def filled_gap_rows(gaps: list[Gap], method: str) -> list[list[str]]:
    """Headings and rows of a fill's gaps, whose last column tells what a method does with each."""
    return [[*HEADINGS, "what is done"], *gap_rows(gaps, lambda voxels, filled, _: action(voxels, filled, method))]


def action(voxels: int, filled: int, method: str) -> str:
    """What is done with a gap of so many voxels, of which a method fills some."""
    if filled == voxels:
        return f"filled ({method})"
    return f"{filled:,} filled ({method}), the rest left masked" if filled else "left masked: too wide to see across"
