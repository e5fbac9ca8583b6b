"""``braggfill strain``: from a complex object to displacement and strain."""

from pathlib import Path
from typing import Annotated, Any

import typer

from braggfill.commands.retrieve import QVector, VoxelSize
from braggfill.commands.shell import Overwrite, console, say


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
    import numpy as np

    from braggfill.base.writing import check_output
    from braggfill.reports.objects import plot_deformation
    from braggfill.retrieval.alignment import align
    from braggfill.retrieval.deformation import interior, oscillation, strain_rmse
    from braggfill.retrieval.deformation import strain as run
    from braggfill.retrieval.files import read_crystal, write_deformation
    from braggfill.scan.files import split_address

    volume, support = read_crystal(crystal)
    source = split_address(crystal)[0]
    output = output or source.with_name(f"{source.stem}_strain.npz")
    inputs = [split_address(a)[0] for a in (crystal, truth) if a]
    check_output(output, inputs, overwrite)
    if plot:
        check_output(plot, inputs, overwrite, ".png")
    geometry: dict[str, Any] = {"voxel_nm": voxel_nm, "q_inv_nm": q_inv_nm, "keep_ramp": keep_ramp}
    result = run(volume, support, **geometry)
    core = interior(result.support)
    spread = float(np.nanstd(result.strain[core]))
    ripple = oscillation(result.strain, core)
    facts = geometry | {"input": source.name, "average_strain": result.average_strain, "spread": spread, "oscillation": ripple}
    sentence = f"average strain {result.average_strain:.2e}, spread {spread:.2e}, oscillation {ripple:.2e} in the interior"
    if truth:
        known, inside = read_crystal(truth)
        expected = run(known, inside, **geometry)
        moved, alike = align(known, volume)
        facts["rmse"] = strain_rmse(
            run(moved, expected.support, **geometry).strain, expected.strain, interior(expected.support)
        )
        facts["correlation"] = alike
        sentence += f"; RMSE {facts['rmse']:.2e} against the known object (correlation {alike:.4f})"
    write_deformation(output, result, facts)
    if plot:
        plot_deformation(plot, volume, result, source.name)
    say(console, f"{sentence}; written to {output}")
