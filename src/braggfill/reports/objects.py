"""What a person sees of objects: slices of modulus, phase, strain and intensity; the table of a comparison."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from braggfill.base.pictures import new_figure, write_picture
from braggfill.judging.comparison import Compared
from braggfill.retrieval.alignment import Object
from braggfill.retrieval.deformation import Deformation
from braggfill.retrieval.result import RetrievalResult
from braggfill.scan.boxes import bounding_box
from braggfill.scan.gaps import AXIS_NAMES

MARGIN = 4
"""Voxels shown round an object."""
LARGEST_QUANTILE = 0.98
"""Quantile of |strain| that the colours reach to."""


def comparison_table(compared: list[Compared]) -> Table:
    """How each treatment ended: hidden counts' deviance, how many starts converged and agree, ripples, alikeness."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("treatment", "deviance", "converged", "in common", "modulus ripple", "strain ripple", "mean strain", "alike"):
        table.add_column(name, justify="left" if name == "treatment" else "right", no_wrap=name == "treatment")
    for c in compared:
        ripples = f"{100 * c.modulus_oscillation:.2f} %", f"{c.strain_oscillation:.2e}", f"{c.deformation.average_strain:+.2e}"
        table.add_row(
            c.treatment,
            f"{c.result.starts[0].deviance:.3f}",
            f"{c.result.converged} of {c.result.tried}",
            f"{100 * c.result.modes[0]:.1f} %",
            *ripples,
            f"{c.correlation:.4f}",
        )
    return table


def start_table(result: RetrievalResult) -> Table:
    """How each random start ended."""
    table = Table("start", "hidden counts' deviance", "misfit / noise", "converged", "averaged", box=None, padding=(0, 1, 0, 0))
    for start in result.starts:
        ended = ("yes" if start.converged else "no") if start.finished else "left after the search"
        excess = f"{start.misfit / start.noise_misfit:.2f}"
        table.add_row(str(start.number), f"{start.deviance:.4f}", excess, ended, "yes" if start.averaged else "")
    return table


def intensity_slice(crystal: Object) -> NDArray[np.float32]:
    """Counts (rows, columns) that an object (frames, rows, columns) scatters into the frame through its peak."""
    projected = torch.from_numpy(np.ascontiguousarray(crystal.sum(0)))  # frequency zero along frames
    counts: NDArray[np.float32] = torch.fft.fftshift(torch.fft.fftn(projected).abs().square()).numpy()
    return counts


def plot_comparison(path: Path, compared: list[Compared], title: str) -> None:
    """Draw the middle frame of every treatment's modulus, phase, strain and intensity, one column each (PNG)."""
    support = compared[0].result.support
    frame = support.shape[0] // 2
    window = _window(support, 0)
    largest = np.nanquantile(np.abs(compared[0].deformation.strain), LARGEST_QUANTILE)
    figure = new_figure(2.4 * len(compared) + 0.8, 9)
    axes = figure.subplots(4, len(compared), squeeze=False)
    for column, c in zip(axes.T, compared, strict=True):
        modulus = np.abs(c.crystal[frame])
        bulk = np.median(np.abs(c.crystal)[support])
        shown = (
            column[0].imshow((modulus / bulk)[window], cmap="gray", vmin=0, vmax=1.4),
            column[1].imshow(c.deformation.phase[frame][window], cmap="twilight", vmin=-np.pi, vmax=np.pi),
            column[2].imshow(c.deformation.strain[frame][window], cmap="RdBu_r", vmin=-largest, vmax=largest),
            column[3].imshow(np.log10(1 + intensity_slice(c.crystal)), cmap="gray", vmin=0),
        )
        column[0].set_title(f"{c.treatment}\n{c.result.converged} of {c.result.tried} converged", fontsize=9)
        for panel in column:
            panel.set(xticks=[], yticks=[])
    for line, drawn, label in zip(axes, shown, ("modulus", "phase", "strain", "log10(1 + counts)"), strict=True):
        figure.colorbar(drawn, ax=line, label=label, pad=0.01)
    figure.suptitle(title, parse_math=False)
    write_picture(path, figure)


def plot_deformation(path: Path, crystal: Object, deformation: Deformation, title: str) -> None:
    """Draw modulus, phase, displacement and strain of an object (frames, rows, columns) in its middle planes (PNG)."""
    inside = np.nonzero(deformation.support)
    middle = [int(np.median(places)) for places in inside]
    largest = np.nanquantile(np.abs(deformation.strain), LARGEST_QUANTILE)
    reach = np.nanmax(np.abs(deformation.displacement_nm))
    rows = (
        ("modulus", np.abs(crystal), {"cmap": "gray", "vmin": 0}),
        ("phase (rad)", deformation.phase, {"cmap": "twilight", "vmin": -np.pi, "vmax": np.pi}),
        ("displacement (nm)", deformation.displacement_nm, {"cmap": "PuOr", "vmin": -reach, "vmax": reach}),
        ("strain", deformation.strain, {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}),
    )
    figure = new_figure(9, 11)
    for line, (name, volume, colours) in zip(figure.subplots(4, 3), rows, strict=True):
        for axis, panel in enumerate(line):
            window = _window(deformation.support, axis)
            drawn = panel.imshow(np.take(volume, middle[axis], axis)[window], **colours)
            panel.set(xticks=[], yticks=[], title=f"{AXIS_NAMES[axis]} {middle[axis]}")
        figure.colorbar(drawn, ax=line, label=name, pad=0.01)
    figure.suptitle(title, parse_math=False)
    write_picture(path, figure)


def _window(support: NDArray[np.bool_], axis: int) -> tuple[slice, slice]:
    """The part of the planes across an axis that holds an object, and a margin."""
    rows, columns = bounding_box(np.asarray(support.any(axis=axis)), MARGIN)
    return rows, columns
