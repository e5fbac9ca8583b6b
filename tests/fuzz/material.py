"""What hostile cases are made from: a small valid file of each format, and values that no one would give."""

import atexit
import functools
import json
import os
import shutil
import tempfile
from pathlib import Path

import h5py
import numpy as np
import tifffile
import torch

from braggfill.network.gapnet import GapNet, ModelConfig
from braggfill.network.weights import write_weights
from braggfill.scan.files import write_scan
from braggfill.scan.formats.contents import Geometry, Scan

SHAPE = (20, 28, 24)
Rng = np.random.Generator


@functools.cache
def small_scan() -> tuple[np.ndarray, np.ndarray]:
    """Counts (frames, rows, columns) of a box's fringes, and a mask (rows, columns) with a stripe."""
    axes = [np.sinc((np.arange(n) - n / 2) / 3.1) ** 2 for n in SHAPE]
    expected = 2000 * axes[0][:, None, None] * axes[1][:, None] * axes[2] + 0.05
    mask = np.zeros(SHAPE[1:], np.uint8)
    mask[:, 14:17] = 1
    return np.random.default_rng(0).poisson(expected).astype(np.uint32), mask


def folder_until_the_end() -> Path:
    """A new folder that is there until Python ends."""
    folder = tempfile.TemporaryDirectory(prefix="braggfill_fuzz_")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@functools.cache
def valid_files() -> Path:
    """Folder with one small valid file of each kind; what is in it is copied, never changed."""
    folder = folder_until_the_end()
    counts, mask = small_scan()
    np.savez(folder / "scan.npz", data=counts, mask=mask)
    np.savez_compressed(folder / "packed.npz", data=counts, mask=mask)
    np.save(folder / "scan.npy", counts)
    np.savez(folder / "mask.npz", mask=mask)
    np.savez(folder / "S1_pynx_input_data.npz", data=counts)
    np.savez(folder / "S1_pynx_input_mask.npz", data=np.broadcast_to(mask, SHAPE))
    filled = np.broadcast_to(mask > 0, SHAPE)
    std = np.where(filled, 1, 0).astype(np.float32)
    facts = {"program": "braggfill", "configuration": {"method": "linear", "skip": None}, "gaps": []}
    done = Scan(
        counts.astype(np.float32), np.zeros(SHAPE, bool), "scan", filled, std, facts, Geometry(1.4e-15, 0.8, (5e-5, 5e-5))
    )
    for name in ("filled.npz", "filled.cxi", "prep_data_filled.tif"):
        write_scan(folder / name, done)
    write_scan(folder / "scan.cxi", Scan(counts, mask, "scan"))
    with h5py.File(folder / "scan.h5", "w") as file:
        file["entry_1/instrument_1/detector_1/data"] = counts
        file["entry_1/instrument_1/detector_1/mask"] = np.broadcast_to(mask, SHAPE)
    tifffile.imwrite(folder / "scan.tif", counts.astype(np.float32))
    crystal = np.zeros((16, 16, 16), np.complex64)
    crystal[5:11, 5:11, 5:11] = np.exp(1j * np.linspace(0, 1, 6))[:, None, None]
    np.savez(folder / "object.npz", crystal=crystal, support=np.abs(crystal) > 0)
    torch.manual_seed(0)
    write_weights(folder / "weights.safetensors", GapNet(ModelConfig((4, 4, 4))), {"fringes": [{}]})
    (folder / "config.toml").write_text('method = "linear"\nseed = 3\nself_test = false\n[adaptation]\nsteps = 5\n')
    return folder


def copied(name: str, folder: Path, new_name: str | None = None) -> Path:
    """A copy of a valid file, and of what lies beside it."""
    target = folder / (new_name or name)
    shutil.copy(valid_files() / name, target)
    if name == "prep_data_filled.tif":
        shutil.copy(valid_files() / "prep_data_filled_braggfill.npz", target.with_name(f"{target.stem}_braggfill.npz"))
    return target


def one_of(rng: Rng, values):
    """One of some values, whatever they are."""
    return values[int(rng.integers(len(values)))]


