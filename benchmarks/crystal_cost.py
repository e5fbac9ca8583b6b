"""What a fill by the crystal costs: seconds on the wall, peak memory and skill, of a scan of 128³ voxels with a cross 6 wide.

The scan is a crystal of ``convergence.py``. Each effort runs in a process of its own; what the imports and
the scan hold is taken off.

Usage: python benchmarks/crystal_cost.py [--efforts low,usual] [--crystal 1] [--out docs/results/crystal_cost.json]
(two minutes on two idle cores)
"""

import argparse
import json
from pathlib import Path

import torch
from convergence import cross, numbered_crystal, skill_in_gap
from shared.memory import PeakMemory
from shared.timing import in_own_process, report, seconds

from braggfill import fill_gaps
from braggfill.base.memory import give_back
from braggfill.scan.gapped import GappedScan


def cost(effort: str, index: int) -> dict[str, float | str]:
    """Of one fill in this process."""
    crystal = numbered_crystal(index)
    scan = GappedScan.blanked(crystal.counts, cross(crystal))
    give_back()
    peak, results = PeakMemory(), []
    peak.forget()
    duration = seconds(lambda: results.append(fill_gaps(crystal.counts, scan.mask, method="retrieval", effort=effort)))
    return {
        "seconds": round(duration, 1),
        "megabytes": round(peak.held() / 1e6),
        "arrays": round(peak.held() / crystal.counts.nbytes, 1),
        "skill": round(skill_in_gap(crystal, scan, results[0].intensity), 4),
        "said": results[0].sentence,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--efforts", default="low,usual")
    parser.add_argument("--crystal", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(cost(options.child, options.crystal)))
        return
    efforts = {}
    for effort in options.efforts.split(","):
        efforts[effort] = in_own_process(__file__, "--child", effort, "--crystal", str(options.crystal))
        print(effort, efforts[effort], flush=True)
    report({"threads": torch.get_num_threads(), "crystal": options.crystal, "efforts": efforts}, options.out)


if __name__ == "__main__":
    main()
