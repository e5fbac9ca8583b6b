"""What every verb does before its work: look where it may write, read the scan, and choose its mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.writing import check_output
from braggfill.scan.choice import MaskChoice
from braggfill.scan.files import FORMATS, check_outputs, read_scan, split_address
from braggfill.scan.formats.contents import Scan
from braggfill.scan.masks import choose_mask


@dataclass(frozen=True, eq=False)
class Opened:
    """A scan that was read, and the mask that a person chose for it."""

    scan: Scan
    mask: NDArray[Any] | None
    """(frames, rows, columns) or (rows, columns), > 0 = not measured; None if there is none."""
    record: dict[str, Any] = field(default_factory=dict)
    """What was done to it before, JSON-ready, for the provenance of what is made of it."""


def open_scan(
    address: str,
    choice: MaskChoice,
    outputs: Mapping[str, Path | None],
    overwrite: bool,
    others: Sequence[str | Path | None] = (),
    ask: bool = True,
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

    Raises
    ------
    InputError
        If an output must not or cannot be written, or an input cannot be read.
    """
    check_writable(outputs, [address, choice.mask, *others], overwrite)
    scan = read_scan(address)
    return Opened(scan, choose_mask(scan, choice, ask), {"filled_before": _told(scan)} if choice.again else {})


def open_measured(
    address: str,
    choice: MaskChoice,
    outputs: Mapping[str, Path | None],
    overwrite: bool,
    others: Sequence[str | Path | None] = (),
) -> Opened:
    """The same of a scan that must hold measurements alone: one that was filled is refused, or its estimates are forgotten."""
    opened = open_scan(address, choice, outputs, overwrite, others)
    if opened.scan.filled is not None and not choice.again:
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


def check_writable(outputs: Mapping[str, Path | None], inputs: Sequence[str | Path | None], overwrite: bool) -> None:
    """Raise InputError if an output must not or cannot be written: each stands under its ending, or the format it will have."""
    sources = [split_address(str(address))[0] for address in inputs if address]
    for kind, path in outputs.items():
        if path and kind in FORMATS:
            check_outputs(path, kind, sources, overwrite)
        elif path:
            check_output(path, sources, overwrite, kind)


def beside(address: str, ending: str) -> Path:
    """A name beside a scan, such as S12_object.npz beside S12.npz."""
    source = split_address(address)[0]
    return source.with_name(f"{source.stem}{ending}")
