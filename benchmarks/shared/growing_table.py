"""A table whose rows take minutes each: every row is written as it is made, and a run goes on where the last one ended."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from braggfill.base.writing import rounded


class GrowingTable:
    """A CSV file with a row for each crystal, or for each set of ``keys``; what is in it already is not made again."""

    def __init__(self, path: Path, columns: Sequence[str], keys: Sequence[str] = ("crystal",)) -> None:
        self.path, self.columns, self.keys = path, columns, keys

    def missing(self, crystals: Iterable[int]) -> Iterator[int]:
        """Those of some crystals that have no row yet."""
        return (row["crystal"] for row in self.missing_of({"crystal": index} for index in crystals))

    def missing_of(self, asked: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Those of some sets of keys that have no row yet."""
        there = set()
        if self.path.exists():
            with self.path.open(newline="") as file:
                there = {tuple(row[key] for key in self.keys) for row in csv.DictReader(file)}
        return (keys for keys in asked if tuple(str(keys[key]) for key in self.keys) not in there)

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
