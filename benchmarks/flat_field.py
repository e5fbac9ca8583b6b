"""Whether the efficiencies that a retrieved object leaves over follow the detector's white field, which nothing had seen.

The scan is the archive of 34-ID-C's S0054 with ``data`` and ``whitefield``; a stripe 6 rows wide is cut out as in a fill, one
start is carried to the whole pattern, and of its end that tells hidden counts best the fitted efficiencies are compared with
the white field in the pixels that counted more than 1 000 photons.

Usage: python benchmarks/flat_field.py au_34idc_s0054.npz --out docs/results/flat_field.json    (five minutes of one core)
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from shared.au_scan import CROP

from braggfill.base.progress import Steps
from braggfill.crystal.contest import Contest, Hidden, carried_up, steps_of
from braggfill.crystal.model.levels import shares_of, tapered_level
from braggfill.crystal.record import CrystalOptions
from braggfill.crystal.retrieved import counts_with_prior
from braggfill.crystal.search.decimation import fine_axes
from braggfill.crystal.search.polish import polished
from braggfill.crystal.whole import WholeScan
from braggfill.filling.by_crystal import hidden_blocks
from braggfill.scan.gapped import GappedScan

GAP_ROWS = slice(110, 116)
"""14 rows after the peak."""
LEAST_COUNTS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with np.load(arguments.scan) as archive:
        counts, white = archive["data"][CROP].astype(np.float32), archive["whitefield"][CROP[1:]].astype(float)
    mask = np.zeros(counts.shape, bool)
    mask[:, GAP_ROWS] = True
    blocks = hidden_blocks(GappedScan.blanked(counts, mask), 0)
    hidden, judging = blocks.hidden, blocks.judging
    nothing = np.full(counts.shape, np.nan, np.float32)
    scan = counts_with_prior(counts, mask | hidden | blocks.faulty, nothing, nothing)
    levels = [tapered_level(scan, share) for share in shares_of(scan)]
    options = CrystalOptions(starts=1, climbs=1, thorough=False)
    axes = fine_axes(levels[0])
    whole, known = WholeScan(scan, mask | hidden, levels[-1]), Hidden.of(scan, judging, counts[judging], options.device)
    steps = Steps(lambda done, total: None, steps_of(options, any(axes)))
    contest = Contest(levels, axes, whole, known, options, steps)
    started = contest.started()
    (promising,) = contest.taken_on(started, len(started))
    begun = carried_up(levels, whole, promising, options, known, lambda: None)
    best = polished(begun, thorough=False)[0]
    efficiency = best.state.instrument.efficiency.numpy()
    if efficiency.size == 1:
        raise SystemExit("hidden counts say that the detector is even")
    fitted = np.roll(efficiency, scan.peak[1:], (0, 1))[: white.shape[0], : white.shape[1]]
    sure = (scan.counts.sum(0) > LEAST_COUNTS) & ~scan.mask.any(0) & (white > 0)
    ours, theirs = np.log(fitted[sure]), np.log(white[sure])
    found = {
        "pixels": int(sure.sum()),
        "correlation": float(np.corrcoef(ours, theirs)[0, 1]),
        "spread_fitted": float(ours.std()),
        "spread_white_field": float(theirs.std()),
        "kappa": best.way.kappa,
    }
    print(found)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
