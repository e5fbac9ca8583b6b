"""Hostile files of detectors and beamlines (masters, links, layouts, folders), and hostile preparations (dark, flat, bins)."""

import functools
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import tifffile
from made_files import (
    aps_folder,
    counts_of_a_crystal,
    cristal_file,
    eiger_master,
    id01_file,
    lambda_master,
    nanomax_file,
    p10_folder,
    sixs_file,
)

from fuzz.material import NUMBERS, Rng, copied, folder_until_the_end, hostile_array, mutated, one_of, small_scan
from fuzz.rule import Case
from fuzz.verbs import QUICK, filled_by, inside, program, verb

SHAPE = (7, 24, 20)


def fabio_folder(folder: Path, counts: np.ndarray, suffix: str = ".cbf") -> Path:
    """A folder of a Pilatus, or of an older scan of ESRF (.edf)."""
    import fabio

    scan, image = folder / "frames", fabio.cbfimage.CbfImage if suffix == ".cbf" else fabio.edfimage.EdfImage
    scan.mkdir()
    for number, frame in enumerate(counts):
        image(data=frame.astype(np.int32)).write(str(scan / f"p_{number:04d}{suffix}"))
    return scan


def makers() -> dict[str, Callable[[Path, np.ndarray, np.ndarray], Path]]:
    """What leaves files, by its name: (folder, counts, bits of bad pixels) to the address of a scan."""
    plain = {"id01": id01_file, "sixs": sixs_file, "cristal": cristal_file, "nanomax": nanomax_file, "aps": aps_folder}
    with_bits = {"eiger": eiger_master, "lambda": lambda_master, "p10": p10_folder}
    try:
        import fabio

        plain |= {"cbf": fabio_folder, "edf": partial(fabio_folder, suffix=".edf")} if fabio else {}
    except ImportError:
        pass
    return {n: lambda f, c, b, make=make: make(f, c) for n, make in plain.items()} | with_bits


@functools.cache
def made_once(name: str) -> tuple[Path, Path]:
    """A folder with the files of a beamline, which is copied and never changed, and the scan's address inside it."""
    folder = folder_until_the_end()
    bits = np.zeros(SHAPE[1:], np.uint32)
    bits[:, 9:12], bits[3, 4] = 1, 2
    counts = counts_of_a_crystal(SHAPE, 300.0)
    return folder, makers()[name](folder, counts, bits).relative_to(folder)


def beamline_files(rng: Rng, folder: Path) -> Case:
    """A scan as a beamline leaves it, of which a file is changed or lost, or the inside of one is."""
    name = one_of(rng, sorted(makers()))
    source, place = made_once(name)
    shutil.copytree(source, folder / "beamline")
    files = sorted(path for path in (folder / "beamline").rglob("*") if path.is_file())
    told = "as it is"
    for _ in range(int(rng.integers(0, 3))):
        path = one_of(rng, files)
        told = f"{path.name} {harmed(rng, path, files)}" if path.is_file() else told
    words, outputs = verb(rng, folder / "beamline" / place, folder)
    if words[0] in ("fill", "convert", "mask") and rng.random() < 0.3:
        words = [*words, f"--crop={one_of(rng, ['4,12,12', '3,99,99', '0,5,2,20,0,18', '1,1,1', '0,0,0', '2,9,3,1,0,5'])}"]
    if words[0] == "fill" and rng.random() < 0.2:
        words = [*words, "--overwrite", "-o", one_of(rng, files)]  # a file behind the scan is an input as well
        outputs = []
    return program(f"beamline {name}, {told}", folder, words, outputs)


def harmed(rng: Rng, path: Path, files: list[Path]) -> str:
    """Change a file, or what stands in its place; returns how."""
    kind = int(rng.integers(6))
    if path.suffix in (".h5", ".nxs") and rng.random() < 0.6:
        try:
            return harmed_inside(rng, path, files)
        except (OSError, KeyError, ValueError, RuntimeError):
            kind = 0  # it was harmed before
    match kind:
        case 0 | 1:
            path.write_bytes(mutated(rng, path.read_bytes()))
            return "mutated"
        case 2:
            path.unlink()
            return "lost"
        case 3:
            path.unlink()
            os.mkfifo(path) if rng.random() < 0.5 else path.mkdir()
            return "no file"
        case 4:
            shutil.copy(
                one_of(rng, files) if all(f.is_file() for f in files) else path.parent / path.name, path.parent / "twin_3.tif"
            )
            return "with a twin"
    with np.errstate(all="ignore"):
        array = hostile_array(rng)
    if path.suffix == ".tif" and array.dtype.kind in "uif" and array.dtype.itemsize <= 8 and array.size:
        tifffile.imwrite(path, array)
        return f"an image of {array.dtype} {array.shape}"
    path.write_bytes(b"")
    return "empty"


