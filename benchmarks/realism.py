"""Whether simulated objects and patterns look like measured ones; the stages of one crystal as pictures (supplement S2).

Run: python benchmarks/realism.py [--scan au_34idc_s0054.npz]

Writes docs/results/simulation_stages.png, simulation_widths.csv and simulation_realism.png; with a measured scan (not part of
this repository) the last shows it beside the simulated set, and simulation_realism.csv tells what was found.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import LogNorm

from braggfill.base.pictures import COUNTS_MAP, SIGNED_MAP, new_figure, print_style, write_picture
from braggfill.base.writing import write_table
from braggfill.simulation.crystal import Crystal, box_round, finest_size
from braggfill.simulation.degrade import ObjectRanges, degraded_object, replaced_phase, smooth_modulus, uneven_modulus
from braggfill.simulation.diffract import atomic_object, diffraction_pattern
from braggfill.simulation.geometry import measured_directions
from braggfill.simulation.library import Library
from braggfill.simulation.measurement import MeasurementRanges, counting_noise, partial_coherence
from braggfill.simulation.realism import empty_share, histogram_width, modulus_histogram, radial_profile
from braggfill.simulation.scans import PatternRanges, SimulationConfig, simulate

RESULTS = Path(__file__).parents[1] / "docs" / "results"
PLAIN_WIDTH, MEASURED_WIDTH = 0.117, 0.186
"""Full widths of the modulus histogram in the supplement: plain simulation, measured crystal."""
BOX = 20
"""Voxels of the box in which histograms are taken, 17 across the crystal: the cut-off pattern's ringing sets their width."""
BOXES = (12, 16, 20, 24, 28, 32)
AU_SHAPE, AU_FRINGES = (201, 256, 256), (11.0, 4.5, 3.5)
"""Shape and fringe periods of the measured Au scan, in voxels."""
RADII = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20, 26])
"""Edges of the shells of the radial profile, in fringes."""


def crystal_and_directions(number: int, library: Library) -> tuple[Crystal, np.ndarray]:
    """A crystal of the library at its 111 reflection, and the directions of a scan at 9 keV."""
    relaxed = library[number]
    crystal = Crystal(relaxed.particle, relaxed.displacement_angstrom, (1, 1, 1))
    return crystal, measured_directions(crystal.g_inv_angstrom, 9.0, 0.3, 0.0)


def plain_widths(library: Library) -> dict[int, float]:
    """Median width of the plain modulus histogram against the voxels of the box, over some of the crystals."""
    widths: dict[int, list[float]] = {box: [] for box in BOXES}
    for number in range(0, len(library), 4):
        crystal, directions = crystal_and_directions(number, library)
        for box in (b for b in BOXES if b <= finest_size(crystal, directions)):
            widths[box].append(histogram_width(atomic_object(crystal, box_round(crystal, directions, box)).abs().numpy()))
    return {box: float(np.median(found)) for box, found in widths.items()}


def histogram_widths(library: Library) -> list[dict]:
    """Width of the modulus histogram of every crystal that is large enough, as it is and after the changes of S2.2."""
    rows = []
    for number, name in enumerate(library.names):
        crystal, directions = crystal_and_directions(number, library)
        if finest_size(crystal, directions) < BOX:
            continue
        plain = atomic_object(crystal, box_round(crystal, directions, BOX))
        changed = degraded_object(np.random.default_rng(number), plain, ObjectRanges())
        widths = {"plain": histogram_width(plain.abs().numpy()), "changed": histogram_width(changed.abs().numpy())}
        rows.append({"crystal": name} | widths)
    return rows


