"""The treatments of the gaps side by side: the same scan, the same random starts, and what becomes of the object."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.frequencies import Kind
from braggfill.base.options import spelled_out
from braggfill.base.progress import Progress, part_of
from braggfill.crystal.search.alignment import align
from braggfill.filling.fill import fill_gaps
from braggfill.judging.advice import Advice, Evidence, advise
from braggfill.retrieval.deformation import Deformation, check_geometry, interior, oscillation, strain
from braggfill.retrieval.options import ComparisonOptions, SearchOptions, TreatmentName
from braggfill.retrieval.pattern import Pattern, prepare_pattern
from braggfill.retrieval.reconstruction import retrieve
from braggfill.retrieval.result import RetrievalResult
from braggfill.retrieval.treatments import check_treatment

USUAL_ORDER: tuple[TreatmentName, ...] = ("bounded", "filled", "free", "free-streaks", "zero", "crop")
"""The best first: the others are aligned to it."""


@dataclass(frozen=True)
class Compared:
    """What one treatment makes of a scan; arrays are (frames, rows, columns)."""

    treatment: TreatmentName
    result: RetrievalResult
    crystal: NDArray[np.complex64]
    """The object, aligned to the first treatment's."""
    deformation: Deformation
    correlation: float
    """With the first treatment's object."""
    modulus_oscillation: float
    """High-pass part of the modulus over the modulus, in the interior that all treatments share."""
    strain_oscillation: float
    """High-pass part of the strain there."""

    @property
    def evidence(self) -> Evidence:
        """What is known of how the treatment did."""
        result = self.result
        ends = (self.strain_oscillation, result.converged, result.tried, float(result.modes[0]))
        return Evidence(self.treatment, result.starts[0].hidden_deviance, *ends)


@dataclass(frozen=True)
class Comparison:
    """Treatments of a scan's gaps side by side."""

    compared: list[Compared]
    """In the order asked for."""
    pattern: Pattern
    """What all of them started from."""
    advice: Advice
    """Which of them to use, and why."""
    left_out: dict[TreatmentName, str]
    """Treatments that found no object, and what was wrong."""
    fell_back: str = ""
    """Why the processor filled the scan and not the graphics card, where the card's memory did not suffice."""

    @property
    def counts(self) -> NDArray[np.float32]:
        """The scan (frames, rows, columns) in its own order: measured counts, estimates where filled, else 0."""
        return self._in_order(self.pattern.counts)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """True = estimated, bool (frames, rows, columns)."""
        return self._in_order(self.pattern.filled)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True = neither measured nor estimated, bool (frames, rows, columns)."""
        return self._in_order(self.pattern.missing & ~self.pattern.filled)

    @property
    def gap_at_the_peak(self) -> NDArray[np.bool_]:
        """What was not measured in the frame through the peak, bool (rows, columns), the peak in the middle."""
        return np.fft.fftshift(self.pattern.missing[0])

    def _in_order(self, array: NDArray[Kind]) -> NDArray[Kind]:
        return np.roll(array, self.pattern.before, (0, 1, 2))


@spelled_out
def compare(
    intensity: NDArray[Any],
    mask: NDArray[Any] | None = None,
    *,
    filled: NDArray[Any] | None = None,
    std: NDArray[Any] | None = None,
    options: ComparisonOptions,
    voxel_nm: float | tuple[float, float, float] | NDArray[Any] = 1.0,
    q_inv_nm: tuple[float, float, float] = (1.0, 0.0, 0.0),
    on_progress: Progress = lambda done, total: None,
) -> Comparison:
    """Retrieve a scan's object with several treatments of its gaps, from the same random starts.

    Parameters
    ----------
    intensity, mask, filled, std
        As for ``retrieve``; a scan that has gaps and no estimates is filled first, by ``fill_gaps``.
    options : ComparisonOptions
    voxel_nm, q_inv_nm
        As for ``strain``.
    on_progress : callable
        Called with the steps done and their total.

    Returns
    -------
    Comparison
        What every treatment makes of the scan, and one sentence of advice which to use.

    Raises
    ------
    InputError
        As ``retrieve`` and ``strain`` raise it, before the search where that can be, and if no treatment finds an object.
    """
    check_geometry(voxel_nm, q_inv_nm)
    fell_back, before = "", int(filled is None)
    if filled is None:
        asked = {name: getattr(options, name) for name in ("seed", "device", "counts_per_unit", "negatives")}
        fill = fill_gaps(
            intensity, mask, **asked, on_progress=part_of(on_progress, 0, 1 + len(options.treatments or USUAL_ORDER))
        )
        intensity, mask, filled, std, fell_back = fill.intensity, fill.mask, fill.filled, fill.std, fill.fell_back
    pattern = prepare_pattern(intensity, mask, filled, std, options.counts_per_unit, options.negatives)
    for treatment in options.treatments or ():
        check_treatment(treatment, pattern)
    treatments = options.treatments or allowed_treatments(pattern)
    search = {f.name: getattr(options, f.name) for f in fields(SearchOptions)}
    results: dict[TreatmentName, RetrievalResult] = {}
    left_out: dict[TreatmentName, str] = {}
    for number, treatment in enumerate(treatments):
        advance = part_of(on_progress, before + number, before + len(treatments))
        try:
            results[treatment] = retrieve(
                intensity, mask, filled=filled, std=std, treatment=treatment, **search, on_progress=advance
            )
        except InputError as error:  # zeros that contradict what was measured can make a search diverge
            left_out[treatment] = str(error)
    if not results:
        raise InputError(f"treatments: got none that finds an object ({next(iter(left_out.values()))})")
    compared = aligned(results, voxel_nm, q_inv_nm)
    return Comparison(compared, pattern, advise([c.evidence for c in compared]), left_out, fell_back)


def allowed_treatments(pattern: Pattern) -> tuple[TreatmentName, ...]:
    """All treatments but ``crop`` where the gap leaves too little."""

    def allowed(treatment: TreatmentName) -> bool:
        try:
            check_treatment(treatment, pattern)
        except InputError:
            return False
        return True

    return tuple(filter(allowed, USUAL_ORDER))


def aligned(
    results: dict[TreatmentName, RetrievalResult],
    voxel_nm: float | tuple[float, float, float] | NDArray[Any],
    q_inv_nm: tuple[float, float, float],
) -> list[Compared]:
    """Align objects to the first, and measure their oscillations inside its support; a voxel and G are as for ``strain``."""
    first = next(iter(results.values()))
    core = interior(first.support)
    compared = []
    for treatment, result in results.items():
        crystal, alike = (first.crystal, 1.0) if result is first else align(first.crystal, result.crystal)
        field = strain(crystal, first.support, voxel_nm=voxel_nm, q_inv_nm=q_inv_nm)
        modulus = np.abs(crystal)
        even = oscillation(modulus / modulus[core].mean(), core)
        compared.append(Compared(treatment, result, crystal, field, alike, even, oscillation(field.strain, core)))
    return compared
