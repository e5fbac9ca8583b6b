"""Put the figures of docs/results/*.csv into the tables of docs/results/README.md: run it after the studies.

A table stands between ``<!-- NAME -->`` and ``<!-- end -->``; what is between them is replaced, everything else is left alone.

``studies.py`` does so by itself.

Usage: python benchmarks/results_page.py [--folder docs/results]
"""

import argparse
import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, str]


@dataclass(frozen=True)
class Pivot:
    """One column a value of ``across``, one row a value of ``down``."""

    file: str
    down: str
    across: str
    score: str
    keep: Callable[[Row], bool] = lambda row: True
    ceiling: str | None = None
    """Column that tells what is the best possible, shown as a last row."""

    def lines(self, rows: list[Row]) -> list[list[str]]:
        """Cells of the table, its heading first."""
        rows = [row for row in rows if self.keep(row)]
        columns = list(dict.fromkeys(row[self.across] for row in rows))
        cell = {(row[self.down], row[self.across]): row[self.score] for row in rows}
        table = [[self.down, *map(short, columns)]]
        for name in dict.fromkeys(row[self.down] for row in rows):
            table.append([name, *(short(cell.get((name, c), "")) for c in columns)])
        if self.ceiling:
            best = {row[self.across]: row[self.ceiling] for row in rows}
            table.append(["ceiling", *(short(best[c]) for c in columns)])
        return table


@dataclass(frozen=True)
class Plain:
    """Some columns as they are, by their heading."""

    file: str
    columns: dict[str, str]
    keep: Callable[[Row], bool] = lambda row: True
    words: tuple[str, ...] = ()
    """Columns that are shown as they are, whatever looks like a number in them."""

    def lines(self, rows: list[Row]) -> list[list[str]]:
        """Cells of the table, its heading first."""
        rows = [row for row in rows if self.keep(row)]
        cells = ([row[c] if c in self.words else short(row[c]) for c in self.columns] for row in rows)
        return [list(self.columns.values()), *cells]


@dataclass(frozen=True)
class Totals:
    """Gaps of both splits, all, by width, and by hidden counts: as the network says, and calibrated."""

    file: str

    def lines(self, rows: list[Row]) -> list[list[str]]:
        """Cells of the table, its heading first."""
        of = {(row["width"], row["level"], row["calibrated"]): row for row in rows if row["split"] == "both"}
        heading = ["gaps", "number", "filled / hidden, median ± its standard error (quartiles), as the network says"]
        heading += ["calibrated", "in the 90 % interval, before / after", "skill, before / after"]
        widths, levels = (sorted({key[at] for key in of if key[at] != "all"}, key=int) for at in (0, 1))
        places = {"all": ("all", "all")} | {f"{width} wide": (width, "all") for width in widths}
        places |= {f"hides 10{level.translate(RAISED)} counts": ("all", level) for level in levels}
        return [heading, *(totals_line(name, of[*place, "off"], of[*place, "on"]) for name, place in places.items())]


def totals_line(name: str, before: Row, after: Row) -> list[str]:
    """Some gaps as a row of the table of totals: as the network says, and calibrated."""
    number = f"{int(before['gaps']):,}".replace(",", " ")
    covered = " / ".join(f"{100 * float(row['coverage_90']):.0f}" for row in (before, after)) + " %"
    skills = " / ".join(f"{float(row['skill']):.3f}" for row in (before, after))
    return [name, number, median_total(before), median_total(after), covered, skills]


def median_total(row: Row) -> str:
    """The median of some gaps' totals, with its standard error and the quartiles."""
    total, error, low, high = (f"{float(row[name]):.2f}" for name in ("total", "error", "quartile_1", "quartile_3"))
    return f"{total} ± {error} ({low}–{high})"


def oversampling(crystal: str, dose: str, width: str) -> Pivot:
    """The table of one crystal, dose and width."""
    return Pivot(
        "study_oversampling",
        "method",
        "oversampling",
        "pcc_truth",
        lambda row: (row["crystal"], float(row["peak_counts"]), row["width"]) == (crystal, float(dose), width),
    )


def condition(name: str) -> Pivot:
    """The table of one condition."""
    return Pivot("study_conditions", "method", "value", "skill", lambda row: row["condition"] == name)


