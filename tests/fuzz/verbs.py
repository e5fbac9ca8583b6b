"""Verbs of the command line with their usual words, as hostile cases begin."""

import os
from collections.abc import Callable
from pathlib import Path

from program import run

from fuzz.material import Rng, one_of
from fuzz.rule import Case

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
