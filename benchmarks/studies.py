"""Carry out the studies of ``braggfill benchmark`` into docs/results, on the measured Au scan too, and renew the page's tables.

What the measured scan's dead corner and column would tell is left out: both studies of it see its crop.

Usage: python benchmarks/studies.py [STUDY ...] [--measured au_34idc_s0054.npz] [--out docs/results] [--quick]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from results_page import renew
from shared.au_scan import cropped

from braggfill import STUDIES, benchmark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"some of {', '.join(STUDIES)}; else all")
    parser.add_argument("--measured", help="the Au scan; without it the measured parts stay as they are")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        crop = None
        if arguments.measured:
            scan = cropped(arguments.measured)
            crop = Path(folder) / scan.name
            np.savez(crop, data=scan.counts, mask=scan.mask)
        for name in arguments.studies or STUDIES:
            seen = crop if STUDIES[name].takes_measured else None
            written, remarks = benchmark(name, arguments.out, quick=arguments.quick, measured=seen)
            print(*remarks, *written, sep="\n", flush=True)
    if not arguments.quick:
        renew(arguments.out)


if __name__ == "__main__":
    main()
