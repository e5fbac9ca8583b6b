"""Filling many scans: each by itself, so that one which fails does not stop the others, and what is done is not done again."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from braggfill.base.errors import InputError
from braggfill.base.tasks import Progress, Workers, spread
from braggfill.base.writing import check_output
from braggfill.filling.fill import fill_gaps
from braggfill.filling.record import write_result
from braggfill.filling.result import FillResult
from braggfill.filling.terms import FillOptions
from braggfill.reports.plots import plot_fill
from braggfill.reports.sentences import summary
from braggfill.reports.webpage import write_report
from braggfill.scan.files import FORMATS, check_outputs, format_of, read_provenance, read_scan, split_address
from braggfill.scan.masks import MaskChoice, choose_mask

if TYPE_CHECKING:
    from braggfill.base.tasks import OnStep

NUMBER = re.compile(r"%(0?\d*)d")
"""Where a template has the scan's number: %d, or %04d with leading zeros."""


@dataclass(frozen=True)
class FillConfig(FillOptions, MaskChoice):
    """Everything a fill from a file to a file depends on; the keys of its TOML file and the flags of the command."""

    format: Literal["npz", "cxi", "cdiutils", "bcdi", "cohere"] | None = None
    """Of the result; None for what the output's name asks for."""
    self_test: bool = True
    """Whether a report judges the fill on gaps cut elsewhere into the scan, which takes as long as the fill again."""


@dataclass(frozen=True)
class Outputs:
    """Where results go: files for a single scan, else folders; None for names beside the scan, or for none at all."""

    result: Path | None = None
    plot: Path | None = None
    report: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class FillJob:
    """One scan to fill."""

    scan: str
    """Address of the scan, as for ``read_scan``."""
    output: Path
    config: FillConfig
    command: str = ""
    """The command line, for the record."""
    overwrite: bool = False
    plot: Path | None = None
    report: Path | None = None

    @property
    def kind(self) -> str:
        """Format of the result."""
        return self.config.format or format_of(self.output)

    @property
    def record(self) -> dict[str, Any]:
        """What goes into the result's provenance beside what the fill knows: JSON-ready."""
        values = {name: str(v) if isinstance(v, Path) else v for name, v in asdict(self.config).items()}
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
        return {"command": self.command, "configuration": values}


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    scan: str
    state: Literal["filled", "there already", "failed"]
    sentence: str
    """The summary of the fill, or what was wrong."""
    seconds: float = 0.0


def scan_numbers(text: str) -> list[int]:
    """The numbers in a list such as ``12,23-30``, each once, in that order.

    >>> scan_numbers("12,23-25,24")
    [12, 23, 24, 25]
    """
    numbers: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not found or int(found[2] or found[1]) < int(found[1]):
            raise InputError(f"scan: got '{part}' in '{text}', expected numbers and ranges such as 12,23-30")
        numbers += range(int(found[1]), int(found[2] or found[1]) + 1)
    return list(dict.fromkeys(numbers))


def numbered(template: str, number: int) -> str:
    """A template with a scan's number in its place; text without a place stays as it is.

    >>> numbered("S%04d.cxi", 12)
    'S0012.cxi'
    """
    return NUMBER.sub(lambda found: f"{number:{found[1]}d}", template)


def select_scans(files: list[str], scan: str | None, template: str | None) -> list[tuple[str, int | None]]:
    """Addresses of the scans to fill, with their numbers where they were asked for by these."""
    if (scan is None) != (template is None) or (scan is not None and files):
        raise InputError("scan: got numbers without a template, or files as well; expected --scan with --template, or files")
    if scan is None or template is None:
        if not files:
            raise InputError("scans: got none, expected files, or --scan 12,23-30 with --template S%d.cxi")
        return [(address, None) for address in files]
    if not NUMBER.search(template):
        raise InputError(f"template: got '{template}', expected %d or %04d where the scan's number is, such as S%d.cxi")
    return [(numbered(template, number), number) for number in scan_numbers(scan)]


