"""The hostile cases: each follows from the seed and its number alone."""

import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from program import run

import braggfill
from fuzz.interruptions import interrupted
from fuzz.material import (
    NUMBERS,
    TEXTS,
    Rng,
    copied,
    hostile_array,
    hostile_name,
    hostile_text,
    mutated,
    one_of,
    small_scan,
    tiny_training,
)
from fuzz.rule import Case
from fuzz.valid import valid_scan

QUICK = ["linear", "nearest", "kriging", "idw", "cubic", "ridge"]
"""Methods that take no longer than a moment on a small scan."""
QUICK_SEARCH = ["--coherence", "full", "--schedule", "er 2", "--starts", 1, "--keep", 1]
"""Options with which phase retrieval takes no longer either."""
NAMED = [*QUICK, *QUICK, "unet", "biharmonic"]


def filled_by(rng: Rng, scan: Path, output: Path, *more: object) -> list[object]:
    """The words of a fill."""
    return ["fill", scan, "--method", one_of(rng, NAMED), "-o", output, *more]


def verb(rng: Rng, scan: Path, folder: Path) -> tuple[list[object], list[Path]]:
    """A command that reads a scan, and what it may write."""
    made = folder / f"made{one_of(rng, ['.npz', '.npz', '.cxi', '.h5'])}"
    stack, pair, picture = folder / "prep_data_made.tif", folder / "S9_pynx_input_data.npz", folder / "made.png"
    choices: list[tuple[list[object], list[Path]]] = [
        (filled_by(rng, scan, made), [made]),
        (filled_by(rng, scan, stack), [stack]),
        (["convert", scan, made], [made]),
        (["convert", scan, stack], [stack]),
        (["convert", scan, pair, "--format", "cdiutils"], [pair, folder / "S9_pynx_input_mask.npz"]),
        (["mask", scan, "-o", folder / "mask_made.npz", "--find", "--yes"], [folder / "mask_made.npz"]),
    ]
    if rng.random() < 0.06:
        choices = [
            (["evaluate", scan, "--method", "linear", "--baseline", "linear", "--json", folder / "made.json"], []),
            (
                [
                    *("retrieve", scan, "--coherence", "full", "--schedule", "er 3", "--starts", 1, "--keep", 1),
                    "-o",
                    folder / "object_made.npz",
                ],
                [],
            ),
            (filled_by(rng, scan, made, "--plot", picture, "--report", folder / "made.html", "--no-self-test"), [made]),
            (["mask", scan, "--plot", picture], []),
        ]
    return one_of(rng, choices)


def program(name: str, folder: Path, words: list[object], outputs: list[Path], **more: object) -> Case:
    """A case of the command line."""
    return Case(f"{name}: {' '.join(map(repr, words))[:300]}", lambda: run(*words), folder, outputs, **more)


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


FLAGS = {
    "fill": [
        "skip",
        "seed",
        "counts-per-unit",
        "adapt-minutes",
        "effort",
        "precision",
        "mask-convention",
        "detector",
        "roi",
        "mask",
        "weights",
        "config",
        "method",
        "device",
        "format",
        "output",
        "plot",
        "report",
        "scan",
        "template",
        "jobs",
        "crop",
        "bin",
        "dark",
        "flat",
        "negatives",
        "through",
    ],
    "convert": [
        "crop",
        "bin",
        "dark",
        "energy-kev",
        "distance-m",
        "pixel-um",
        "format",
        "mask",
        "detector",
        "roi",
        "mask-convention",
    ],
    "mask": ["crop", "dark", "negatives", "mask", "detector", "roi", "output", "plot"],
    "strain": ["voxel-nm", "q-inv-nm", "truth", "output"],
    "retrieve": ["schedule", "starts", "keep", "seed", "treatment", "counts-per-unit", "coherence", "support"],
    "evaluate": ["negatives", "method", "baseline", "counts-per-unit", "json", "plot", "weights"],
    "simulate": ["n", "shape", "seed", "cross", "split", "library", "config"],
    "compare": ["schedule", "starts", "treatment", "voxel-nm", "q-inv-nm"],
    "train": ["config", "start", "measured", "device", "devices"],
    "finetune": ["start", "minutes", "seed", "counts-per-unit"],
}


