"""A table whose rows take minutes each: every row is written as it is made, and a run goes on where the last one ended."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from braggfill.base.writing import rounded


class GrowingTable:
    """A CSV file with one row or some for each set of keys, such as a crystal's number; what is in it is not made again."""

    def __init__(self, path: Path, columns: Sequence[str], keys: Sequence[str] = ("crystal",)) -> None:
        self.path, self.columns, self.keys = path, columns, keys

    def rows(self) -> list[dict[str, str]]:
        """What is there."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def missing(self, values: Iterable[Any]) -> Iterator[Any]:
        """Those of some values of the only key that have no row yet."""
        (key,) = self.keys
        return (row[key] for row in self.missing_of({key: value} for value in values))

    def missing_of(self, asked: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Those of some sets of keys that have no row yet."""
        there = {tuple(row[key] for key in self.keys) for row in self.rows()}
        return (keys for keys in asked if tuple(str(keys[key]) for key in self.keys) not in there)

    def add(self, *rows: dict[str, Any]) -> None:
        """Write all rows of one set of keys together, and print them."""
        said = [{k: rounded(value) if isinstance(value, float) else value for k, value in row.items()} for row in rows]
        print(*said, sep="\n", flush=True)
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.columns, lineterminator="\n", restval="")
            if new:
                writer.writeheader()
            writer.writerows(said)
