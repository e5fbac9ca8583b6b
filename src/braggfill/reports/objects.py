"""What a person sees of objects: slices of modulus, phase, displacement and strain, treatments side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from braggfill.base.pictures import SIGNED_MAP, new_figure, show_counts, write_picture
from braggfill.crystal.search.alignment import Object
from braggfill.judging.comparison import Compared, Comparison
from braggfill.reports.choice import Through
from braggfill.reports.insides import hatch, inside_limit, scale_bar, surface
from braggfill.reports.planes import meeting_place, plane_axes, slice_heights
from braggfill.retrieval.deformation import Deformation, interior, strain
from braggfill.scan.boxes import bounding_box
from braggfill.scan.gaps import AXIS_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase
    from matplotlib.image import AxesImage

MARGIN = 4
"""Voxels shown round an object."""
MODULUS_MAP, LARGEST_MODULUS = "gray", 1.4
"""Colours of the modulus over the bulk's, from 0 to this."""
DPI = 100
SURFACE_TOLD = "hatched: the surface, which the colours' limits leave out"
CUBE_OF_1, ALONG_FRAMES = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0)
"""Voxel and scattering vector of whom nobody has told theirs."""


@dataclass(frozen=True)
class Units:
    """What a person has told of an object's voxels and reflection, and so what its fields are in."""

    voxel_nm: tuple[float, float, float] = CUBE_OF_1
    q_inv_nm: tuple[float, float, float] = ALONG_FRAMES

    @property
    def voxels_known(self) -> bool:
        """Whether lengths can be told in nm."""
        return tuple(self.voxel_nm) != CUBE_OF_1

    @property
    def vector_known(self) -> bool:
        """Whether a phase can be told as a displacement."""
        return tuple(self.q_inv_nm) != ALONG_FRAMES

    @property
    def displacement(self) -> str:
        """What a displacement is called."""
        return "displacement (nm)" if self.vector_known else "displacement (nm, if |G| = 1/nm)"

    @property
    def strain(self) -> str:
        """What a strain is called: without a voxel and a vector it is the phase's change from frame to frame."""
        if self.vector_known:
            return "strain" if self.voxels_known else "strain (if voxels are of 1 nm)"
        return "strain (if |G| = 1/nm)" if self.voxels_known else "-phase gradient (rad a voxel)"

    def pixel_nm(self, axis: int) -> float | None:
        """Width of a pixel in slices through an axis."""
        return self.voxel_nm[plane_axes(axis)[1]] if self.voxels_known else None

    def aspect(self, axis: int) -> float:
        """Height over width of a pixel in slices through an axis."""
        down, across = plane_axes(axis)
        return self.voxel_nm[down] / self.voxel_nm[across]


@dataclass(frozen=True)
class Field:
    """A volume (frames, rows, columns) and how it is shown."""

    name: str
    volume: NDArray[Any]
    largest: float
    signed: bool = True

    def show(self, panel: "Axes", where: tuple[int, int], window: tuple[slice, slice], units: Units) -> "AxesImage":
        """Draw the slice ``where`` (axis, index), or a part of it."""
        axis, index = where
        least = -self.largest if self.signed else 0.0
        shown = panel.imshow(
            np.take(self.volume, index, axis)[window],
            cmap=SIGNED_MAP if self.signed else MODULUS_MAP,
            vmin=least,
            vmax=self.largest,
            interpolation="nearest",
            aspect=units.aspect(axis),
        )
        panel.set(xticks=[], yticks=[])
        return shown


def fields_of(crystal: Object, deformation: Deformation, units: Units) -> list[Field]:
    """What there is to see of an object (frames, rows, columns), its colours ruled by its inside."""
    modulus, inside = np.abs(crystal), deformation.support
    displacement, field = deformation.displacement_nm, deformation.strain
    return [
        Field("modulus over the bulk's", modulus / np.median(modulus[interior(inside)]), LARGEST_MODULUS, signed=False),
        Field("phase (rad)", deformation.phase, inside_limit(deformation.phase, inside)),
        Field(units.displacement, displacement, inside_limit(displacement, inside)),
        Field(units.strain, field, inside_limit(field, inside)),
    ]