def mutated(rng: Rng, content: bytes) -> bytes:
    """Bytes with some changed, cut off, doubled, moved or left out."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 8))):
        at = int(rng.integers(max(len(data), 1)))
        if rng.random() < 0.5:
            at = min(at, int(rng.integers(1, 600)), max(len(data) - 1, 0))  # headers lie in front
        length = int(2 ** rng.uniform(0, 8))
        match int(rng.integers(7)):
            case 0 if data:
                data[at] = int(rng.integers(256))
            case 1 if data:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                data[at : at + length] = rng.bytes(length)
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                data[at : at + 4] = one_of(rng, [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"])
            case 6 if rng.random() < 0.3:
                del data[at:]
    return bytes(data)


NUMBERS = [
    "0",
    "-1",
    "1",
    "2",
    "3",
    "7",
    "1e-46",
    "1e300",
    "-1e300",
    "nan",
    "inf",
    "-inf",
    "1e-320",
    "0.5",
    "999999999999",
    "²",
]
NUMBERS += ["1e5", "٣", "0x10", "1_000", "", " ", "True", "1e400", "9" * 5000]
TEXTS = [
    "",
    " ",
    "auto",
    "linear",
    "x" * 5000,
    "\x1b[31m",
    "a\nb",
    "é",
    "\udcff",
    "$x^{$",
    "[red]",
    "../..",
    "/",
    ".",
    "..",
    "-",
    "--",
]
TEXTS += [
    "er ²",
    "hio 999999999",
    "er 5",
    "er -5",
    "er 0",
    "er 5, ml",
    ",",
    "%d",
    "%0999999999d",
    "1-3000000",
    "3-1",
    "12,23-30",
    "~",
]
TEXTS += ["scan.npz:/x", "file.h5:/", "12,,3", "maxipix", "Pilatus1M", "120,84", "0,0", "-5,3", "1,2,3", "1,2,3,4", "9" * 400]
NAMES = [
    "a$x^{$",
    "a$\\frac$",
    "b\udcff",
    "c\x1b[31m",
    "d\n",
    "[red]x[bold]",
    " ",
    "%d",
    "é" * 60,
    "-x",
    "~",
    "'\"`;&|",
    "x" * 200,
    "\u202ex",
]


def hostile_array(rng: Rng) -> np.ndarray:
    """An array of any type, shape and values."""
    kinds = [
        "u1",
        "u2",
        "u4",
        "u8",
        "i1",
        "i4",
        "i8",
        "f2",
        "f4",
        "f8",
        "g",
        "c8",
        "?",
        "U1",
        "S3",
        "M8[s]",
        "m8[s]",
        "V4",
        "O",
        ">f4",
    ]
    shapes = [
        SHAPE,
        SHAPE,
        SHAPE,
        SHAPE[1:],
        (),
        (0,),
        (3,),
        (0, 3, 3),
        (1, 1, 1),
        (2, 3, 4),
        (1, 28, 24),
        (20, 1, 24),
        (4, 4, 4, 4),
    ]
    shapes += [(3, 40, 5), (20, 28, 25), (9, 9, 9)]
    kind, shape = one_of(rng, kinds), one_of(rng, shapes)
    base = rng.poisson(3.0, shape) if rng.random() < 0.6 else rng.integers(-3, 4, shape)
    base = np.asarray(base)
    if kind in ("U1", "S3", "O"):
        return base.astype(kind)
    if kind == "V4":
        return base.astype("i4").view("V4") if base.ndim else np.zeros((), "V4")
    with np.errstate(all="ignore"):
        array = base.astype(kind)
        if array.dtype.kind in "fcg" and array.size:
            extremes = [np.nan, np.inf, -np.inf, 1e38, -0.0, 1e-45, 1e300, 0.5, 6e4]
            for _ in range(int(rng.integers(4))):
                array.flat[int(rng.integers(array.size))] = one_of(rng, extremes)
            array *= array.dtype.type(one_of(rng, [1, 1, 1, 1e-30, 1e30, 0]))
        elif array.dtype.kind in "iu" and array.size and rng.random() < 0.3:
            limits = np.iinfo(array.dtype)
            array.flat[int(rng.integers(array.size))] = one_of(rng, [limits.max, limits.min, limits.max - 1])
    return array


def hostile_text(rng: Rng) -> str:
    """Text that stands where provenance or a description should."""
    nested = ["[" * 50_000, "[" * 60 + "]" * 60, '{"a":' * 40 + "1" + "}" * 40]
    plain = [
        3,
        [1],
        {},
        {"configuration": 3},
        {"configuration": [1]},
        {"options": {"a": {"b": 1}, "c/d": 1, "e": None}},
        None,
        "x",
    ]
    plain += [{"configuration": {"a\0": "b\0", "": 3, "big": 10**30}}, {"version": [1]}, {"command": "\ud800"}, {"gaps": 3}]
    return one_of(rng, [*nested, *map(json.dumps, plain), "nonsense", "NaN", '{"configuration": {"x": 1e400}}', ""])


def hostile_name(rng: Rng, ending: str) -> str:
    """A file's name that the file system takes."""
    name = one_of(rng, NAMES)
    return os.fsdecode(os.fsencode(name)[: 240 - len(ending)]) + ending


def tiny_training(folder: Path) -> Path:
    """A configuration that trains for a step."""
    path = folder / "tiny.toml"
    path.write_text(
        "steps = 1\nbatch = 1\nvalidate_every = 1\nvalidation_portions = 1\nvalidation_scans = 1\n"
        "[model]\nchannels = [4, 4, 4]\n[portions]\nscan_size = 32\nplane = 8\npool = 1\n"
    )
    return path
