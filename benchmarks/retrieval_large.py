"""Study S8: a high-resolution array with a gap far from the peak: five treatments of 4 % of the voxels, and what they do.

256 × 300 × 300 voxels, a cross 6 wide 40 voxels beside the peak; a faceted crystal with smooth strain, and one with a screw
dislocation. All treatments start from the same object and support, those of ``crop`` (three random starts at low resolution,
their best two averaged, brought to the full grid), and take the same few iterations at full size.

Each call does one part, so that a night's queue may take them one by one:

    python benchmarks/retrieval_large.py prepare smooth --work s8
    python benchmarks/retrieval_large.py run smooth free --work s8      # none, free, free-streaks, zero, filled, bounded, crop
    python benchmarks/retrieval_large.py draw --work s8 --out docs/results

``draw`` writes retrieval_large.csv and retrieval_large_CRYSTAL.png of what is there.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from shared.known_crystals import cross, measure, object_of

from braggfill import fill_gaps
from braggfill.base.pictures import SIGNED_MAP, new_figure, write_picture
from braggfill.base.writing import write_table
from braggfill.crystal.search.alignment import align, correlation
from braggfill.retrieval.coherent import run_schedule
from braggfill.retrieval.deformation import check_crystal, interior, oscillation, phase_gradient, strain_rmse
from braggfill.retrieval.hidden_voxels import hidden_deviance, hide_voxels
from braggfill.retrieval.iterations import Iterate
from braggfill.retrieval.pattern import Pattern, prepare_pattern
from braggfill.retrieval.reconstruction import retrieve
from braggfill.retrieval.shrink_wrap import FINEST_BLUR, shrink_wrap
from braggfill.retrieval.treatments import amplitude_bounds
from braggfill.scan.boxes import bounding_box
from braggfill.simulation.realism import histogram_width

SHAPE, OVERSAMPLING, PEAK_COUNTS = (256, 300, 300), 4.0, 3e7
WIDTH, DISTANCE = 6, 40
SEEDS = {"smooth": 8101, "dislocation": 8102}
TREATMENTS = ("none", "free", "free-streaks", "zero", "filled", "bounded", "crop")
"""``none`` has no gap: the reference."""
SCHEDULE = (("raar", 20), ("er", 3), ("ml", 9))
"""From the low-resolution object, in its support as the full grid shows it."""
STEEP = 0.15
"""Phase gradients in radians a voxel above which a voxel belongs to the core of a dislocation, and is not judged."""


def prepare(kind: str, work: Path) -> None:
    """Simulate a crystal's scan, fill its gap, and find the low-resolution object."""
    known = measure(kind, SEEDS[kind], SHAPE, OVERSAMPLING, PEAK_COUNTS)
    mask = cross(SHAPE, WIDTH, DISTANCE)
    start = time.perf_counter()
    filled = fill_gaps(np.where(mask, 0, known.counts), mask, device="cpu")
    print(f"filled in {time.perf_counter() - start:.1f} s, {100 * filled.filled.mean():.1f} % of the voxels")
    arrays = {"data": filled.intensity, "filled": filled.filled, "std": filled.std, "counts": known.counts}
    np.savez(work / f"{kind}_scan.npz", amplitude=known.amplitude, **arrays)
    low = retrieve(
        filled.intensity,
        filled=filled.filled,
        std=filled.std,
        treatment="crop",
        coherence="full",
        starts=3,
        keep=2,
        counts_per_unit=1,
        device="cpu",
    )
    print(low.starts, low.modes, low.oversampling)
    pattern = prepare_pattern(filled.intensity, None, filled.filled, filled.std, counts_per_unit=1)
    truth = object_of(known.amplitude, pattern.peak)
    crystal, alike = align(
        truth, low.crystal
    )  # all treatments start from here, so that they lie on the truth and on each other
    print(f"low resolution: correlation {alike:.4f}")
    np.savez(work / f"{kind}_low.npz", crystal=crystal, truth=truth)


def patterns(scan: dict[str, np.ndarray], treatment: str) -> Pattern:
    """The pattern of a treatment; without a gap the counts that were hidden are there."""
    if treatment == "none":
        return prepare_pattern(scan["counts"])
    return prepare_pattern(scan["data"], None, scan["filled"], scan["std"], counts_per_unit=1)