def plot_deformation(
    path: Path,
    crystal: Object,
    deformation: Deformation,
    title: str,
    units: Units | None = None,
    known: Deformation | None = None,
) -> None:
    """Draw modulus, phase, displacement and strain of an object in its middle planes (PNG).

    Parameters
    ----------
    path : Path
    crystal : complex array (frames, rows, columns)
    deformation : Deformation
        Of it.
    title : str
    units : Units, optional
    known : Deformation, optional
        The true one, on which the object lies: its strain is taken off in a further line, in the colours of the strain.
    """
    units = units or Units()
    fields = fields_of(crystal, deformation, units)
    if known:
        fields.append(Field("difference from the known strain", deformation.strain - known.strain, fields[-1].largest))
    write_picture(path, object_figure(fields, deformation.support, title, units), DPI)


def plot_object(path: Path, crystal: Object, support: NDArray[np.bool_], title: str) -> None:
    """Draw modulus and phase of an object, both (frames, rows, columns), in its middle planes (PNG)."""
    write_picture(path, modulus_and_phase(crystal, support, title), DPI)


def modulus_and_phase(crystal: Object, support: NDArray[np.bool_], title: str = "") -> "Figure":
    """Modulus and phase of an object, both (frames, rows, columns), its ramp taken off, in its middle planes."""
    units = Units()
    return object_figure(fields_of(crystal, strain(crystal, support), units)[:2], support, title, units)


def object_figure(fields: Sequence[Field], support: NDArray[np.bool_], title: str, units: Units) -> "Figure":
    """Fields of an object in its middle planes, a line each, its surface hatched; the support is (frames, rows, columns)."""
    middle = [int(np.median(places)) for places in np.nonzero(support)]
    figure = new_figure(9.2, 2.75 * len(fields) + 0.9)
    panels = figure.subplots(len(fields), 3, squeeze=False)
    for number, (line, field) in enumerate(zip(panels, fields, strict=True)):
        for axis, panel in enumerate(line):
            window = _window(support, axis)
            shown = field.show(panel, (axis, middle[axis]), window, units)
            if field.signed:
                hatch(panel, np.take(surface(support), middle[axis], axis)[window])
            panel.set_ylabel(AXIS_NAMES[plane_axes(axis)[0]], fontsize=8)
            if number == 0:
                panel.set_title(f"{AXIS_NAMES[axis]} {middle[axis]}", fontsize=10)
            if number == len(fields) - 1:
                scale_bar(panel, axis, units.pixel_nm(axis))
        figure.colorbar(shown, ax=list(line), label=field.name, pad=0.01, extend="both" if field.signed else "max")
    figure.suptitle(f"{title}\n{SURFACE_TOLD}" if title else SURFACE_TOLD, fontsize=11, parse_math=False)
    return figure


def intensity_slice(crystal: Object) -> NDArray[np.float32]:
    """Counts (rows, columns) that an object (frames, rows, columns) scatters into the frame through its peak."""
    projected = torch.from_numpy(np.ascontiguousarray(crystal.sum(0)))  # frequency zero along frames
    counts: NDArray[np.float32] = torch.fft.fftshift(torch.fft.fftn(projected).abs().square()).numpy()
    return counts


def plot_comparison(
    path: Path, comparison: Comparison, title: str, units: Units | None = None, through: Through = "peak"
) -> None:
    """Draw a scan, filled voxels told from measured ones, and below what every treatment of its gaps makes of it (PNG)."""
    compared, units = comparison.compared, units or Units()
    wide = max(2.4 * len(compared) + 0.8, 9.5)
    high = wide / 6.5 * max(slice_heights(comparison.counts.shape)) + 1.0, 10.6
    figure = new_figure(wide, sum(high))
    grid = figure.add_gridspec(2, 1, height_ratios=high)
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _draw_scan(above, comparison, through)
    _draw_treatments(below, comparison, units)
    figure.suptitle(title, parse_math=False)
    write_picture(path, figure, DPI)


