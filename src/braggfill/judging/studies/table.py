"""The table of studies, and the one way to carry one out."""

from pathlib import Path

from braggfill.base.errors import InputError
from braggfill.base.limits import check_choice
from braggfill.base.paths import as_path
from braggfill.base.pictures import write_picture
from braggfill.base.tasks import Progress
from braggfill.base.writing import write_table
from braggfill.judging.studies import conditions, oversampling, portions, skip, slices, width
from braggfill.judging.studies.findings import Setting, Study, StudyName
from braggfill.scan.measured import read_measured

STUDIES: dict[StudyName, Study] = {
    "width": Study("accuracy against gap width and brightness, the paper's protocol with its noise ceiling", width.carry_out),
    "portions": Study("portions: masked, true, predicted, simulated and measured", portions.carry_out, takes_measured=True),
    "slices": Study(
        "what every method puts into a cross 6 wide, simulated and measured", slices.carry_out, takes_measured=True
    ),
    "skip": Study("sliding portions: time, error and visible borders against the voxels skipped", skip.carry_out),
    "oversampling": Study("accuracy against oversampling and gap width, whole arrays predicted", oversampling.carry_out),
    "conditions": Study("accuracy against distance from the peak, size of the scan, dose", conditions.carry_out),
}
"""By the name that the command line knows."""


def benchmark(
    study: StudyName,
    out: str | Path | None = None,
    *,
    quick: bool = False,
    measured: str | Path | None = None,
    on_progress: Progress = lambda done, total: None,
) -> tuple[list[Path], list[str]]:
    """Carry out a study and write its tables and pictures.

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
    on_progress : callable
        Called with the work done and its total.

    Returns
    -------
    paths : list of Path
        What was written.
    remarks : list of str
        Sentences about what was found or left out.

    Raises
    ------
    InputError
        If there is no such study, it takes no measured scan, the scan cannot be used, or the results cannot be written.
    """
    check_choice("study", study, tuple(STUDIES))
    if measured and not STUDIES[study].takes_measured:
        those = " or ".join(name for name in STUDIES if STUDIES[name].takes_measured)
        raise InputError(
            f"measured: got a scan for '{study}', which needs the truth of simulated ones; expected it for {those}"
        )
    scan = read_measured(measured) if measured else None
    folder = as_path(f"study_{study}" if out is None else out, "out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out {folder}: cannot be made ({error.strerror}), expected a folder; choose another name") from error
    findings = STUDIES[study].carry_out(Setting(quick, scan, on_progress))
    ending, written = "_quick" if quick else "", []
    for name, rows in findings.tables.items():
        written.append(folder / f"{name}{ending}.csv")
        write_table(written[-1], rows)
    for name, figure in findings.pictures.items():
        written.append(folder / f"{name}{ending}.png")
        write_picture(written[-1], figure)
    return written, findings.remarks