def run(kind: str, treatment: str, work: Path) -> None:
    """Retrieve one object at full size, align it to the truth and measure it."""
    with np.load(work / f"{kind}_scan.npz") as file:
        scan = dict(file)
    with np.load(work / f"{kind}_low.npz") as file:
        low, truth = file["crystal"], file["truth"]
    crystal, deviance, start = low, np.nan, time.perf_counter()
    if treatment != "crop":
        pattern, name = patterns(scan, treatment), "free" if treatment == "none" else treatment
        hidden = hide_voxels(np.random.default_rng(0), pattern)
        support = shrink_wrap(torch.from_numpy(np.abs(low)), torch.from_numpy(check_crystal(low)), FINEST_BLUR)
        iterate = Iterate(torch.from_numpy(low), support, amplitude_bounds(pattern, name, hidden, 0))
        run_schedule(
            iterate, SCHEDULE, lambda n: print(n, end=" ", flush=True), lambda: amplitude_bounds(pattern, name, hidden)
        )
        deviance, crystal = hidden_deviance(iterate.crystal, pattern, hidden), iterate.crystal.numpy()
    seconds = time.perf_counter() - start
    scores = judge(crystal, truth) | {
        "correlation": correlation(truth, crystal),
        "hidden_deviance": deviance,
        "seconds": seconds,
    }
    print(json.dumps(scores))
    keep_slices(work / f"{kind}_{treatment}.npz", crystal, truth, scores)


def judge(crystal: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Oscillations of modulus and strain inside the crystal, by themselves and less the true ones; errors; histogram width."""
    inside = check_crystal(truth)
    box = bounding_box(torch.from_numpy(inside), 4)
    inside, truth, crystal = inside[box], truth[box], crystal[box]
    true, ours = (phase_gradient(c, inside)[1] for c in (truth, crystal))
    core = interior(inside) & (np.abs(true) < STEEP)
    modulus, expected = (np.abs(c) / np.abs(c)[core].mean() for c in (crystal, truth))
    return {
        "modulus_oscillation": oscillation(modulus, core),
        "modulus_artefact": oscillation(modulus - expected, core),
        "strain_artefact_mrad": 1e3 * oscillation(ours - true, core),
        "strain_oscillation_mrad": 1e3 * oscillation(ours, core),
        "true_strain_oscillation_mrad": 1e3 * oscillation(true, core),
        "strain_rmse_mrad": 1e3 * strain_rmse(ours, true, core),
        "modulus_error": float(np.sqrt(np.mean((modulus - expected)[core] ** 2))),
        "histogram_width": histogram_width(modulus),
    }


def keep_slices(path: Path, crystal: np.ndarray, truth: np.ndarray, scores: dict[str, float]) -> None:
    """Keep what is drawn: the middle frame of the object and of its intensity."""
    inside = check_crystal(truth)
    middle = len(truth) // 2
    intensity = torch.fft.fftshift(torch.fft.fftn(torch.from_numpy(crystal.sum(0))).abs().square()).numpy()
    gradient = phase_gradient(crystal[middle - 1 : middle + 2], inside[middle - 1 : middle + 2])[1][1]
    modulus = np.abs(crystal[middle])
    np.savez(path, modulus=modulus, gradient=gradient, intensity=intensity, inside=inside[middle], scores=json.dumps(scores))


def draw(work: Path, out: Path) -> None:
    """Write the table and the pictures of every part that was run."""
    rows = []
    for kind in SEEDS:
        parts = {t: dict(np.load(work / f"{kind}_{t}.npz")) for t in TREATMENTS if (work / f"{kind}_{t}.npz").exists()}
        for treatment, part in parts.items():
            scores = json.loads(str(part["scores"]))
            rows.append({"crystal": kind, "treatment": treatment} | scores)
        if parts:
            picture(out / f"retrieval_large_{kind}.png", parts)
    write_table(out / "retrieval_large.csv", rows)


def picture(path: Path, parts: dict[str, dict[str, np.ndarray]]) -> None:
    """Draw modulus, phase gradient and reconstructed intensity in the middle frame, one column a treatment."""
    figure = new_figure(2.3 * len(parts), 6.6)
    axes = figure.subplots(3, len(parts), squeeze=False)
    for column, (treatment, part) in zip(axes.T, parts.items(), strict=True):
        rows, columns = (slice(n.min() - 4, n.max() + 5) for n in np.nonzero(part["inside"]))
        modulus = part["modulus"][rows, columns]
        column[0].imshow(modulus / np.median(part["modulus"][part["inside"]]), cmap="gray", vmin=0.6, vmax=1.3)
        column[1].imshow(part["gradient"][rows, columns], cmap=SIGNED_MAP, vmin=-0.12, vmax=0.12)
        column[2].imshow(np.log10(1 + part["intensity"]), cmap="gray", vmin=0, vmax=4)
        column[0].set_title(treatment if treatment != "none" else "no gap")
        for panel in column:
            panel.set(xticks=[], yticks=[])
    for panel, name in zip(axes[:, 0], ("modulus", "phase gradient", "log10(1 + counts)"), strict=True):
        panel.set_ylabel(name)
    write_picture(path, figure, 70)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("prepare", "run", "draw"))
    parser.add_argument("crystal", nargs="?", choices=tuple(SEEDS))
    parser.add_argument("treatment", nargs="?", choices=TREATMENTS)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(exist_ok=True)
    if arguments.part == "prepare":
        prepare(arguments.crystal, arguments.work)
    elif arguments.part == "run":
        run(arguments.crystal, arguments.treatment, arguments.work)
    else:
        draw(arguments.work, arguments.out)


if __name__ == "__main__":
    main()
