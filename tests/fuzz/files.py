"""Hostile files: bytes, arrays, names, and what stands where no file or another's file should."""

import os
from pathlib import Path

import numpy as np

from fuzz.material import Rng, copied, hostile_array, hostile_name, hostile_text, mutated, one_of, small_scan
from fuzz.rule import Case
from fuzz.verbs import filled_by, program, verb


def changed_bytes(rng: Rng, folder: Path) -> Case:
    """A file of any kind with some bytes changed."""
    name = one_of(
        rng,
        [
            "scan.npz",
            "packed.npz",
            "scan.npy",
            "mask.npz",
            "S1_pynx_input_mask.npz",
            "filled.npz",
            "filled.cxi",
            "scan.cxi",
            "scan.h5",
            "scan.tif",
            "prep_data_filled.tif",
            "object.npz",
            "weights.safetensors",
            "weights.safetensors",
            "config.toml",
        ],
    )
    path = copied(name, folder)
    path.write_bytes(mutated(rng, path.read_bytes()))
    made = folder / "made.npz"
    if name == "weights.safetensors":
        return program(
            "bytes", folder, ["fill", copied("scan.npz", folder), "--method", "unet", "--weights", path, "-o", made], [made]
        )
    if name == "config.toml":
        return program(
            "bytes", folder, ["fill", copied("scan.npz", folder), "--config", path, "--method", "linear", "-o", made], [made]
        )
    if name == "object.npz":
        return program("bytes", folder, ["strain", path, "-o", folder / "strain_made.npz"], [])
    if name == "mask.npz":
        return program("bytes", folder, filled_by(rng, copied("scan.npz", folder), made, "--mask", path), [made])
    if name == "S1_pynx_input_mask.npz":
        path = copied("S1_pynx_input_data.npz", folder)
    return program("bytes", folder, *verb(rng, path, folder))


def strange_arrays(rng: Rng, folder: Path) -> Case:
    """A file whose arrays are of any type and shape, under the names that are looked for."""
    counts, mask = small_scan()
    arrays: dict[str, np.ndarray] = {"data": counts, "mask": mask}
    if rng.random() < 0.5:
        arrays |= {"filled": np.broadcast_to(mask, counts.shape), "std": np.ones(counts.shape, np.float32)}
    if rng.random() < 0.4:
        arrays["provenance"] = np.array(hostile_text(rng))
    for name in ("data", "mask", "filled", "std", "provenance"):
        if name in arrays and rng.random() < 0.35:
            arrays[name] = hostile_array(rng)
    path = folder / "strange.npz"
    with np.errstate(all="ignore"):
        np.savez(path, **arrays)
    kind = rng.random()
    if kind < 0.15:
        return program(
            "arrays as mask", folder, filled_by(rng, copied("scan.npz", folder), folder / "made.npz", "--mask", path), []
        )
    if kind < 0.2:
        words = ["mask", "--mask", path, "--mask-convention", one_of(rng, ["bad1", "good1"]), "-o", folder / "made.npz"]
        return program("arrays as mask alone", folder, words, [folder / "made.npz"])
    if kind < 0.25:
        np.savez(path, crystal=hostile_array(rng), support=hostile_array(rng))
        return program("arrays as object", folder, ["strain", path, "-o", folder / "strain_made.npz"], [])
    if kind < 0.3:
        np.savez(path, support=hostile_array(rng))
        words = ["retrieve", copied("scan.npz", folder), "--support", path, "--coherence", "full", "--schedule", "er 2"]
        return program("arrays as support", folder, [*words, "--starts", 1, "--keep", 1, "-o", folder / "object_made.npz"], [])
    words, outputs = verb(rng, path, folder)
    if words[0] == "fill":
        return program("arrays", folder, [*words, "--counts-per-unit", 1], outputs, source=path)
    return program("arrays", folder, words, outputs)