def strange_options(rng: Rng, folder: Path) -> Case:
    """Options with values that no one would give."""
    name = one_of(rng, ["fill"] * 8 + list(FLAGS))
    scan, made = copied("scan.npz", folder), folder / "made.npz"
    ours: dict[str, list[object]] = {
        "fill": ["fill", scan, "--method", one_of(rng, QUICK), "-o", made],
        "convert": ["convert", scan, made],
        "mask": ["mask", scan],
        "strain": ["strain", copied("object.npz", folder), "-o", folder / "strain_made.npz"],
        "retrieve": [
            "retrieve",
            scan,
            *QUICK_SEARCH,
            "-o",
            folder / "object_made.npz",
        ],
        "evaluate": ["evaluate", scan, "--method", "linear", "--baseline", "linear"],
        "simulate": ["simulate", "--out", folder / "simulated", "--shape", 16, 16, 16, "-j", 1],
        "compare": [
            "compare",
            copied("filled.npz", folder),
            *QUICK_SEARCH,
            "--treatment",
            "filled",
            "-o",
            folder / "made.png",
        ],
        "train": ["train", "--out", folder / "run", "--config", tiny_training(folder)],
        "finetune": ["finetune", scan, "--minutes", 1e-6, "-o", folder / "made.safetensors"],
    }
    words = ours[name]
    flags = {str(one_of(rng, FLAGS[name])) for _ in range(int(rng.integers(1, 3)))}
    for flag in sorted(flags):
        number = {"shape": 3, "voxel-nm": 3, "q-inv-nm": 3}.get(flag, 1)
        pool = NUMBERS if number == 3 or rng.random() < 0.5 else TEXTS
        values = [str(one_of(rng, pool)) for _ in range(number)]
        words += (
            [f"-{flag}" if len(flag) == 1 else f"--{flag}", *values]
            if number == 3 or len(flag) == 1
            else [f"--{flag}={values[0]}"]
        )
    words = [w if not isinstance(w, str) else w.replace("\0", "") for w in words]
    return Case(f"options: {' '.join(map(repr, words))[:300]}", inside(folder, words), folder, [made], allowed=(0, 1, 2))


def inside(folder: Path, words: list[object]) -> Callable[[], int]:
    """Run the program in a folder, where relative names that were given do no harm."""

    def act() -> int:
        before = Path.cwd()
        os.chdir(folder)
        try:
            return run(*words)
        finally:
            os.chdir(before)

    return act


def strange_table(rng: Rng, folder: Path) -> Case:
    """A TOML file with known and unknown keys and any values."""
    keys = [
        "method",
        "skip",
        "seed",
        "tta",
        "mask",
        "roi",
        "adapt",
        "adaptation",
        "counts_per_unit",
        "weights",
        "crop",
        "bin",
        "dark",
        "negatives",
        "again",
        "plot",
        "mehtod",
        "a b",
    ]
    values = [
        '"linear"',
        "3",
        "-1",
        "1e400",
        "nan",
        "[]",
        "[1, 2]",
        "{}",
        "{a=1}",
        "true",
        '""',
        '"\\u0000"',
        "9" * 30,
        "[" * 200 + "]" * 200,
    ]
    values += [
        "{steps=99999999999}",
        "{fringes=[{reach=1}]}",
        "{fringes=3}",
        "1979-05-27",
        '"' + "x" * 3000 + '"',
        "{practice={copies={number=1e9}}}",
    ]
    text = "".join(f"{json.dumps(str(one_of(rng, keys)))} = {one_of(rng, values)}\n" for _ in range(int(rng.integers(1, 4))))
    path = folder / "table.toml"
    path.write_text(text)
    words = ["fill", copied("scan.npz", folder), "--config", path, "--method", "linear", "-o", folder / "made.npz"]
    return Case(f"table: {text[:200]!r}", inside(folder, words), folder, [folder / "made.npz"])


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
    return program("no file", folder, one_of(rng, choices), [path] if kind == 3 else [])


def full_disk(rng: Rng, folder: Path) -> Case:
    """No file may grow beyond some bytes, as on a full disk; then nothing is left of any."""
    most = int(2 ** rng.uniform(0, 15))
    words, outputs = verb(rng, copied(one_of(rng, ["scan.npz", "filled.npz", "scan.cxi"]), folder), folder)

    @contextmanager
    def small_files() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def act() -> int:
        with small_files():
            return run(*words)

    return Case(f"full after {most} bytes: {' '.join(map(str, words))[:300]}", act, folder, outputs)


