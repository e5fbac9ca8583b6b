"""Carry out the studies of ``braggfill benchmark`` into docs/results, on the measured Au scan too, and renew the page's tables.

What the measured scan's dead corner and column would tell is left out: both studies of it see its crop. A study that was cut
short goes on; of one that was done in one go, study_times.csv tells how long it took.

Usage: python benchmarks/studies.py [STUDY ...] [--measured au_34idc_s0054.npz] [--out docs/results] [--quick] [--draw]
"""

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from results_page import renew
from shared.au_scan import cropped

from braggfill import STUDIES, benchmark
from braggfill.base.writing import write_table
from braggfill.judging.studies.kept import read_rows


def note_time(out: Path, study: str, seconds: float) -> None:
    """Put the time of a study into the table of times, in the place of an earlier one."""
    path = out / "study_times.csv"
    kept = [row for row in read_rows(path) if row["study"] != study] if path.exists() else []
    row = {"study": study, "seconds": round(seconds), "threads": torch.get_num_threads(), "date": str(datetime.now(UTC).date())}
    write_table(path, [*kept, row])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"some of {', '.join(STUDIES)}; else all")
    parser.add_argument("--measured", help="the Au scan; without it the measured parts stay as they are")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--draw", action="store_true", help="only draw the curves of the tables anew")
    arguments = parser.parse_args()
    there = [name for name in STUDIES if STUDIES[name].draw and (arguments.out / f"study_{name}.csv").exists()]
    chosen = arguments.studies or (there if arguments.draw else list(STUDIES))
    with tempfile.TemporaryDirectory() as folder:
        crop = None
        if arguments.measured:
            scan = cropped(arguments.measured)
            crop = Path(folder) / scan.name
            np.savez(crop, data=scan.counts, mask=scan.mask)
        for name in chosen:
            seen, began = crop if STUDIES[name].takes_measured else None, perf_counter()
            ending = "_quick" if arguments.quick else ""
            whole = not (arguments.draw or arguments.quick or (arguments.out / f"study_{name}{ending}_parts").exists())
            written, remarks = benchmark(name, arguments.out, quick=arguments.quick, measured=seen, draw=arguments.draw)
            if whole:
                note_time(arguments.out, name, perf_counter() - began)
            print(*remarks, *written, sep="\n", flush=True)
    if not arguments.quick:
        renew(arguments.out)


if __name__ == "__main__":
    main()
