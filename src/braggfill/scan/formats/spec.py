"""Scans of ID01 at the ESRF before BLISS: a SPEC file that names the images of a scan, each a file (``.edf``, ``.edf.gz``).

``#ULIMA_mpx4 /data/…/align_mpx4_00101.edf.gz`` is where a scan's images are, the column ``mpx4inr`` (``ei2minr`` of
``#ULIMA_eiger2M``) their numbers, ``#UMONO mononrj=9keV,…`` the energy, ``#UDETCALIB …,det_distance_CC=1.43,…`` the distance.
Layout as read by PyNX 2022.1 (``pynx-cdi-id01``), bcdi (``LoaderID01``) and the example of ID01 in xrayutilities.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from braggfill.base.errors import InputError
from braggfill.scan.formats.contents import JOULES_PER_EV, ChooseBox, Cut, Geometry, Scan
from braggfill.scan.formats.frames import Stacked
from braggfill.scan.formats.image_folder import Image

if TYPE_CHECKING:
    from silx.io.specfile import Scan as SpecScan

COUNTERS = {"mpx4": ("mpx4inr", 55e-6), "mpx22": ("mpx22ir", 55e-6), "eiger2M": ("ei2minr", 75e-6)}
"""Of each detector the column with the images' numbers, and the size of its pixels in metres."""
IMAGE = re.compile(r"^(.*?)(\d+)(\.edf(?:\.gz)?)$")
ENERGY, DISTANCE = re.compile(r"\bmononrj=([\d.]+)\s*keV", re.IGNORECASE), re.compile(r"\bdet_distance_CC=([\d.]+)")
LONGEST_M = 100.0
"""A distance above is in millimetres, as older files have it."""


def read_spec(path: Path, place: str | None, choose_box: ChooseBox | None = None) -> Scan:
    """Read a scan, ``12`` or ``12.1`` (or ``12.1/eiger2M`` where there are two detectors), or a box of it."""
    scan, name, detector = _scan(path, place)
    frames = Stacked([Image(image) for image in _images(path, scan, name, detector)], path.name)
    box = choose_box(frames, None) if choose_box else None
    values = frames[... if box is None else box]
    return Scan(values, None, f"{path.name}:{name}", geometry=_geometry(scan, detector), cut=Cut.of(box, frames.shape))


def images_of_spec(path: Path, place: str | None) -> list[Path]:
    """The images of a scan, as for ``read_spec``."""
    return _images(path, *_scan(path, place))


def _scan(path: Path, place: str | None) -> tuple["SpecScan", str, str]:
    """The scan of a name, or the only one; its name, and the detector whose images it tells."""
    try:
        from silx.io.specfile import SpecFile
    except ImportError as error:
        raise InputError(
            f"scan {path}: got a SPEC file, which the package silx reads, expected it here; install it with: pip install "
            "'braggfill[detectors]'"
        ) from error
    file = SpecFile(str(path))
    names = file.keys()
    number, _, detector = (place or "").strip("/").partition("/")
    name = number if "." in number or not number else f"{number}.1"
    if not name and len(names) == 1:
        name = names[0]
    if name not in names:
        raise InputError(
            f"scan {path}: got {name or 'no number'} of {len(names)} scans ({', '.join(names[:3])}{', …' * (len(names) > 3)}), "
            f"expected one of them; give it as '{path.name}:/{names[0] if names else 12}'"
        )
    scan = file[name]
    known = [d for d, (counter, _) in COUNTERS.items() if f"ULIMA_{d}" in scan.scan_header_dict and counter in scan.labels]
    if detector not in known and (detector or len(known) != 1):
        raise InputError(
            f"scan {path}: got scan {name} with images of {' and '.join(known) or 'no detector that is known'}, expected one "
            f"of {', '.join(COUNTERS)}; give it as '{path.name}:/{name}/{known[0] if known else 'mpx4'}', or the images' folder"
        )
    return scan, name, detector or known[0]


def _images(path: Path, scan: "SpecScan", name: str, detector: str) -> list[Path]:
    """The images of a scan in the order in which they were taken, or InputError where some are not there."""
    told = scan.scan_header_dict[f"ULIMA_{detector}"].strip()
    numbers = [int(n) for n in scan.data_column_by_name(COUNTERS[detector][0])]
    if not (found := IMAGE.match(told)) or not numbers:
        raise InputError(f"scan {path}: got scan {name} with {len(numbers)} images at '{told}', expected some .edf or .edf.gz")
    stem, width, suffix = found[1], len(found[2]), found[3]
    names = [f"{stem}{number:0{width}d}{suffix}" for number in numbers]
    folder = next((f for f in _folders(path, PurePosixPath(told)) if (f / PurePosixPath(names[0]).name).is_file()), None)
    images = [] if folder is None else [folder / PurePosixPath(n).name for n in names]
    if lost := [image for image in images if not image.is_file()] or names[: not images]:
        raise InputError(
            f"scan {path}: got scan {name} without its image {lost[0]}, expected {len(names)} where the file tells, or where "
            "they lie as seen from it; copy them to a folder beside it"
        )
    return images


def _folders(path: Path, told: PurePosixPath) -> Iterator[Path]:
    """Where images may lie that were moved with their SPEC file: the end of their path, from where it is or from above."""
    parts = told.parent.parts
    yield Path(told.parent)
    for home in (path.absolute().parent, path.absolute().parent.parent):
        yield from (home.joinpath(*parts[first:]) for first in range(1, len(parts) + 1))


def _geometry(scan: "SpecScan", detector: str) -> Geometry:
    """Energy, distance and pixels, as far as a scan's header tells."""
    header: dict[str, Any] = scan.scan_header_dict
    energy, distance = ENERGY.search(header.get("UMONO", "")), DISTANCE.search(header.get("UDETCALIB", ""))
    metres = float(distance[1]) if distance else None
    if metres is not None and metres > LONGEST_M:
        metres *= 1e-3
    size = COUNTERS[detector][1]
    return Geometry(float(energy[1]) * 1e3 * JOULES_PER_EV if energy else None, metres or None, (size, size))
