"""The paper's protocol on held-out crystals, printed and kept as tables; see ``protocol.py`` for their columns."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from braggfill.base.writing import write_table
from braggfill.judging.studies.contenders import Contender
from braggfill.judging.studies.findings import Row
from braggfill.judging.studies.kept import Kept
from braggfill.judging.studies.protocol import Protocol, carry_out_protocol, crop_table

CORRELATIONS = ("pcc_truth", "pcc_truth_bright", "pcc_truth_bright_fine", "pcc_counts", "ceiling")


def put_to_protocol(
    contenders: Mapping[str, Contender], crystals: int, out: Path | None, name: str, work: Path | None = None
) -> None:
    """Fill the paper's gaps in some crystals; write NAME_cases.csv and NAME_crops.csv into a folder.

    A crystal that was filled before by the same program and is kept in ``work`` is not filled again.
    """
    cases, crops = carry_out_protocol(contenders, Protocol(crystals), kept=Kept(work))
    table = crop_table(crops, list(contenders))
    print_means(cases, table)
    if out:
        write_table(out / f"{name}_cases.csv", cases)
        write_table(out / f"{name}_crops.csv", table)


def print_means(cases: list[Row], crops: list[Row]) -> None:
    """Print both tables, cases averaged by width."""
    columns = "width cases  skill  worst  truth   bias   50 %   90 %  pcc to truth, bright, fine, to counts, ceiling"
    print(f"{'method':22s} {columns}")
    for crop in crops:
        mine = [c for c in cases if (c["method"], c["width"]) == (crop["method"], crop["width"])]
        if not mine:
            continue
        skills, over = (np.array([c[key] for c in mine]) for key in ("skill", "skill_over_truth"))
        bias = sum(c["filled_counts"] for c in mine) / sum(c["hidden_counts"] for c in mine)
        weights = [c["voxels"] for c in mine]
        covered = [np.average([c[key] for c in mine], weights=weights) for key in ("coverage_50", "coverage_90")]
        scores = " ".join(f"{v:6.3f}" for v in (skills.mean(), skills.min(), over.mean(), bias, *covered))
        correlations = " ".join(f"{crop[name]:7.4f}" for name in CORRELATIONS)
        print(f"{crop['method']:22s} {crop['width']:5d} {len(mine):5d} {scores}  {correlations}")
