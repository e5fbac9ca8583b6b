"""``braggfill strain``: from a complex object to displacement and strain."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from braggfill.commands.shell import Overwrite, QVector, VoxelSize, console, say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from braggfill.retrieval.deformation import Deformation


def strain(
    crystal: Annotated[str, typer.Argument(metavar="OBJECT", help="Object of 'retrieve' (.npz), or a complex volume.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result, .npz; else OBJECT_strain.npz.")] = None,
    voxel_nm: VoxelSize = (1, 1, 1),
    q_inv_nm: QVector = (1, 0, 0),
    truth: Annotated[str | None, typer.Option(help="Known object to compare with.")] = None,
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
    figures = figures_of(result) | (compared(volume, truth, geometry) if truth else {})
    write_deformation(output, result, geometry | {"input": name} | figures)
    if plot:
        plot_deformation(plot, volume, result, name, Units(voxel_nm, q_inv_nm))
    say(console, f"{in_words(figures)}; written to {output}")


def figures_of(result: "Deformation") -> dict[str, float]:
    """What a deformation is in figures: average strain, and its spread and oscillation in the interior."""
    import numpy as np

    from braggfill.retrieval.deformation import interior, oscillation

    core = interior(result.support)
    spread, ripple = float(np.nanstd(result.strain[core])), oscillation(result.strain, core)
    return {"average_strain": result.average_strain, "spread": spread, "oscillation": ripple}


def compared(volume: "NDArray[Any]", truth: str, geometry: dict[str, Any]) -> dict[str, float]:
    """RMSE of an object's strain (frames, rows, columns) against that of a known one, and the correlation of the objects."""
    from braggfill.retrieval.alignment import align
    from braggfill.retrieval.deformation import interior, strain, strain_rmse
    from braggfill.retrieval.files import read_crystal

    known, inside = read_crystal(truth)
    expected = strain(known, inside, **geometry)
    moved, alike = align(known, volume)
    found = strain(moved, expected.support, **geometry)
    return {"rmse": strain_rmse(found.strain, expected.strain, interior(expected.support)), "correlation": alike}


def in_words(figures: dict[str, float]) -> str:
    """The figures as a sentence."""
    sentence = "average strain {average_strain:.2e}, spread {spread:.2e}, oscillation {oscillation:.2e} in the interior"
    against = "; RMSE {rmse:.2e} against the known object (correlation {correlation:.4f})" if "rmse" in figures else ""
    return (sentence + against).format(**figures)
