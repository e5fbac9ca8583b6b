"""Which treatment of the gaps to use for a scan, and why, by what a comparison of treatments has seen.

A gap that is treated wrongly makes ripples in the strain, so that the least oscillation inside the crystal decides. Deviance of
hidden counts alone must not: what is left free tells them best even where its object is worst. It rules out treatments that
contradict the measured counts. Both were chosen on 16 comparisons of docs/retrieval.md whose truth is known; on 14 more they
held.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from braggfill.retrieval.options import TreatmentName
from braggfill.retrieval.treatments import TREATMENTS

CONTRADICTING = 3.0
"""Deviance of hidden counts over the least one from which on a treatment contradicts what was measured."""
AS_GOOD = 1.1
"""Oscillation over the least one up to which a treatment is as good."""
NO_RIVAL: tuple[TreatmentName, ...] = ("crop",)
"""Treatments whose object is coarser, and has less oscillation for that alone."""


@dataclass(frozen=True)
class Evidence:
    """What is known of how a treatment did."""

    treatment: TreatmentName
    deviance: float
    """Mean Poisson deviance of counts that were kept from the best start."""
    oscillation: float
    """High-pass part of the strain in the interior that all treatments share."""
    converged: int
    tried: int
    """Starts that were taken to the end."""
    in_common: float
    """Share of the averaged starts' energy that is common to all; 1 if there is one."""


@dataclass(frozen=True)
class Advice:
    """What to do with the gaps of a scan."""

    treatment: TreatmentName
    sentence: str


def advise(seen: Sequence[Evidence]) -> Advice:
    """Choose a treatment: the least oscillation among those that do not contradict the measured counts."""
    rivals = [e for e in seen if e.treatment not in NO_RIVAL] or list(seen)
    least = min(e.deviance for e in rivals)
    allowed = [e for e in rivals if e.deviance <= CONTRADICTING * least]
    chosen = min(allowed, key=lambda e: e.oscillation)
    others = [e for e in rivals if e is not chosen]
    parts = [_why(chosen, allowed), *_remarks(chosen, others, least), *_doubts(chosen, others)]
    return Advice(chosen.treatment, "; ".join(parts) + ".")


def _why(chosen: Evidence, allowed: Sequence[Evidence]) -> str:
    """What to take, and the figures for it."""
    next_best = min((e for e in allowed if e is not chosen), key=lambda e: e.oscillation, default=None)
    against = f", {next_best.oscillation:.2e} with '{next_best.treatment}', the next" if next_best else ""
    return (
        f"For this scan take '{chosen.treatment}' ({TREATMENTS[chosen.treatment].summary}): strain inside ripples by "
        f"{chosen.oscillation:.2e}{against}; hidden counts have a deviance of {chosen.deviance:.3g}"
    )


def _remarks(chosen: Evidence, others: Sequence[Evidence], least: float) -> list[str]:
    """What speaks for the others."""
    said = []
    if chosen.treatment == "free" and any(TREATMENTS[e.treatment].needs_fill for e in others):
        said.append("'free' wins: the estimates of the gap do not help this retrieval")
    for e in others:
        if e.oscillation < chosen.oscillation:
            said.append(
                f"'{e.treatment}' ripples less but tells the hidden counts {e.deviance / least:.1f} times as badly as the best"
            )
        elif e.deviance == least < chosen.deviance:
            times = e.oscillation / chosen.oscillation
            said.append(f"'{e.treatment}' tells them best ({e.deviance:.3g}) but ripples {times:.2g} times as much")
    good = [f"'{e.treatment}'" for e in others if chosen.oscillation <= e.oscillation <= AS_GOOD * chosen.oscillation]
    return [*said, f"{' and '.join(good)} ripple{'s' if len(good) == 1 else ''} hardly more"] if good else said


def _doubts(chosen: Evidence, others: Sequence[Evidence]) -> list[str]:
    """What speaks against trusting the choice."""
    doubts = []
    if not others:
        doubts.append("nothing else was tried that it could be compared with")
    if not chosen.converged:
        doubts.append(f"but none of {chosen.tried} starts converged with it, so this is a hint at most: try more starts")
    elif chosen.tried > 1:
        doubts.append(f"{chosen.converged} of {chosen.tried} starts converged, {100 * chosen.in_common:.1f} % in common")
    return doubts