def stages(library: Library, out: Path) -> None:
    """Draw one crystal through every stage: patterns, modulus, histogram, phase (Figs 2 to 6 of the supplement)."""
    number = next(
        n
        for n in range(len(library))
        if library[n].particle.shape == "winterbottom" and len(library[n].particle.sites) > 60_000
    )
    crystal, directions = crystal_and_directions(number, library)
    rng, box = np.random.default_rng(3), min(48, finest_size(crystal, directions))
    plain = atomic_object(crystal, box_round(crystal, directions, box))
    smooth = smooth_modulus(plain, 0.012 * box)
    uneven = uneven_modulus(rng, smooth, 0.09, 0.06 * box)
    replaced = replaced_phase(rng, uneven, 4.0, 0.2 * box)
    objects = {"atoms": plain, "smoothed, cut": smooth, "uneven": uneven, "phase replaced": replaced}
    shape, oversampling = (128, 128, 128), (3.4, 3.4, 3.4)
    ideal = {n: diffraction_pattern(o, shape, oversampling, (64.0, 64.0, 64.0)) for n, o in objects.items() if n != "uneven"}
    blurred = partial_coherence(rng, ideal["phase replaced"], MeasurementRanges(coherence_sigma=(0.8, 0.8)))
    patterns = ideal | {"blurred": blurred, "counts": counting_noise(rng, blurred * 1e6 + 0.005) / 1e6}
    figure = new_figure(7.2, 6.2)
    axes = figure.subplots(4, 5)
    for column, (name, pattern) in enumerate(patterns.items()):
        log = LogNorm(1e-7, 1)
        axes[0, column].imshow(pattern.sum(0).clamp(min=1e-9), norm=LogNorm(1e-6, 10), cmap=COUNTS_MAP)
        axes[0, column].set_title(f"{name}:\nprojection")
        axes[1, column].imshow(pattern[64].clamp(min=1e-9), norm=log, cmap=COUNTS_MAP)
        axes[1, column].set_title(f"{name}:\ncentral frame")
    middle = box // 2
    for column, (name, shown) in enumerate(objects.items()):
        modulus = shown.abs()
        axes[2, column].imshow(modulus[middle], cmap="viridis", vmin=0, vmax=1.4)
        axes[2, column].set_title(f"{name}:\nmodulus")
        inside = modulus > 0.5
        phase = torch.where(inside, shown.angle(), torch.nan)
        axes[3, column].imshow(phase[middle], cmap=SIGNED_MAP, vmin=-1.5, vmax=1.5)
        axes[3, column].set_title(f"{name}:\nphase (±1.5 rad)")
    for name, shown in objects.items():
        share, centres = modulus_histogram(shown.abs().numpy())
        axes[2, 4].plot(centres, share / share.max(), label=f"{name}: {histogram_width(shown.abs().numpy()):.3f}")
    axes[2, 4].set(title="histogram of the\nmodulus, its width", xlabel="modulus / mode", xlim=(0, 1.6))
    axes[2, 4].legend(fontsize=4)
    axes[3, 4].axis("off")
    for panel in axes.ravel():
        if panel is not axes[2, 4]:
            panel.set_xticks([])
            panel.set_yticks([])
    relaxed = crystal.particle
    figure.suptitle(f"{relaxed.metal} {relaxed.shape} of {len(relaxed.sites)} atoms, 111")
    write_picture(out, figure, 200)


def au_like_scans(number: int, library: Library) -> list[np.ndarray]:
    """Simulated counts at the shape and the fringe periods of the measured Au scan, every other choice as in training.

    Fringes come from opposite facets, which are no farther apart than the whole crystal extends: its oversampling
    is their period or less.
    """
    frames, rows, columns = AU_FRINGES
    detector = np.sqrt(rows * columns)
    patterns = replace(
        PatternRanges(),
        detector_oversampling=(0.6 * detector, detector),
        rocking_stretch=(frames / detector,) * 2,
        detector_stretch=(rows / columns,) * 2,
        peak_offset=(0.0, 0.0),
    )
    config = SimulationConfig(patterns=patterns)
    return [s.counts for s in simulate(number, shape=AU_SHAPE, seed=54, crystals=library, config=config)]


