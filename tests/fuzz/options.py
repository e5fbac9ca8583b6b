"""Hostile options: values that no one would give, on the command line, in a table, and in Python."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

import braggfill
from fuzz.material import NUMBERS, TEXTS, Rng, copied, hostile_array, one_of, small_scan, tiny_training
from fuzz.rule import Case
from fuzz.verbs import QUICK, QUICK_SEARCH, inside

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
        "negatives",
    ],
    "mask": ["crop", "dark", "negatives", "mask", "detector", "roi", "output", "plot"],
    "strain": ["voxel-nm", "q-inv-nm", "truth", "output"],
    "retrieve": ["schedule", "starts", "keep", "seed", "treatment", "counts-per-unit", "coherence", "support"],
    "evaluate": [
        "crop",
        "bin",
        "dark",
        "flat",
        "negatives",
        "method",
        "baseline",
        "counts-per-unit",
        "json",
        "plot",
        "weights",
    ],
    "simulate": ["n", "shape", "seed", "cross", "split", "library", "config"],
    "compare": ["schedule", "starts", "treatment", "voxel-nm", "q-inv-nm"],
    "train": ["config", "start", "measured", "device", "devices"],
    "finetune": ["negatives", "start", "minutes", "seed", "counts-per-unit"],
}

SWITCHES = {name: ["--overwrite"] for name in FLAGS} | {
    "fill": ["--hot", "--again", "--tta", "--no-self-test"],
    "convert": ["--hot", "--again"],
    "mask": ["--hot", "--again", "--find"],
    "strain": ["--keep-ramp"],
    "evaluate": ["--again", "--hot"],
    "simulate": ["--truth"],
    "train": ["--resume"],
    "finetune": ["--again"],
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
    if rng.random() < 0.25:
        words.append(one_of(rng, SWITCHES[name]))
    words = [w if not isinstance(w, str) else w.replace("\0", "") for w in words]
    return Case(f"options: {' '.join(map(repr, words))[:300]}", inside(folder, words), folder, [made], allowed=(0, 1, 2))


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
        ("train", lambda: braggfill.train(folder / "run", "none" if other is None else other)),
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
