"""What every verb does before its work: look where it may write, read the scan, and choose its mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from braggfill.base.writing import check_output
from braggfill.scan.choice import MaskChoice
from braggfill.scan.counts import check_scan
from braggfill.scan.files import FORMATS, check_outputs, files_read, read_scan, split_address
from braggfill.scan.formats.contents import Scan
from braggfill.scan.masks import choose_mask


@dataclass(frozen=True, eq=False)
class Opened:
    """A scan that was read, and the mask that a person chose for it."""

    scan: Scan
    mask: NDArray[Any] | None
    """(frames, rows, columns) or (rows, columns), > 0 = not measured; None if there is none."""


def open_scan(
    address: str,
    choice: MaskChoice,
    outputs: Mapping[str, Path | None],
    overwrite: bool,
    others: Sequence[str | Path | None] = (),
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

    Raises
    ------
    InputError
        If an output must not or cannot be written, or an input cannot be read.
    """
    check_writable(outputs, [address, choice.mask, *others], overwrite)
    scan = read_scan(address)
    mask = choose_mask(scan, choice)
    check_scan(replace(scan, mask=mask))
    return Opened(scan, mask)


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