def draw_realism(widths: list[dict], simulated: list[np.ndarray], measured: np.ndarray | None, out: Path) -> list[dict]:
    """Draw histogram widths, shares of empty voxels and radial profiles side by side; return what they say as rows."""
    figure = new_figure(15, 4.5)
    left, middle, right = figure.subplots(1, 3)
    changed, plain = ([row[kind] for row in widths] for kind in ("changed", "plain"))
    bins = np.arange(0, 0.6, 0.02)
    left.hist(plain, bins, alpha=0.6, label=f"atoms: median {np.median(plain):.3f}")
    left.hist(changed, bins, alpha=0.6, label=f"changed: {np.quantile(changed, 0.25):.3f} to {np.quantile(changed, 0.75):.3f}")
    left.axvline(PLAIN_WIDTH, color="C0", ls="--", label=f"paper, plain: {PLAIN_WIDTH}")
    left.axvline(MEASURED_WIDTH, color="C1", ls="--", label=f"paper, measured: {MEASURED_WIDTH}")
    left.set(title="width of the modulus histogram", xlabel="FWHM / mode", ylabel="crystals")
    left.legend(fontsize=8)
    empty = [empty_share(c) for c in simulated]
    middle.hist(empty, np.arange(0, 1.05, 0.05), label="simulated")
    middle.set(title="share of empty voxels", xlabel="share", ylabel="scans")
    profiles = np.array([radial_profile(c, AU_FRINGES, RADII) for c in simulated])
    low, mid, high = np.nanquantile(profiles, (0.0, 0.5, 1.0), axis=0)
    radius = (RADII[1:] + RADII[:-1]) / 2
    right.fill_between(radius, low, high, alpha=0.3, label="simulated, all")
    right.plot(radius, mid, label="simulated, median")
    right.set(yscale="log", title="radial profile", xlabel="fringes from the peak", ylabel="mean counts / peak")
    rows = [{"quantity": "empty share", "measured": "", "low": min(empty), "high": max(empty)}]
    rows += [
        {"quantity": f"profile at {r:g} fringes", "measured": "", "low": a, "high": b}
        for r, a, b in zip(radius, low, high, strict=True)
    ]
    if measured is not None:
        found = [empty_share(measured), *radial_profile(measured, AU_FRINGES, RADII)]
        rows = [row | {"measured": value} for row, value in zip(rows, found, strict=True)]
        middle.axvline(found[0], color="k", label="Au S0054")
        right.plot(radius, found[1:], "k.-", label="Au S0054")
    middle.legend(fontsize=8)
    right.legend(fontsize=8)
    write_picture(out, figure)
    return rows


def main() -> None:
    """Make all figures and print what they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scan", type=Path, help="measured scan, array 'data'")
    parser.add_argument("--number", type=int, default=24, help="simulated scans to compare with it")
    parser.add_argument("--stages", action="store_true", help="only the picture of one crystal's stages")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    library = Library()
    with print_style():
        stages(library, arguments.out / "simulation_stages.png")
    if arguments.stages:
        return
    widths = histogram_widths(library)
    write_table(arguments.out / "simulation_widths.csv", widths)
    measured = np.load(arguments.scan)["data"] if arguments.scan else None
    rows = draw_realism(widths, au_like_scans(arguments.number, library), measured, arguments.out / "simulation_realism.png")
    if measured is not None:
        write_table(arguments.out / "simulation_realism.csv", rows)
        inside = [row["low"] <= row["measured"] <= row["high"] for row in rows]
        print(f"{sum(inside)} of {len(inside)} measured figures lie within the simulated ones")
    for box, width in plain_widths(library).items():
        print(f"histogram width, plain, {box} voxels a box: median {width:.3f}")
    for kind in ("plain", "changed"):
        quartiles = np.quantile([row[kind] for row in widths], (0.25, 0.5, 0.75))
        print(f"histogram width, {kind}: quartiles {quartiles.round(3)} of {len(widths)} crystals")


if __name__ == "__main__":
    main()
