"""Rows of a table that agree in some columns, and what they say together: means, spreads, who is the best."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from braggfill.judging.studies.kept import Row

Key = tuple[object, ...]
"""What the rows of a group have in some columns."""


def grouped(rows: Sequence[Row], columns: Sequence[str]) -> dict[Key, list[Row]]:
    """Rows by what they have in some columns, in the order in which that first comes."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in columns), []).append(row)
    return groups


def headed(columns: Sequence[str], key: Key) -> Row:
    """The columns that a group agrees in, as the beginning of its row."""
    return dict(zip(columns, key, strict=True))


def mean_of(values: NDArray[np.float64]) -> float:
    """Mean of the finite values, an array of any shape; NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def means_of(rows: Sequence[Row], scores: Sequence[str]) -> Row:
    """Mean of every score over the rows in which it is known."""
    return {name: mean_of(np.array([row[name] for row in rows])) for name in scores}


def spread(values: Sequence[float]) -> float:
    """Standard deviation of the finite values over crystals; NaN for fewer than two."""
    known = np.array([v for v in values if np.isfinite(v)])
    return float(known.std(ddof=1)) if known.size > 1 else np.nan


def with_spread(rows: Sequence[Row], cases: Sequence[Row], columns: Sequence[str], score: str) -> list[Row]:
    """Rows of means with the spread of a score over the cases, a crystal each, that agree with them in some columns."""
    groups = grouped(cases, columns)

    def found(row: Row) -> list[float]:
        return [float(case[score]) for case in groups.get(tuple(row[name] for name in columns), [])]

    return [row | {f"{score}_spread": spread(found(row))} for row in rows]


def places_won(rows: Sequence[Row], columns: Sequence[str], score: str) -> tuple[int, int]:
    """In how many places, told apart by some columns, ``unet`` has the highest score of all methods; and their number."""
    places = [{row["method"]: float(row[score]) for row in mine} for mine in grouped(rows, columns).values()]
    known = [scores for scores in places if np.isfinite(scores.get("unet", np.nan))]
    won = sum(scores["unet"] >= max(v for v in scores.values() if np.isfinite(v)) for scores in known)
    return won, len(known)
