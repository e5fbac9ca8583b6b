"""What every verb does before its work: look where it may write, read the scan, and choose its mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.writing import check_output
from braggfill.filling.options import FillOptions
from braggfill.judging.options import EvaluationOptions
from braggfill.scan.choice import MaskChoice, Negatives, Preparation
from braggfill.scan.counts import as_mask, check_scan
from braggfill.scan.crop import box_chooser
from braggfill.scan.detectors import closed_detector
from braggfill.scan.files import FORMATS, check_outputs, files_read, read_scan, split_address
from braggfill.scan.formats.contents import Scan
from braggfill.scan.masks import choose_mask
from braggfill.scan.preparation import prepare

Options = TypeVar("Options", FillOptions, EvaluationOptions)


@dataclass(frozen=True, eq=False)
class Opened:
    """A scan that was read, and the mask that a person chose for it."""

    scan: Scan
    mask: NDArray[Any] | None
    """(frames, rows, columns) or (rows, columns), > 0 = not measured; None if there is none."""
    counts_per_unit: float | None = None
    """Photons for one unit, where a flat field has made it another one than the file's."""
    scaled: bool = False
    """Whether the file's values were no whole counts then."""
    record: dict[str, Any] = field(default_factory=dict)
    """What was done to it before, JSON-ready, for the provenance of what is made of it."""
    warnings: tuple[str, ...] = ()
    """What a user should know of how it was read."""

    def with_its_unit(self, options: Options) -> Options:
        """Options that have ``counts_per_unit``, with the photons for one unit of what the scan has become."""
        if self.counts_per_unit is None:
            return options
        if self.scaled and options.counts_per_unit is None:
            raise InputError(
                "counts_per_unit: got none of a scan whose values are no whole counts before the flat field divides them, "
                "expected the photons for one unit of the file; give --counts-per-unit"
            )
        return replace(options, counts_per_unit=(options.counts_per_unit or 1.0) * self.counts_per_unit)


def open_scan(
    address: str,
    choice: MaskChoice,
    outputs: Mapping[str, Path | None],
    overwrite: bool,
    others: Sequence[str | Path | None] = (),
    ask: bool = True,
    how: Preparation | None = None,
    negatives: Negatives | None = None,
) -> Opened:
    """Look whether the outputs may be written, then read a scan and choose its mask.

    Parameters
    ----------
    address : str
        As for ``read_scan``.
    choice : MaskChoice
    outputs, overwrite
        As for ``check_writable``.
    others : sequence of addresses
        Further inputs, which are not overwritten either.
    ask : bool
        Refuse a mask that may be inverted until it is said that it is not.
    how : Preparation, optional
        What is done to it first.
    negatives : str, optional
        What negative values are, as for ``fill_gaps``.

    Raises
    ------
    InputError
        If an output must not or cannot be written, or an input cannot be read.
    """
    how = how or Preparation()
    check_writable(outputs, [address, choice.mask, how.dark, how.flat, *others], overwrite)
    scan = read_scan(address, box_chooser(how.crop, choice))
    mask = choose_mask(scan, choice, ask)
    record, doubts = dict[str, Any](), marks_passed_over(scan, mask, choice)
    if choice.again:
        record, scan = {"filled_before": _told(scan)}, _forgotten(scan)
    check_scan(replace(scan, mask=mask))
    closed = closed_detector(choice.detector, (scan.cut.shape if scan.cut else scan.intensity.shape)[1:])
    made = prepare(scan, mask, how, negatives, None if choice.roi else closed)
    if made.scan is not scan or made.mask is not mask:
        check_scan(replace(made.scan, mask=made.mask))
    record |= {"prepared": made.record} if made.record else {}
    return Opened(made.scan, made.mask, made.counts_per_unit, made.scaled, record, tuple(doubts))


def marks_passed_over(scan: Scan, mask: NDArray[Any] | None, choice: MaskChoice) -> list[str]:
    """What is to be warned of where a mask of its own file takes the place of a scan's, and leaves out what that one marks.

    The mask chosen is of all frames (frames, rows, columns) or of each (rows, columns).
    """
    if choice.mask is None or scan.mask is None:
        return []
    shape = scan.intensity.shape
    passed_over = np.count_nonzero(as_mask(scan.mask, shape) & ~as_mask(mask, shape))
    told = f"mask: {passed_over:,} voxels that the scan's own mask marks as not measured count as measured now"
    return [f"{told}; leave --mask out, or give one that marks both"] if passed_over else []


def _forgotten(scan: Scan) -> Scan:
    """A filled scan without its estimates: zero in their places, and no provenance, which tells how they were made."""
    filled = as_mask(scan.filled, scan.intensity.shape, "filled")
    return replace(scan, intensity=np.where(filled, 0, scan.intensity), filled=None, std=None, provenance=None)


def open_measured(
    address: str,
    choice: MaskChoice,
    outputs: Mapping[str, Path | None],
    overwrite: bool,
    others: Sequence[str | Path | None] = (),
    how: Preparation | None = None,
    negatives: Negatives | None = None,
) -> Opened:
    """The same of a scan that must hold measurements alone: one that was filled is refused, or its estimates are forgotten."""
    opened = open_scan(address, choice, outputs, overwrite, others, how=how, negatives=negatives)
    if opened.scan.filled is not None:
        told = _told(opened.scan)
        raise InputError(
            f"scan {opened.scan.name}: got one that is filled already ({told['program']} {told['version']}, method "
            f"{told['method']}, {told['voxels']:,} voxels, from {told['input']}), expected one as it was measured; give "
            "--again to forget these estimates and begin anew"
        )
    return opened


def _told(scan: Scan) -> dict[str, Any]:
    """How a scan was filled, in a few words."""
    facts = {name: (scan.provenance or {}).get(name, "unknown") for name in ("program", "version", "method", "input")}
    return facts | {"voxels": 0 if scan.filled is None else int(np.count_nonzero(scan.filled))}


def doubts_of(opened: Opened) -> list[str]:
    """What a user should know before a scan, filled or not, is retrieved from."""
    return [*opened.warnings, *covered_estimates(opened)]


def covered_estimates(opened: Opened) -> list[str]:
    """What is to be warned of where the mask covers estimates of a filled scan."""
    shape = opened.scan.intensity.shape
    filled = as_mask(opened.scan.filled, shape, "filled")
    covered = np.count_nonzero(filled & as_mask(opened.mask, shape))
    told = f"mask: covers {covered:,} estimates, which are then not used; leave --mask and --detector out"
    return [told] if 0 < covered < np.count_nonzero(filled) else []  # if it covers all, the scan is refused


def check_writable(outputs: Mapping[str, Path | None], inputs: Sequence[str | Path | None], overwrite: bool) -> None:
    """Raise InputError if an output must not or cannot be written: each stands under its ending, or the format it will have."""
    sources = [path for address in inputs if address for path in files_read(address)]
    for kind, path in outputs.items():
        if path and kind in FORMATS:
            check_outputs(path, kind, sources, overwrite)
        elif path:
            check_output(path, sources, overwrite, kind)


def beside(address: str, ending: str) -> Path:
    """A name beside a scan, such as S12_object.npz beside S12.npz."""
    source = split_address(address)[0]
    return source.with_name(f"{source.stem}{ending}")