def _draw_scan(figure: "FigureBase", comparison: Comparison, through: Through) -> None:
    """Three slices of the scan twice, as measured and as filled, gaps outlined."""
    missing = comparison.filled | comparison.mask
    place = meeting_place(comparison.counts, missing, through)
    brightest = float(comparison.counts.max())
    views = (("measured", missing), ("filled", comparison.mask))
    panels = figure.subplots(1, 6)
    for axis in range(3):
        gap = np.take(missing, place[axis], axis)
        picture = np.take(comparison.counts, place[axis], axis)
        for panel, (name, blank) in zip(panels[axis::3], views, strict=True):
            shown = np.where(np.take(blank, place[axis], axis), np.nan, picture)
            show_counts(panel, shown, brightest, f"{name}, {AXIS_NAMES[axis]} {place[axis]}", gap)
            panel.title.set_fontsize(9)
    figure.colorbar(panels[-1].images[0], ax=list(panels), label="log10(1 + counts)", pad=0.01, aspect=12)
    figure.supxlabel(
        "lines: borders of what was not measured; between them grey is not known, colours are estimates", fontsize=9
    )


def _draw_treatments(figure: "FigureBase", comparison: Comparison, units: Units) -> None:
    """The middle frame of every treatment's modulus, phase and strain, and the peak's frame of its counts, a column each."""
    compared = comparison.compared
    support = compared[0].deformation.support
    frame, window = support.shape[0] // 2, _window(support, 0)
    outer = surface(support)[frame][window]
    rows = shared_fields(compared, units)
    counts = [intensity_slice(c.crystal) for c in compared]
    axes = figure.subplots(4, len(compared), squeeze=False)
    for column, (panels, c) in enumerate(zip(axes.T, compared, strict=True)):
        for panel, fields in zip(panels, rows, strict=False):
            fields[column].show(panel, (0, frame), window, units)
            if fields[column].signed:
                hatch(panel, outer)
        scale_bar(panels[2], 0, units.pixel_nm(0))
        show_counts(panels[3], counts[column], float(max(v.max() for v in counts)), gap=comparison.gap_at_the_peak)
        chosen = " (advised)" if c.treatment == comparison.advice.treatment else ""
        told = f"{c.treatment}{chosen}\n{c.result.converged} of {c.result.tried} converged"
        panels[0].set_title(told, fontsize=10, fontweight="bold" if chosen else "normal")
    for line, fields in zip(axes, rows, strict=False):
        extend = "both" if fields[0].signed else "max"
        figure.colorbar(line[0].images[0], ax=list(line), label=fields[0].name, pad=0.01, extend=extend)
    figure.colorbar(axes[3, 0].images[0], ax=list(axes[3]), label="log10(1 + counts), the object's", pad=0.01)
    figure.supxlabel(f"frame {frame} of the object, {SURFACE_TOLD}; colours are the same for every treatment", fontsize=9)


def shared_fields(compared: Sequence[Compared], units: Units) -> list[list[Field]]:
    """Modulus, phase and strain of every treatment, with the same limits: the middle one of what their insides ask for.

    The middle one, so that a treatment that goes wild takes the colours from none of the others.
    """
    each = [fields_of(c.crystal, c.deformation, units) for c in compared]
    shared = []
    for number in (0, 1, 3):
        fields = [own[number] for own in each]
        largest = float(np.median([f.largest for f in fields]))
        shared.append([Field(f.name, f.volume, largest, f.signed) for f in fields])
    return shared


def _window(support: NDArray[np.bool_], axis: int) -> tuple[slice, slice]:
    """The part of the planes across an axis that holds an object, and a margin."""
    rows, columns = bounding_box(np.asarray(support.any(axis=axis)), MARGIN)
    return rows, columns
