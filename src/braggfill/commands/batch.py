"""Filling scans: each by itself, so that one which fails does not stop the others, and what is done is not done again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

from braggfill.base.errors import InputError
from braggfill.base.memory import return_large_blocks
from braggfill.base.paths import last_change
from braggfill.base.progress import OnStep, Progress
from braggfill.base.tasks import Workers, spread
from braggfill.commands.forecast import foretell
from braggfill.commands.jobs import FillJob, with_defaults
from braggfill.commands.opening import open_measured
from braggfill.commands.outputs import Outputs
from braggfill.commands.trials import fill_seconds
from braggfill.filling.fill import fill_gaps
from braggfill.filling.record import result_of, write_result
from braggfill.filling.result import FillResult
from braggfill.reports.plots import plot_fill
from braggfill.reports.sentences import summary
from braggfill.reports.webpage import write_report
from braggfill.scan.files import files_read, read_provenance, read_scan
from braggfill.scan.formats.contents import Scan
from braggfill.scan.preparation import in_words


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    scan: str
    state: Literal["filled", "there already", "failed"]
    sentence: str
    """The summary of the fill, or what was wrong."""
    seconds: float = 0.0


def fill_scan(
    job: FillJob,
    on_progress: Progress = lambda done, total: None,
    on_adapt: OnStep = lambda step, steps, skill: None,
    tell: Callable[[str], None] | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> FillResult:
    """Read a scan, prepare it (and tell what was done, and how long the rest takes), fill it, and write what shows it.

    What is doubtful about the scan as it was read is warned of.

    Raises
    ------
    InputError
        If a file, an option or the scan does not fit.
    """
    wanted = (job.scan, job.mask, job.files, job.outputs.overwrite, [job.options.weights])
    opened = open_measured(*wanted, how=job.how, negatives=job.options.negatives)
    intensity, mask, options = opened.scan.intensity, opened.mask, opened.with_its_unit(job.options)
    for sentence in opened.warnings:
        warn(sentence)
    if tell:
        for sentence in in_words(opened.record.get("prepared", {})):
            tell(sentence)
        foretell("filling", fill_seconds(opened, options), tell)
    if options.method_for(intensity.size) != "retrieval":
        return_large_blocks()
    result = fill_gaps(intensity, mask, options=options, on_progress=on_progress, on_adapt=on_adapt)
    record = job.record | opened.record
    write_result(job.output, result, opened.scan.name, job.kind, opened.scan.geometry, record)
    show(job.outputs, opened.scan, result, record)
    return result


def show(outputs: Outputs, scan: Scan, result: FillResult, record: dict[str, Any]) -> None:
    """Draw the picture of a fill and write its page, where they are asked for."""
    if outputs.plot:
        plot_fill(outputs.plot, result, f"{scan.name}, {result.options.method}", outputs.through, scan.hidden)
    if outputs.report:
        write_report(outputs.report, result, scan.name, record, outputs.self_test)


def show_what_lacks(job: FillJob) -> None:
    """Draw the picture and write the page that are asked for and not there, from the result that is."""
    plot, report = (path if path and not path.exists() else None for path in (job.outputs.plot, job.outputs.report))
    if not (plot or report):
        return
    files = {".png": plot, ".html": report}
    scan = open_measured(job.scan, job.mask, files, False, how=job.how, negatives=job.options.negatives).scan
    kept = read_scan(job.output)
    found = result_of(kept)
    by = found.options.method_for(found.mask.size)
    options = replace(job.options.by(by), counts_per_unit=found.options.counts_per_unit)
    show(replace(job.outputs, plot=plot, report=report), scan, replace(found, options=options), kept.provenance or {})


def attempt(job: FillJob) -> Outcome:
    """Do a job, whatever comes of it."""
    start = perf_counter()
    try:
        if done_alike(job):
            show_what_lacks(job)
            return Outcome(job.scan, "there already", f"made alike before: {job.output}")
        doubts = list[str]()
        result = fill_scan(job, warn=doubts.append)
        told = "; ".join(filter(None, (summary(result), result.sentence, *doubts, *result.warnings)))
        return Outcome(job.scan, "filled", told, perf_counter() - start)
    except InputError as error:
        return Outcome(job.scan, "failed", str(error), perf_counter() - start)
    except Exception as error:  # what is wrong with one scan must not stop the others
        return Outcome(job.scan, "failed", f"{type(error).__name__}: {error}".splitlines()[0], perf_counter() - start)


def given_up(job: FillJob) -> Outcome:
    """What is said of a job that killed one worker after another."""
    return Outcome(job.scan, "failed", "killed one worker after another, perhaps for want of memory; give a worker more of it")


def done_alike(job: FillJob) -> bool:
    """Whether a result is there, made of this scan as it is with this configuration, that is not to be replaced."""
    if job.outputs.overwrite or not job.output.exists():
        return False
    facts, asked = read_provenance(job.output) or {}, job.record
    made, scan = facts.get("configuration"), facts.get("scan", asked["scan"])  # which scan it was, version 0.1 did not say
    if not isinstance(made, dict) or scan != asked["scan"] or with_defaults(made) != with_defaults(asked["configuration"]):
        return False
    return last_change(path for address in job.inputs for path in files_read(address)) <= last_change([job.output])


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
    for outcome in spread(attempt, jobs, workers, given_up):
        outcomes[outcome.scan] = outcome
        on_outcome(outcome)
    return [outcomes[job.scan] for job in jobs]