def make_jobs(scans: list[tuple[str, int | None]], config: FillConfig, outputs: Outputs, command: str = "") -> list[FillJob]:
    """A job for each scan, with absolute paths, so that it can be done anywhere.

    Raises
    ------
    InputError
        If two scans would be written to the same file.
    """
    jobs = []
    for address, number in scans:
        own = config if config.mask is None else replace(config, mask=_absolute(_numbered(config.mask, number)))
        folder = outputs.result if _is_folder(outputs.result) else None
        result = outputs.result if outputs.result and not folder else output_beside(address, config.format, folder)
        plot, report = (
            path / f"{result.stem}{suffix}" if path and _is_folder(path) else path
            for path, suffix in ((outputs.plot, ".png"), (outputs.report, ".html"))
        )
        pictures = [path.absolute() if path else None for path in (plot, report)]
        jobs.append(FillJob(_absolute(address), result.absolute(), own, command, outputs.overwrite, *pictures))
    for paths in ([j.output for j in jobs], [j.plot for j in jobs if j.plot], [j.report for j in jobs if j.report]):
        if twice := [path for path in paths if paths.count(path) > 1]:
            raise InputError(
                f"output {twice[0]}: got two scans that would be written there, expected a file for each; name a folder"
            )
    return jobs


def _is_folder(path: Path | None) -> bool:
    """Whether a path is a folder; an impossible name is none, and is told when it is written to."""
    try:
        return path is not None and path.is_dir()
    except OSError:
        return False


def _numbered(mask: str, number: int | None) -> str:
    return mask if number is None else numbered(mask, number)


def _absolute(address: str) -> str:
    """An address whose file is found from any folder; an empty one stays empty."""
    path, place = split_address(address)
    return address if not address else f"{path.absolute()}:{place}" if place else str(path.absolute())


def check_job(job: FillJob) -> None:
    """Raise InputError if a job's files must not or cannot be written; called before the work."""
    inputs = [split_address(a)[0] for a in (job.scan, job.config.mask) if a]
    check_outputs(job.output, job.kind, inputs, job.overwrite)
    for path, suffix in ((job.plot, ".png"), (job.report, ".html")):
        if path:
            check_output(path, inputs, job.overwrite, suffix)


def fill_scan(
    job: FillJob,
    on_progress: Progress = lambda done, total: None,
    on_adapt: "OnStep" = lambda step, steps, skill: None,
) -> FillResult:
    """Read a scan, fill it, and write the result with its picture and its report.

    Raises
    ------
    InputError
        If a file, an option or the scan does not fit.
    """
    check_job(job)
    scan = read_scan(job.scan)
    options = {f.name: getattr(job.config, f.name) for f in fields(FillOptions)}
    result = fill_gaps(scan.intensity, choose_mask(scan, job.config), **options, on_progress=on_progress, on_adapt=on_adapt)
    write_result(job.output, result, scan.name, job.kind, scan.geometry, job.record)
    if job.plot:
        plot_fill(job.plot, result, f"{scan.name}, {result.options.method}")
    if job.report:
        write_report(job.report, result, scan.name, job.record, job.config.self_test)
    return result


def attempt(job: FillJob) -> Outcome:
    """Do a job, whatever comes of it."""
    start = perf_counter()
    try:
        if job.output.exists() and not job.overwrite and done_alike(job):
            return Outcome(job.scan, "there already", f"made alike before: {job.output}")
        result = fill_scan(job)
        return Outcome(job.scan, "filled", summary(result), perf_counter() - start)
    except InputError as error:
        return Outcome(job.scan, "failed", str(error), perf_counter() - start)
    except Exception as error:  # what is wrong with one scan must not stop the others
        return Outcome(job.scan, "failed", f"{type(error).__name__}: {error}".splitlines()[0], perf_counter() - start)


def done_alike(job: FillJob) -> bool:
    """Whether the result that is there was made with this configuration."""
    made = read_provenance(job.output) or {}
    return made.get("configuration") == job.record["configuration"]


def fill_scans(jobs: list[FillJob], workers: Workers, on_outcome: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
    """Do many jobs, in this process or spread over others, and say what became of each, in the order of the jobs.

    Parameters
    ----------
    jobs : list of FillJob
    workers : Workers
    on_outcome : callable
        Called whenever a job is over.

    Raises
    ------
    InputError
        If the cluster cannot be used.
    """
    outcomes = {}
    for outcome in spread(attempt, jobs, workers):
        outcomes[outcome.scan] = outcome
        on_outcome(outcome)
    return [outcomes[job.scan] for job in jobs]


def output_beside(address: str, kind: str | None, folder: Path | None = None) -> Path:
    """Where the result of a scan goes: beside it, or into a folder; a scan inside a beamline's file by its name there."""
    source, place = split_address(address)
    inside = (place or "").strip("/").split("/")[0]
    stem = f"{source.stem}_{inside}" if inside and not inside.startswith("entry") else source.stem
    return (folder or source.parent) / FORMATS[kind or "npz"].name(stem)
