"""The table of studies, and the one way to carry one out."""

from pathlib import Path
from typing import TYPE_CHECKING

from braggfill.base.errors import InputError
from braggfill.base.limits import check_choice
from braggfill.base.paths import as_path
from braggfill.base.pictures import print_style, write_picture
from braggfill.base.progress import Progress
from braggfill.base.writing import write_table
from braggfill.judging.options import StudyName
from braggfill.judging.studies import conditions, oversampling, portions, skip, slices, starts, width
from braggfill.judging.studies.findings import Findings, Setting, Study, Tables
from braggfill.judging.studies.kept import Kept, read_rows
from braggfill.scan.measured import read_measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDIES: dict[StudyName, Study] = {
    "width": Study(
        "accuracy against gap width and brightness, the paper's protocol with its noise ceiling",
        width.carry_out,
        width.conclude,
        width.draw,
    ),
    "portions": Study(
        "portions: masked, true, predicted, simulated and measured", portions.carry_out, portions.conclude, takes_measured=True
    ),
    "slices": Study(
        "what every method puts into a cross 6 wide, simulated and measured",
        slices.carry_out,
        slices.conclude,
        takes_measured=True,
    ),
    "skip": Study(
        "sliding portions: time, error and visible borders against the voxels skipped", skip.carry_out, skip.conclude, skip.draw
    ),
    "oversampling": Study(
        "accuracy against oversampling and gap width, whole arrays predicted",
        oversampling.carry_out,
        oversampling.conclude,
        oversampling.draw,
    ),
    "conditions": Study(
        "accuracy against distance from the peak, size of the scan, dose",
        conditions.carry_out,
        conditions.conclude,
        conditions.draw,
    ),
    "starts": Study(
        "how often the search for the crystal converges, against the range of its phase",
        starts.carry_out,
        starts.conclude,
        starts.draw,
    ),
}
"""By the name that the command line knows."""
PRINT_DPI = 200
"""Pixels an inch of the pictures, whose width is that of a printed page."""


def benchmark(
    study: StudyName,
    out: str | Path | None = None,
    *,
    quick: bool = False,
    measured: str | Path | None = None,
    draw: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> tuple[list[Path], list[str]]:
    """Carry out a study and write its tables and pictures.

    What was computed is kept in the folder ``study_NAME_parts`` beside them; a study that was cut short goes on where it ended,
    and what this program has computed there is not computed again.

    Parameters
    ----------
    study : str
        A key of ``STUDIES``.
    out : path, optional
        Folder of the results, else ``study_NAME``; made if it is not there; earlier results of the same study are replaced.
    quick : bool
        On fewer and smaller scans; the files' names then end in ``_quick``.
    measured : path, optional
        A measured scan of whole counts, as ``read_scan`` reads it, to cut gaps into beside simulated ones.
    draw : bool
        Compute nothing: draw the curves of the tables that are there anew.
    on_progress : callable
        Called with the work done and its total.

    Returns
    -------
    paths : list of Path
        What was written.
    remarks : list of str
        Sentences about what was found or left out, the conclusion last.

    Raises
    ------
    InputError
        If there is no such study, it takes no measured scan, the scan cannot be used, the tables to draw are not there, or the
        results cannot be written.
    """
    check_choice("study", study, tuple(STUDIES))
    chosen, ending = STUDIES[study], "_quick" if quick else ""
    if measured and not chosen.takes_measured:
        those = " or ".join(name for name in STUDIES if STUDIES[name].takes_measured)
        raise InputError(
            f"measured: got a scan for '{study}', which needs the truth of simulated ones; expected it for {those}"
        )
    scan = read_measured(measured) if measured else None
    folder = as_path(f"study_{study}" if out is None else out, "out")
    with print_style():
        if draw:
            findings = Findings(tables_there(study, folder, ending))
        else:
            make_folder(folder)
            kept = Kept(folder / f"study_{study}{ending}_parts")
            findings = chosen.carry_out(Setting(quick, scan, on_progress, kept))
        pictures = findings.pictures | (chosen.draw(findings.tables) if chosen.draw else {})
        written = [] if draw else write_tables(findings, folder, ending)
        written += write_pictures(pictures, folder, ending)
    return written, [*findings.remarks, chosen.conclude(findings.tables)]


def make_folder(folder: Path) -> None:
    """Make the folder of the results if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out {folder}: cannot be made ({error.strerror}), expected a folder; choose another name") from error


def tables_there(study: StudyName, folder: Path, ending: str) -> Tables:
    """The tables of a study whose curves are to be drawn anew, from a folder."""
    if STUDIES[study].draw is None:
        those = ", ".join(name for name in STUDIES if STUDIES[name].draw)
        raise InputError(f"draw: got '{study}', whose pictures show voxels that no table holds; expected one of {those}")
    paths = sorted(p for p in folder.glob(f"study_{study}*.csv") if p.stem.endswith("_quick") == bool(ending))
    return {p.stem.removesuffix(ending): read_rows(p) for p in paths or [folder / f"study_{study}{ending}.csv"]}


def write_tables(findings: Findings, folder: Path, ending: str) -> list[Path]:
    """Write tables, and say where."""
    paths = {folder / f"{name}{ending}.csv": rows for name, rows in findings.tables.items()}
    for path, rows in paths.items():
        write_table(path, rows)
    return list(paths)


def write_pictures(pictures: "dict[str, Figure]", folder: Path, ending: str) -> list[Path]:
    """Write pictures for print, and say where."""
    paths = {folder / f"{name}{ending}.png": figure for name, figure in pictures.items()}
    for path, figure in paths.items():
        write_picture(path, figure, PRINT_DPI)
    return list(paths)