def harmed_inside(rng: Rng, path: Path, files: list[Path]) -> str:
    """Change one thing inside an HDF5 file; returns how."""
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visit(names.append)
        links = [
            f"{group}/{name}"
            for group in ["", *names]
            if isinstance(file.get(group or "/"), h5py.Group)
            for name in file[group or "/"]
        ]
        name = one_of(rng, sorted(set(names) | {link.strip("/") for link in links}))
        del file[name]
        with np.errstate(all="ignore"):
            array = hostile_array(rng)
        match int(rng.integers(7)):
            case 0:
                return f"without {name}"
            case 1 if array.dtype.kind in "uifcbS":
                file[name] = array
                return f"{name} of {array.dtype} {array.shape}"
            case 2:
                file[name] = h5py.SoftLink(one_of(rng, ["/", f"/{name}", "/nowhere", one_of(rng, names)]))
                return f"{name} links inside"
            case 3:
                other = one_of(rng, [*(f.name for f in files), "nowhere.h5", "/dev/zero", "..", str(path), path.name])
                file[name] = h5py.ExternalLink(other, one_of(rng, ["/", "entry/data/data", name]))
                return f"{name} links to {other}"
            case 4:
                shape = one_of(rng, [(10**6, 10**4, 10**4), (0, 24, 20), (7, 24, 20), (3, 10**5, 10**5)])
                file.create_dataset(name, shape, one_of(rng, ["u4", "f8", "u1"]), chunks=(1, 24, 20) if shape[0] else None)
                return f"{name} empty of {shape}"
            case 5:
                file.create_group(name)
                return f"{name} a group"
        file[name] = one_of(rng, [np.nan, "x", -1, b"\xff\xfe", 1e300, np.inf, ""])
        return f"{name} a value"


SIZES = [
    "4,12,12",
    "20,28,24",
    "1,1,1",
    "99,99,99",
    "0,9,0,20,3,20",
    "5,5,0,1,0,1",
    "9,3,0,1,0,1",
    "0,0,0",
    "4,12",
    "4,12,12,",
    "a,b,c",
]
BINS = ["1,1,1", "2,2,2", "1,3,2", "20,28,24", "21,1,1", "0,1,1", "1,2", "-1,1,1", "1000,1,1", "1,1,1,1"]


def frame_file(rng: Rng, folder: Path) -> Path:
    """A dark or a flat field: a good one, one of any array, one with bytes changed, or the scan's own file."""
    good = rng.uniform(0.5, 1.5, small_scan()[1].shape).astype(np.float32)
    path = folder / one_of(rng, ["frame.npy", "frame.npz", "frame.tif"])
    array = hostile_array(rng) if rng.random() < 0.4 else good * one_of(rng, [1, 1, 1e5, 0, 1e-30])
    with np.errstate(all="ignore"):
        if path.suffix == ".tif" and array.dtype.kind in "uif" and array.dtype.itemsize <= 8 and array.size:
            tifffile.imwrite(path, array)
        elif path.suffix == ".npy":
            np.save(path, array)
        else:
            path = folder / "frame.npz"
            np.savez(path, data=array)
    if rng.random() < 0.2:
        path.write_bytes(mutated(rng, path.read_bytes()))
    return path


def preparations(rng: Rng, folder: Path) -> Case:
    """Crop, bin, dark, flat, hot, again and negatives, together and against each other, good values and bad."""
    scan = copied(one_of(rng, ["scan.npz", "scan.npz", "filled.npz", "scan.cxi", "scan.h5"]), folder)
    if rng.random() < 0.3:
        counts, mask = small_scan()
        values = counts - one_of(rng, [0.0, 0.5, 5.0])
        values.flat[int(rng.integers(values.size))] = one_of(rng, [np.nan, np.inf, -1, -1e30, 1e12, 3e9])
        with np.errstate(invalid="ignore"):
            np.savez(scan := folder / "values.npz", data=values.astype(one_of(rng, ["f4", "f8", "i4"])), mask=mask)
    made = folder / one_of(rng, ["made.npz", "made.cxi"])
    name = one_of(rng, ["fill", "fill", "fill", "convert", "mask", "evaluate"] if rng.random() < 0.3 else ["fill"])
    words: list[object] = {
        "fill": filled_by(rng, scan, made),
        "convert": ["convert", scan, made],
        "mask": ["mask", scan, "-o", made.with_suffix(".npz")],
        "evaluate": ["evaluate", scan, "--method", one_of(rng, QUICK[:2]), "--baseline", "linear"],
    }[name]
    drawn: dict[str, Callable[[], list[object]]] = {
        "crop": lambda: [f"--crop={one_of(rng, SIZES)}"],
        "bin": lambda: [f"--bin={one_of(rng, BINS)}"],
        "dark": lambda: ["--dark", one_of(rng, [frame_file(rng, folder), scan])],
        "flat": lambda: ["--flat", one_of(rng, [frame_file(rng, folder), scan])],
        "hot": lambda: ["--hot"],
        "again": lambda: ["--again"],
        "negatives": lambda: ["--negatives", one_of(rng, ["missing", "measured", "measured", "none", ""])],
        "unit": lambda: ["--counts-per-unit", one_of(rng, ["1", "2", "1e-12", "1e12", *NUMBERS])],
    }
    allowed = {"convert": ["crop", "dark", "hot", "bin", "again"], "mask": ["crop", "dark", "hot", "again", "negatives"]}
    for key in sorted(allowed.get(name, drawn)):
        if rng.random() < 0.35:
            words = [*words, *drawn[key]()]
    plain = [str(w).replace("\0", "") for w in words]
    return Case(f"prepared: {' '.join(plain)[:300]}", inside(folder, plain), folder, [made, made.with_suffix(".npz")])
