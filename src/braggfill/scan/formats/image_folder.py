"""A folder of single frames: .tif as at 34-ID-C (``Sample_S0054_00001.tif``, …), .cbf of a Pilatus, .edf of the older ESRF.

The number at the end of a file's name is its place in the scan, as cohere takes it; other files are no frames. One frame is
held at a time.
"""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import tifffile
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.paths import check_regular
from braggfill.scan.formats.contents import ChooseBox, Cut, Scan
from braggfill.scan.formats.frames import Stacked
from braggfill.scan.formats.names import TIF_SUFFIXES

FABIO_SUFFIXES = (".cbf", ".edf", ".cbf.gz", ".edf.gz")
CBF_SECTION, CBF_MARK = b"--CIF-BINARY-FORMAT-SECTION--", b"\x0c\x1a\x04\xd5"
"""What stands before the pixels of a CBF: https://www.bernstein-plus-sons.com/software/CBF/doc/CBFlib.html"""
NUMBERED = re.compile(r"(\d+)$")


class Image:
    """A frame in a file of its own, whose pixels are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        check_regular(path, "scan: frame")
        if _suffix(path) in TIF_SUFFIXES:
            with tifffile.TiffFile(path) as file:
                self.shape, self.dtype = file.series[0].shape, file.series[0].dtype
        else:
            values = _by_fabio(path)
            self.shape, self.dtype = values.shape, values.dtype
        if len(self.shape) != 2:
            raise InputError(
                f"scan {path}: got an image of shape {self.shape} among numbered ones, expected one frame (rows, columns); "
                "give the stack itself instead of its folder"
            )

    def __getitem__(self, pixels: Any) -> NDArray[Any]:
        """Read rows and columns, each a slice."""
        whole = tifffile.imread(self.path) if _suffix(self.path) in TIF_SUFFIXES else _by_fabio(self.path)
        part: NDArray[Any] = whole[pixels]
        return part


def _by_fabio(path: Path) -> NDArray[Any]:
    """A frame in a format that fabio knows."""
    try:
        import fabio
    except ImportError as error:
        raise InputError(
            f"scan {path}: got an image that the package fabio reads, expected it here; install it with: pip install "
            "'braggfill[detectors]'"
        ) from error
    if path.suffix.lower() == ".cbf":
        _check_whole(path)
    with fabio.open(str(path)) as image:
        if image.nframes != 1:
            raise InputError(f"scan {path}: got {image.nframes} images in it, expected one frame; give each a file of its own")
        values: NDArray[Any] = image.data
    return values


def _check_whole(path: Path) -> None:
    """Raise InputError unless a CBF holds the mark of its binary part, which fabio would look for without end."""
    content = path.read_bytes()
    section = content.find(CBF_SECTION)
    if section < 0 or content.find(CBF_MARK, section) < 0:
        raise InputError(f"scan {path}: got an image without its binary part, expected a whole CBF; copy it anew")


def read_image_folder(folder: Path, choose_box: ChooseBox | None = None) -> Scan:
    """Read the numbered images of a folder as one scan (frames, rows, columns), or a box of them."""
    frames = Stacked([Image(path) for path in _in_order(folder)], str(folder))
    box = choose_box(frames, None) if choose_box else None
    return Scan(frames[... if box is None else box], None, folder.name, cut=Cut.of(box, frames.shape))


def images_in(folder: Path) -> list[Path]:
    """The images of a folder, numbered or not, in no order."""
    kinds = (*TIF_SUFFIXES, *FABIO_SUFFIXES)
    return [p for p in folder.iterdir() if _suffix(p) in kinds and not p.name.startswith(".")]


def _suffix(path: Path) -> str:
    """What a file's name ends in, with the one before it where it is compressed."""
    return "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:]).lower()


def _in_order(folder: Path) -> list[Path]:
    """The frames by their numbers, or InputError where some are lost or two have one number."""
    numbered = sorted((int(found[1]), p) for p in images_in(folder) if (found := NUMBERED.search(p.name[: -len(_suffix(p))])))
    if not numbered:
        raise InputError(
            f"scan {folder}: got a folder with neither numbered images ({', '.join((*TIF_SUFFIXES, *FABIO_SUFFIXES))}) nor the "
            "master of an Eiger in it, expected the folder of one scan"
        )
    numbers = [number for number, _ in numbered]
    steps = [b - a for a, b in pairwise(numbers)]
    if 0 in steps:
        twice = numbered[steps.index(0)]
        raise InputError(
            f"scan {folder}: got two images of number {twice[0]} ({twice[1].name}, {numbered[steps.index(0) + 1][1].name}), "
            "expected those of one scan alone; move the others"
        )
    if len(set(steps)) > 1:
        before = numbers[steps.index(max(steps))]
        raise InputError(
            f"scan {folder}: got images {numbers[0]} to {numbers[-1]} without those after {before}, expected every frame; copy "
            "the missing ones, or number those that are there through"
        )
    return [path for _, path in numbered]
