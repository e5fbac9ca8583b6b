"""What is to be filled: which scans, how, and where each result goes."""

import json
import os
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from braggfill.base.errors import InputError
from braggfill.base.limits import check_number
from braggfill.base.paths import identities, is_folder
from braggfill.commands.outputs import Outputs
from braggfill.filling.options import FillOptions
from braggfill.scan.choice import MaskChoice, Preparation
from braggfill.scan.files import FORMATS, files_read, format_of, split_address
from braggfill.scan.formats.names import FormatName

NUMBER = re.compile(r"%(0?\d*)d")
"""Where a template has the scan's number: %d, or %04d with leading zeros."""
LONGEST_WIDTH = 9
"""Digits of such a width that are looked at: more are too many."""


@dataclass(frozen=True)
class FillJob:
    """One scan to fill; every path is absolute, so that it can be done anywhere."""

    scan: str
    """Address of the scan, as for ``read_scan``."""
    options: FillOptions
    mask: MaskChoice
    outputs: Outputs
    """Files, the result's among them."""
    command: str = ""
    """The command line, for the record."""
    how: Preparation = field(default_factory=Preparation)
    """What is done to the scan first; its files are absolute, too."""

    @property
    def output(self) -> Path:
        """File of the result."""
        if self.outputs.output is None:
            raise ValueError("job: got no name for its result; expected one, as make_jobs gives it")
        return self.outputs.output

    @property
    def kind(self) -> FormatName:
        """Format of the result."""
        return self.outputs.format or format_of(self.output)

    @property
    def files(self) -> dict[str, Path | None]:
        """What is written, by its ending or format."""
        return {self.kind: self.output, ".png": self.outputs.plot, ".html": self.outputs.report}

    @property
    def inputs(self) -> list[str]:
        """Addresses that are read."""
        wanted = (self.scan, self.mask.mask, self.how.dark, self.how.flat, self.options.weights)
        return [str(address) for address in wanted if address]

    @property
    def record(self) -> dict[str, Any]:
        """What goes into the result's provenance beside what the fill knows: JSON-ready, the options as flat as in TOML.

        The scan stands in it as seen from the result, which stays true where both are moved together.
        """
        return {
            "command": self.command,
            "scan": os.path.relpath(self.scan, self.output.parent),
            "configuration": configuration(self.options, self.mask, self.outputs, self.how),
        }


def configuration(options: FillOptions, mask: MaskChoice, outputs: Outputs, how: Preparation | None = None) -> dict[str, Any]:
    """Everything that a fill from a file to a file depends on, JSON-ready and as flat as in TOML."""
    chosen = (
        asdict(options)
        | asdict(mask)
        | asdict(how or Preparation())
        | {"format": outputs.format, "self_test": outputs.self_test}
    )
    plain: dict[str, Any] = json.loads(json.dumps(chosen, default=str))
    return plain


def with_defaults(made: dict[str, Any]) -> dict[str, Any]:
    """A configuration to be compared; options that there were not yet when it was made are as if not given.

    Neither does it matter whether it was said that 1 marks bad voxels in a mask.
    """
    whole = configuration(FillOptions(), MaskChoice(), Outputs()) | made
    return whole | {"mask_convention": whole["mask_convention"] or "bad1"}


def scan_numbers(text: str) -> list[int]:
    """The numbers in a list such as ``12,23-30``, each once, in that order.

    >>> scan_numbers("12,23-25,24")
    [12, 23, 24, 25]
    """
    numbers: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not found:
            raise InputError(f"scan: got '{part}' in '{text}', expected numbers and ranges such as 12,23-30")
        first, last = (_number(digits) for digits in (found[1], found[2] or found[1]))
        if last < first:
            raise InputError(f"scan: got '{part}' in '{text}', expected numbers and ranges such as 12,23-30")
        check_number("scan", len(numbers) + last - first + 1, whole=True, limit="scans")
        numbers += range(first, last + 1)
    return list(dict.fromkeys(numbers))


def _number(digits: str) -> int:
    """A scan's number from its digits."""
    check_number("scan", len(digits), whole=True, limit="digits")
    return int(digits)


def numbered(template: str, number: int | None) -> str:
    """A template with a scan's number in its place; text without a place stays as it is.

    >>> numbered("S%04d.cxi", 12)
    'S0012.cxi'
    """
    if number is None:
        return template
    for width in NUMBER.findall(template):
        check_number("template", int(width[:LONGEST_WIDTH] or 0), whole=True, limit="digits")
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


def make_jobs(
    scans: list[tuple[str, int | None]],
    options: FillOptions,
    mask: MaskChoice,
    outputs: Outputs,
    command: str = "",
    how: Preparation | None = None,
) -> list[FillJob]:
    """A job for each scan.

    Raises
    ------
    InputError
        If two files would be written to the same name, or one to a file that is read.
    """
    how = how or Preparation()
    how = replace(how, dark=how.dark and _absolute(how.dark), flat=how.flat and _absolute(how.flat))
    if options.weights is not None:
        options = replace(options, weights=Path(options.weights).absolute())
    jobs = [
        FillJob(_absolute(address), options, _mask_of(mask, number), files_of(_absolute(address), outputs), command, how)
        for address, number in scans
    ]
    for path, number in Counter(path for job in jobs for path in job.files.values() if path).items():
        if number > 1:
            raise InputError(
                f"output {path}: got {number} results, pictures or pages to be written there, expected a file for each; "
                "name a folder or other files, and no scan twice"
            )
    read = identities(path for job in jobs for address in job.inputs for path in files_read(address))
    for path in (path for job in jobs for path in job.files.values() if path):
        if identities([path]) & read:
            raise InputError(
                f"output {path}: got a file that is read as well, expected another, for no input is ever overwritten"
            )
    return jobs


def files_of(address: str, outputs: Outputs) -> Outputs:
    """Where the results of one scan go."""
    beside = output_beside(address, outputs.format)
    result = _in_folder(outputs.output, beside.name) or beside.absolute()
    plot, report = _in_folder(outputs.plot, f"{result.stem}.png"), _in_folder(outputs.report, f"{result.stem}.html")
    return replace(outputs, output=result, plot=plot, report=report)


def output_beside(address: str, kind: FormatName | None) -> Path:
    """The result of a scan, beside it; of a scan inside a beamline's file by its name there."""
    source, place = split_address(address)
    inside = (place or "").strip("/").split("/")[0]
    stem = f"{source.stem}_{inside}" if inside and not inside.startswith("entry") else source.stem
    return source.parent / FORMATS[kind or "npz"].name(stem)


def _in_folder(path: Path | None, name: str) -> Path | None:
    """A file of a name in a folder, or the path itself where that is none; a name without an ending can only be a folder's."""
    if path is None:
        return None
    if not path.suffix and not identities([path]):
        raise InputError(
            f"output {path}: got a folder that does not exist, expected one that does; make it first (mkdir {path})"
        )
    return (path / name if is_folder(path) else path).absolute()


def _mask_of(choice: MaskChoice, number: int | None) -> MaskChoice:
    """The mask of the scan of a number."""
    return replace(choice, mask=_absolute(numbered(choice.mask, number))) if choice.mask else choice


def _absolute(address: str) -> str:
    """An address whose file is found from any folder; an empty one stays empty."""
    path, place = split_address(address)
    return address if not address else f"{path.absolute()}:{place}" if place else str(path.absolute())
