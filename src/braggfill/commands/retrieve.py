"""``braggfill retrieve``: from a scan to the crystal; ``braggfill compare``: every treatment of the gaps side by side."""

from pathlib import Path
from typing import Annotated

import typer

from braggfill.commands.options import with_flags
from braggfill.commands.shell import Overwrite, QVector, ScanFile, SlicesThrough, VoxelSize, console, progress_bar, say, warn
from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions
from braggfill.scan.choice import MaskChoice


@with_flags
def retrieve(
    scan: ScanFile,
    choice: MaskChoice,
    options: RetrievalOptions,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Object, .npz; else SCAN_object.npz.")] = None,
    support: Annotated[
        str | None, typer.Option(help="File with a first support, > 0 inside; else from the autocorrelation.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the object in three slices (.png).")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write a page of the filled scan and the object (.html).")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Retrieve the phases of a scan, filled or not: the complex object, several starts averaged.

    Example: braggfill retrieve S12_filled.npz -o S12_object.npz
    """
    from braggfill.commands.forecast import foretell
    from braggfill.commands.opening import beside, doubts_of, open_scan
    from braggfill.commands.trials import retrieval_seconds
    from braggfill.filling.record import result_of
    from braggfill.reports.objects import plot_object
    from braggfill.reports.tables import start_table
    from braggfill.reports.webpage import write_report
    from braggfill.retrieval.files import read_support, write_crystal
    from braggfill.retrieval.reconstruction import retrieve as run

    output = output or beside(scan, "_object.npz")
    opened = open_scan(scan, choice, {".npz": output, ".png": plot, ".html": report}, overwrite, [support])
    warn(doubts_of(opened))
    fill = result_of(opened.scan) if report else None
    foretell("retrieving", retrieval_seconds(opened, options))
    with progress_bar("retrieving") as advance:
        result = run(
            opened.scan.intensity,
            opened.mask,
            filled=opened.scan.filled,
            std=opened.scan.std,
            support=read_support(support) if support else None,
            options=options,
            on_progress=advance,
        )
    write_crystal(output, result, opened.scan.name)
    if plot:
        plot_object(plot, result.crystal, result.support, opened.scan.name)
    if report and fill:
        write_report(report, fill, opened.scan.name, opened.scan.provenance, self_test=False, crystal=result)
    console.print(start_table(result))
    warn(result.warnings)
    common = f"{100 * result.modes[0]:.1f} % of the averaged ones in common"
    say(console, f"{result.options.treatment}: {result.summary}; {common}; written to {output}")


@with_flags
def compare(
    scan: ScanFile,
    choice: MaskChoice,
    options: ComparisonOptions,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Picture, .png; else SCAN_compared.png.")] = None,
    voxel_nm: VoxelSize = (1, 1, 1),
    q_inv_nm: QVector = (1, 0, 0),
    through: SlicesThrough = "peak",
    overwrite: Overwrite = False,
) -> None:
    """Retrieve a scan with every treatment of its gaps and draw the objects side by side; a scan is filled first if it is not.

    Example: braggfill compare S12_filled.npz -o S12_compared.png
    """
    from braggfill.commands.forecast import foretell
    from braggfill.commands.opening import beside, doubts_of, open_scan
    from braggfill.commands.trials import comparison_seconds
    from braggfill.judging.comparison import compare as run
    from braggfill.reports.objects import Units, plot_comparison
    from braggfill.reports.tables import comparison_table

    output = output or beside(scan, "_compared.png")
    opened = open_scan(scan, choice, {".png": output}, overwrite)
    warn(doubts_of(opened))
    foretell("comparing", comparison_seconds(opened, options))
    with progress_bar("comparing") as advance:
        comparison = run(
            opened.scan.intensity,
            opened.mask,
            filled=opened.scan.filled,
            std=opened.scan.std,
            options=options,
            voxel_nm=voxel_nm,
            q_inv_nm=q_inv_nm,
            on_progress=advance,
        )
    units = Units(voxel_nm, q_inv_nm)
    console.print(comparison_table(comparison.compared, units.strain))
    warn(filter(None, [comparison.fell_back]))
    warn(f"{treatment} is left out: {why}" for treatment, why in comparison.left_out.items())
    warn(f"{c.treatment}: {sentence}" for c in comparison.compared for sentence in c.result.warnings)
    plot_comparison(output, comparison, opened.scan.name, units, through)
    say(console, f"drawn to {output}")
    say(console, comparison.advice.sentence)
