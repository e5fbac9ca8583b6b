"""``braggfill strain``: from a complex object to displacement and strain."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from braggfill.base.errors import InputError
from braggfill.commands.shell import Overwrite, QVector, VoxelSize, console, say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from braggfill.retrieval.deformation import Deformation


def strain(
    crystal: Annotated[str, typer.Argument(metavar="OBJECT", help="Object of 'retrieve' (.npz), or a complex volume.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result, .npz; else OBJECT_strain.npz.")] = None,
    voxel_nm: VoxelSize = (1, 1, 1),
    q_inv_nm: QVector = (1, 0, 0),
    truth: Annotated[
        str | None, typer.Option(help="Known object to compare with; the picture then shows the difference of the strains.")
    ] = None,
    keep_ramp: Annotated[bool, typer.Option("--keep-ramp", help="Leave the phase's mean gradient in.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Also draw slices (.png).")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Unwrap an object's phase, take its ramp and offset off, and give displacement and strain along the scattering vector.

    Example: braggfill strain S12_object.npz --voxel-nm 5 6 6 --q-inv-nm 26.7 0 0 --plot S12_strain.png
    """
    from braggfill.commands.opening import beside, check_writable
    from braggfill.reports.objects import Units, plot_deformation
    from braggfill.retrieval.deformation import strain as run
    from braggfill.retrieval.files import read_crystal, write_deformation

    output = output or beside(crystal, "_strain.npz")
    check_writable({".npz": output, ".png": plot}, [crystal, truth], overwrite)
    volume, support = read_crystal(crystal)
    geometry: dict[str, Any] = {"voxel_nm": voxel_nm, "q_inv_nm": q_inv_nm, "keep_ramp": keep_ramp}
    result = run(volume, support, **geometry)
    name = beside(crystal, Path(crystal).suffix).name
    against = beside_the_truth(volume, truth, geometry) if truth else None
    figures = figures_of(result) | (against.figures if against else {})
    write_deformation(output, result, geometry | {"input": name} | figures)
    units = Units(voxel_nm, q_inv_nm)
    if plot:
        if against:
            plot_deformation(plot, against.crystal, against.found, name, units, against.known)
        else:
            plot_deformation(plot, volume, result, name, units)
    say(console, f"{in_words(figures, units.strain)}; written to {output}")


def figures_of(result: "Deformation") -> dict[str, float]:
    """What a deformation is in figures: average strain, and its spread and oscillation in the interior."""
    import numpy as np

    from braggfill.retrieval.deformation import interior, oscillation

    core = interior(result.support)
    spread, ripple = float(np.nanstd(result.strain[core])), oscillation(result.strain, core)
    return {"average_strain": result.average_strain, "spread": spread, "oscillation": ripple}


@dataclass(frozen=True)
class Against:
    """An object laid on a known one."""

    crystal: "NDArray[Any]"
    """(frames, rows, columns)."""
    correlation: float
    found: "Deformation"
    """Of the object, in the known one's support."""
    known: "Deformation"

    @property
    def figures(self) -> dict[str, float]:
        """RMSE of its strain in the interior, and the correlation of the objects."""
        from braggfill.retrieval.deformation import interior, strain_rmse

        error = strain_rmse(self.found.strain, self.known.strain, interior(self.known.support))
        return {"rmse": error, "correlation": self.correlation}


def beside_the_truth(volume: "NDArray[Any]", truth: str, geometry: dict[str, Any]) -> Against:
    """An object (frames, rows, columns) laid on the one of a file."""
    from braggfill.crystal.search.alignment import align
    from braggfill.retrieval.deformation import strain
    from braggfill.retrieval.files import read_crystal

    true, inside = read_crystal(truth)
    if true.shape != volume.shape:
        raise InputError(
            f"truth {truth}: got an object of {true.shape} voxels, expected {volume.shape} like the other one; cut or pad one"
        )
    known = strain(true, inside, **geometry)
    moved, alike = align(true, volume)
    return Against(moved, alike, strain(moved, known.support, **geometry), known)


def in_words(figures: dict[str, float], strain: str) -> str:
    """The figures as a sentence, with what the strain is called."""
    sentence = "average {strain} {average_strain:.2e}, spread {spread:.2e}, oscillation {oscillation:.2e} in the interior"
    against = "; RMSE {rmse:.2e} against the known object (correlation {correlation:.4f})" if "rmse" in figures else ""
    return (sentence + against).format(strain=strain, **figures)
