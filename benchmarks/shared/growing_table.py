"""A table whose rows take minutes each: every row is written as it is made, and a run goes on where the last one ended."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from braggfill.base.writing import rounded


class GrowingTable:
    """A CSV file with a row for each crystal; what is in it already is not made again."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, columns

    def missing(self, crystals: Iterable[int]) -> Iterator[int]:
        """Those of some crystals that have no row yet."""
        there = {int(row["crystal"]) for row in self.rows()}
        return (index for index in crystals if index not in there)

    def rows(self) -> list[dict[str, str]]:
        """What is in it."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def add(self, row: dict[str, Any]) -> None:
        """Write a row, and print it."""
        said = {key: rounded(value) if isinstance(value, float) else value for key, value in row.items()}
        print(said, flush=True)
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns, lineterminator="\n", restval="")
            if new:
                writer.writeheader()
            writer.writerow(said)