def strange_names(rng: Rng, folder: Path) -> Case:
    """Files with names that terminals, pictures and pages might take for something else."""
    ending = one_of(rng, [".npz", ".cxi", ".tif"])
    scan = copied(f"scan{ending}", folder, hostile_name(rng, ending))
    made = folder / hostile_name(rng, one_of(rng, ["_filled.npz", "_filled.cxi"]))
    words: list[object] = ["fill", scan, "--method", "linear", "-o", made, "--mask", copied("mask.npz", folder)]
    if rng.random() < 0.15:
        words += [
            "--plot",
            folder / hostile_name(rng, ".png"),
            "--report",
            folder / hostile_name(rng, ".html"),
            "--no-self-test",
        ]
    if rng.random() < 0.3:
        words = ["convert", scan, made]
    if rng.random() < 0.1:
        words = ["mask", scan, "--plot", folder / hostile_name(rng, ".png")]
    return program("names", folder, words, [made])


def same_files(rng: Rng, folder: Path) -> Case:
    """An output that is an input, by whatever name, with leave to overwrite."""
    scan, partner = copied("S1_pynx_input_data.npz", folder), copied("S1_pynx_input_mask.npz", folder)
    plain, mask, weights = (
        copied("scan.npz", folder),
        copied("mask.npz", folder),
        copied("weights.safetensors", folder, "w.npz"),
    )
    link = folder / "link.npz"
    link.symlink_to(plain)
    hard = folder / "hard.npz"
    os.link(plain, hard)
    stack = copied("prep_data_filled.tif", folder)
    choices: list[list[object]] = [
        ["fill", scan, "--method", "linear", "-o", one_of(rng, [partner, scan])],
        ["convert", scan, one_of(rng, [partner, scan])],
        ["mask", scan, "-o", one_of(rng, [partner, scan])],
        ["fill", plain, "--method", "linear", "-o", one_of(rng, [plain, link, hard])],
        ["fill", plain, "--mask", mask, "--method", "linear", "-o", mask],
        ["fill", plain, one_of(rng, ["--dark", "--flat"]), mask, "--method", "linear", "-o", mask],
        ["fill", plain, "--method", "unet", "--weights", weights, "-o", weights],
        ["convert", stack, one_of(rng, [stack, folder / "prep_data_filled_braggfill.npz"])],
        ["convert", one_of(rng, [link, hard]), plain],
        ["fill", plain, copied("scan.npz", folder, "scan_filled.npz"), "--method", "linear"],
        ["convert", plain, folder / "prep_data_filled.tif"],
    ]
    number = int(rng.integers(len(choices)))
    outputs = [stack, folder / "prep_data_filled_braggfill.npz"] if number == len(choices) - 1 else []
    return program("same file", folder, [*choices[number], "--overwrite"], outputs)


def no_files(rng: Rng, folder: Path) -> Case:
    """What is no regular file, as any input and as the output."""
    kind, ending = int(rng.integers(4)), one_of(rng, [".npz", ".cxi", ".tif", ".npy"])
    path = folder / f"nothing{ending}"
    match kind:
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to(path)
        case 3:
            path.touch()
    good, made = copied("scan.npz", folder), folder / "made.npz"
    choices: list[list[object]] = [
        *(
            [name, path, *rest]
            for name, rest in (("fill", ["-o", made]), ("convert", [made]), ("evaluate", []), ("strain", []))
        ),
        ["mask", path],
        ["retrieve", path],
        ["fill", good, "--mask", path, "-o", made],
        ["fill", good, "--method", "unet", "--weights", path, "-o", made],
        ["fill", good, "--config", path, "-o", made],
        ["retrieve", good, "--support", path],
        ["simulate", "--out", folder / "simulated", "--library", path, "--shape", 16, 16, 16],
        ["train", "--out", folder / "run", "--start", path],
        ["train", "--out", folder / "run", "--config", path],
    ]
    if kind < 3 and ending != ".npy":
        choices.append(["convert", good, path, "--overwrite"])
    return program("no file", folder, one_of(rng, choices), [])
