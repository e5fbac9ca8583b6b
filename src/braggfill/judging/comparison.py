"""The treatments of the gaps side by side: the same scan, the same random starts, and what becomes of the object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from braggfill.base.errors import InputError
from braggfill.base.tasks import Progress
from braggfill.filling.fill import fill_gaps
from braggfill.retrieval.alignment import align
from braggfill.retrieval.deformation import Deformation, interior, oscillation, strain
from braggfill.retrieval.pattern import Pattern, prepare_pattern
from braggfill.retrieval.reconstruction import SCHEDULE, RetrievalResult, retrieve
from braggfill.retrieval.treatments import check_treatment

USUAL_ORDER = ("bounded", "filled", "free", "free-streaks", "zero", "crop")
"""The best first: the others are aligned to it."""


@dataclass(frozen=True)
class Compared:
    """What one treatment makes of a scan; arrays are (frames, rows, columns)."""

    treatment: str
    result: RetrievalResult
    crystal: np.ndarray
    """complex64: the object, aligned to the first treatment's."""
    deformation: Deformation
    correlation: float
    """With the first treatment's object."""
    modulus_oscillation: float
    """High-pass part of the modulus over the modulus, in the interior that all treatments share."""
    strain_oscillation: float
    """High-pass part of the strain there."""


def compare(  # noqa: PLR0913 - one argument an option
    intensity: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    filled: np.ndarray | None = None,
    std: np.ndarray | None = None,
    treatments: Sequence[str] | None = None,
    voxel_nm: float | tuple[float, float, float] | np.ndarray = 1.0,
    q_inv_nm: tuple[float, float, float] = (1.0, 0.0, 0.0),
    starts: int = 3,
    keep: int = 2,
    schedule: tuple[tuple[str, int], ...] = SCHEDULE,
    seed: int = 0,
    device: str = "auto",
    counts_per_unit: float | None = None,
    on_progress: Progress = lambda done, total: None,
) -> list[Compared]:
    """Retrieve a scan's object with several treatments of its gaps, from the same random starts.

    Parameters
    ----------
    intensity, mask, filled, std, starts, keep, schedule, seed, device, counts_per_unit
        As for ``retrieve``; a scan that has gaps and no estimates is filled first, by ``fill_gaps``.
    treatments : sequence of str, optional
        Keys of ``TREATMENTS``; else all that the scan allows, ``bounded`` first. Objects are aligned to the first one's.
    voxel_nm, q_inv_nm
        As for ``strain``.
    on_progress : callable
        Called with the iterations done and their total.

    Returns
    -------
    list of Compared
        In the order asked for.

    Raises
    ------
    InputError
        As ``retrieve`` and ``strain`` raise it, before the first iteration where that can be.
    """
    if filled is None:
        fill = fill_gaps(intensity, mask, device=device, counts_per_unit=counts_per_unit)
        intensity, mask, filled, std = fill.intensity, fill.mask, fill.filled, fill.std
    pattern = prepare_pattern(intensity, mask, filled, std, counts_per_unit)
    for treatment in treatments or ():
        check_treatment(treatment, pattern)
    treatments = treatments or allowed_treatments(pattern)
    results = []
    for number, treatment in enumerate(treatments):
        results.append(
            retrieve(
                intensity,
                mask,
                filled=filled,
                std=std,
                treatment=treatment,
                starts=starts,
                keep=keep,
                schedule=schedule,
                seed=seed,
                device=device,
                counts_per_unit=counts_per_unit,
                on_progress=lambda done, total, n=number: on_progress(n * total + done, len(treatments) * total),  # type: ignore[misc]
            )
        )
    return side_by_side(results, voxel_nm, q_inv_nm)


def allowed_treatments(pattern: Pattern) -> list[str]:
    """All treatments but ``crop`` where the gap leaves too little."""

    def allowed(treatment: str) -> bool:
        try:
            check_treatment(treatment, pattern)
        except InputError:
            return False
        return True

    return [treatment for treatment in USUAL_ORDER if allowed(treatment)]


def side_by_side(
    results: list[RetrievalResult],
    voxel_nm: float | tuple[float, float, float] | np.ndarray,
    q_inv_nm: tuple[float, float, float],
) -> list[Compared]:
    """Align objects to the first, and measure their oscillations inside the first one's support."""
    first = results[0]
    aligned = [(first.crystal, 1.0), *(align(first.crystal, r.crystal) for r in results[1:])]
    core = interior(first.support)
    compared = []
    for result, (crystal, alike) in zip(results, aligned, strict=True):
        field = strain(crystal, first.support, voxel_nm=voxel_nm, q_inv_nm=q_inv_nm)
        modulus = np.abs(crystal)
        even = oscillation(modulus / modulus[core].mean(), core)
        compared.append(
            Compared(result.options.treatment, result, crystal, field, alike, even, oscillation(field.strain, core))
        )
    return compared