PORTION = {
    "scan": "scan",
    "from_peak": "from the peak",
    "width": "gap",
    "mean_counts": "counts a voxel",
    "pcc_unet": "PCC unet",
    "pcc_linear": "PCC linear",
    "ceiling": "ceiling",
}
SLICE = {
    "method": "method",
    "pcc": "PCC",
    "ceiling": "ceiling",
    "deviance": "deviance",
    "skill": "skill",
    "bias": "filled / hidden",
}
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MEASURED = ("files", "command", "date", "commit")
TABLES: dict[str, Pivot | Plain | Totals] = {
    "protocol: counts": Pivot("protocol_crops", "method", "width", "pcc_counts", ceiling="ceiling"),
    "protocol: truth": Pivot("protocol_crops", "method", "width", "pcc_truth_bright"),
    "totals": Totals("totals"),
    "width: counts": Pivot("study_width", "method", "width", "pcc_counts", ceiling="ceiling"),
    "width: truth": Pivot("study_width", "method", "width", "pcc_truth_bright"),
    "width: skill": Pivot("study_width", "method", "width", "skill"),
    "portions: simulated": Plain("study_portions_simulated", PORTION),
    "portions: measured": Plain("study_portions_measured", PORTION),
    "slices: simulated": Plain("study_slices_simulated", SLICE),
    "slices: measured": Plain("study_slices_measured", SLICE),
    "skip": Plain(
        "study_skip",
        {
            "skip": "k",
            "portions": "portions",
            "seconds": "seconds",
            "over_finest": "error / error at k = 0",
            "pcc_truth": "PCC",
        },
    ),
    "skip: borders": Plain(
        "study_skip_borders",
        {
            "skip": "k",
            "plane": "plane",
            "ratio": "jump at borders / elsewhere",
            "ratio_without_borders": "same lines, no borders",
            "excess": "excess",
        },
    ),
    "distance": condition("distance"),
    "size": condition("size"),
    "dose": condition("dose"),
    "advice": Plain(
        "advice_summary",
        {
            "group": "cases",
            "cases": "number",
            "right": "right",
            "right_before": "right by the rule before",
            "right_always_unet": "if unet were always advised",
            "total_over_20_percent_off": "advised fills whose total is over 20 % off",
        },
    ),
    "advice: Au": Plain(
        "advice",
        {
            "gap": "gap",
            "width": "wide",
            "at": "from the peak",
            "advised": "advised",
            "best": "best",
            "skill_unet_copies": "skill of unet, copies",
            "skill_unet_gap": "skill of unet, gap",
            "bias_unet_copies": "total, copies",
            "bias_unet_gap": "total, gap",
            "right": "right",
        },
        lambda row: row["case"].startswith("au"),
        ("at",),
    ),
    "measured": Plain("measured", {name: name for name in MEASURED}, words=MEASURED),
    "times": Plain("study_times", {"study": "study", "seconds": "seconds", "threads": "threads", "date": "date"}),
} | {
    f"oversampling: {crystal}, {dose}, {width}": oversampling(crystal, dose, width)
    for crystal, dose in (("test 0", "1e6"), ("test 1", "1e6"), ("test 2", "1e6"), ("test 0", "1e9"))
    for width in ("3", "6", "9", "12")
}


def short(value: str) -> str:
    """A number with the digits that a reader needs; anything else as it is."""
    try:
        number = float(value)
    except ValueError:
        return {"True": "yes", "False": "no", "": "–"}.get(value, value)
    if number != number:
        return "–"
    if number == int(number) and abs(number) < 1e4:
        return str(int(number))
    return (
        f"{number:.0e}".replace("e+0", "e") if abs(number) >= 1e4 else f"{number:.3f}" if abs(number) < 10 else f"{number:.0f}"
    )


def markdown(lines: list[list[str]]) -> str:
    """A table."""
    ruler = ["---"] * len(lines[0])
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], ruler, *lines[1:]))


def renew(folder: Path) -> None:
    """Put the figures of a folder's tables into its page."""
    page = folder / "README.md"

    def table(found: re.Match[str]) -> str:
        spec = TABLES[found[1]]
        path = folder / f"{spec.file}.csv"
        if not path.exists():
            return found[0]
        with path.open() as file:
            rows = list(csv.DictReader(file))
        return f"<!-- {found[1]} -->\n{markdown(spec.lines(rows))}\n<!-- end -->"

    page.write_text(re.sub(r"<!-- ([^>]+?) -->\n(?:(?!<!--).*\n)*<!-- end -->", table, page.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/results"))
    renew(parser.parse_args().folder)


if __name__ == "__main__":
    main()
