"""``make fuzz``: hostile cases from a seed, in parts; what was done is kept, so that a run that was stopped goes on.

Cases that failed are done again at the end of the next run, for the program may have been mended. Parts run side by side,
each in a process of its own, so that a case which hangs or kills its process is told and the next one goes on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).parents[1]
PART = 250
"""Cases of a process, at most."""
SILENT_SECONDS = 60
"""A process that says nothing for so long hangs."""


def run_part(seed: int, first: int, last: int) -> None:
    """Do the cases of a part, a line of JSON for each on the true output."""
    import faulthandler

    import torch

    from fuzz.cases import make_case
    from fuzz.rule import broken

    torch.set_num_threads(1)
    tell = os.fdopen(os.dup(1), "w", buffering=1)
    for number in range(first, last):
        faulthandler.dump_traceback_later(SILENT_SECONDS, exit=True)
        with tempfile.TemporaryDirectory(prefix="braggfill_case_") as folder:
            start = time.monotonic()
            case = make_case(seed, number, Path(folder))
            fault = broken(case).replace(folder, "FOLDER")
            seconds = round(time.monotonic() - start, 2)
            tell.write(
                json.dumps({"case": number, "name": case.name.replace(folder, ""), "fault": fault, "seconds": seconds}) + "\n"
            )


def supervised(seed: int, first: int, last: int) -> list[dict[str, object]]:
    """The lines of a part; a process that ends early has failed at the case that it did not tell of."""
    rows: list[dict[str, object]] = []
    while (begin := first + len(rows)) < last:
        words = [sys.executable, __file__, "--seed", str(seed), "--part", str(begin), str(last)]
        paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            words, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        )
        rows += [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"case"')]
        if first + len(rows) < last:
            why = " ".join(done.stderr.split()[-40:])
            rows.append(
                {"case": first + len(rows), "name": "?", "fault": f"process ended ({done.returncode}): {why}", "seconds": 0}
            )
    return rows


def parts_of(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last + 1 of the cases that follow one another, in parts.

    >>> parts_of([0, 1, 2, 7])
    [(0, 3), (7, 8)]
    """
    parts: list[tuple[int, int]] = []
    for number in numbers:
        first, last = parts[-1] if parts else (0, 0)
        alike = last == number and last > first and last - first < PART
        parts[-1:] = [(first, number + 1)] if alike else [*parts[-1:], (number, number + 1)]
    return parts


def main() -> None:
    """Run what is not done yet, and tell of the failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--minutes", type=float, default=30, help="begin no further part after so many")
    parser.add_argument("--state", type=Path, default=None, help="what was done; else fuzz_SEED.jsonl")
    parser.add_argument("--part", type=int, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        run_part(chosen.seed, *chosen.part)
        return
    state, end = chosen.state or Path(f"fuzz_{chosen.seed}.jsonl"), time.monotonic() + 60 * chosen.minutes
    there = {row["case"]: row for row in map(json.loads, state.read_text().splitlines())} if state.exists() else {}
    parts = parts_of([n for n in range(chosen.cases) if n not in there])
    parts += parts_of([n for n in range(chosen.cases) if n in there and there[n]["fault"]])

    def work(part: tuple[int, int]) -> list[dict[str, object]]:
        return supervised(chosen.seed, *part) if time.monotonic() < end else []

    with ThreadPoolExecutor(chosen.processes) as pool, state.open("a") as file:
        for rows in pool.map(work, parts):
            there |= {row["case"]: row for row in rows}
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
    failed = [row for row in there.values() if row["fault"]]
    for row in failed:
        print(f"case {row['case']}: {row['fault']}\n    {row['name']}")
    print(f"{len(there)} of {chosen.cases} cases of seed {chosen.seed}, {len(failed)} failed")
    sys.exit(1 if failed or len(there) < chosen.cases else 0)


if __name__ == "__main__":
    main()