VALUES = [
    "a",
    "",
    None,
    3,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    [],
    [1],
    (),
    {},
    {"a": 1},
    b"x",
    True,
    10**40,
    object(),
    1j,
    "linear",
    "\0",
    "\ud800",
]


def python_calls(rng: Rng, folder: Path) -> Case:
    """The public functions with anything for their arguments."""
    counts, mask = small_scan()

    def anything() -> object:
        return hostile_array(rng) if rng.random() < 0.5 else one_of(rng, VALUES)

    fields = [
        "method",
        "skip",
        "device",
        "precision",
        "tta",
        "effort",
        "counts_per_unit",
        "weights",
        "adapt",
        "adapt_minutes",
        "seed",
        "adaptation",
    ]
    given: dict[str, object] = {"method": str(one_of(rng, QUICK))}
    if rng.random() < 0.5:
        given |= {str(one_of(rng, fields)): anything()}
    scan, its_mask = (anything() if rng.random() < 0.4 else v for v in (counts, mask))
    support, voxel, other = anything(), anything(), anything()
    calls: list[tuple[str, Callable[[], object]]] = [
        *[("fill_gaps", lambda: braggfill.fill_gaps(scan, its_mask, **given))] * 6,
        ("fill unit", lambda: braggfill.fill_gaps(scan, its_mask, method=str(given["method"])[:6], counts_per_unit=1)),
        ("evaluate", lambda: braggfill.evaluate(scan, its_mask, method="linear", baselines=other)),
        ("strain", lambda: braggfill.strain(scan, support, voxel_nm=voxel)),
        ("strain2", lambda: braggfill.strain(np.ones((6, 6, 6), complex), support, q_inv_nm=voxel)),
        ("read_scan", lambda: braggfill.read_scan(other)),
        ("read_mask", lambda: braggfill.read_mask(other)),
        ("detector", lambda: braggfill.detector_mask("maxipix", voxel, other)),
        ("detector2", lambda: braggfill.detector_mask(other)),
        (
            "retrieve",
            lambda: braggfill.retrieve(scan, its_mask, coherence="full", schedule=(("er", 2),), starts=1, keep=1, std=other),
        ),
        ("retrieve2", lambda: braggfill.retrieve(counts, mask, coherence="full", schedule=other, starts=1, keep=1)),
        ("to_pynx", lambda: braggfill.to_pynx(other, voxel)),
        ("simulate", lambda: list(braggfill.simulate(1, shape=other, seed=voxel))),
        ("library", lambda: braggfill.Library(other)),
        ("write", lambda: braggfill.write_result(folder / "made.npz", other, voxel)),
        ("train", lambda: braggfill.train(folder / "run", other)),
        ("finetune", lambda: braggfill.finetune(scan, its_mask, out=folder / "w.safetensors", minutes=other)),
    ]
    name, call = one_of(rng, calls)

    def act() -> None:
        result = call()
        if isinstance(result, braggfill.FillResult):
            estimates, std = result.intensity[result.filled], result.std[result.filled]
            good = np.isfinite(estimates).all() and (estimates >= 0).all() and np.isfinite(std).all() and (std >= 0).all()
            if not good or (result.filled & result.mask).any():
                raise AssertionError("estimates that are negative, not finite, or masked")

    return Case(f"python {name}: {given} {type(scan)} {type(other)} {str(other)[:60]}", act, folder, [folder / "made.npz"])


KINDS: list[tuple[int, Callable[[Rng, Path], Case]]] = [
    (10, valid_scan),
    (22, changed_bytes),
    (18, strange_arrays),
    (12, strange_options),
    (5, strange_table),
    (5, strange_names),
    (3, same_files),
    (3, no_files),
    (4, full_disk),
    (17, python_calls),
    (1, interrupted),
]
"""How many of a hundred cases are of each kind."""


def make_case(seed: int, number: int, folder: Path) -> Case:
    """Case ``number`` of a seed, its files made in an empty folder."""
    rng = np.random.default_rng([seed, number])
    wheel = [kind for share, kind in KINDS for _ in range(share)]
    return wheel[number * 37 % len(wheel)](rng, folder)
