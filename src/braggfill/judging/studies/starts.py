"""How often the search for the crystal converges, against the range of its phase, by the kind of start.

Crystals with facets drawn anew and smooth phases, measured with all that spoils a scan, a cross cut out. ``ratio`` is the
misfit of the best object over that of the true one after the same last fits, at the smallest κ that both came to.
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.metrics import skill
from braggfill.base.pictures import new_figure
from braggfill.classical.interpolate import linear
from braggfill.crystal.record import Climbed, CrystalOptions
from braggfill.crystal.retrieved import fill_by_crystal
from braggfill.filling.by_crystal import EFFORTS, WithoutCrystal
from braggfill.judging.studies.contenders import CONTENDERS
from braggfill.judging.studies.crystals import Shape
from braggfill.judging.studies.findings import Findings, Row, Setting, Tables
from braggfill.judging.studies.gaps import cut
from braggfill.judging.studies.groups import grouped, headed, means_of
from braggfill.judging.studies.kept import Part, asked
from braggfill.judging.studies.last_fits import LastFits, Misfits
from braggfill.scan.copies import bright
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.strained import Strained, strained_crystal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 920_000
OURS = "guided"
"""What the program does: means of the best starts are starts as well."""
KINDS = {"random": 0, OURS: EFFORTS["usual"].crystal.generations}
"""Generations of such means, by what the table calls the kind of start."""
STYLES = {"random": ("#0072B2", "s", "--"), OURS: ("black", "o", "-")}
"""Colour, marker and line of a kind."""
WIDTH, DISTANCE = 6, 12
"""Of the cross, and voxels from the peak to the first of it after the peak; before the peak one more."""
AS_GOOD = 1.1
"""Largest ratio of an object that is as good as the true one."""
LEAST_HELD, MOST_DRAWN = 0.99, 50
"""Share of the pattern that the scan has to hold; crystals are drawn anew so many times at most until it does."""


@dataclass(frozen=True)
class Starts:
    """What is varied."""

    crystals: int = 20
    """In each range of phase."""
    shape: Shape = (128, 128, 128)
    phases_over_pi: tuple[float, ...] = (0, 2, 4, 6, 10)
    """Borders of the ranges that phases, peak to valley in π, are drawn from."""
    search: CrystalOptions = EFFORTS["usual"].crystal


FULL = Starts()
QUICK = Starts(1, (48, 48, 48), (0, 1), CrystalOptions(1, 1, thorough=False))


def carry_out(setting: Setting) -> Findings:
    """Search for every crystal by every kind of start."""
    varied = QUICK if setting.quick else FULL
    ranges = list(zip(varied.phases_over_pi, varied.phases_over_pi[1:], strict=False))
    what = asked(varied, KINDS, WIDTH, DISTANCE, SEED, LEAST_HELD, MOST_DRAWN)
    cases: list[Row] = []
    for index in range(varied.crystals):
        for number, phases in enumerate(ranges):
            setting.on_progress(index * len(ranges) + number, varied.crystals * len(ranges))
            name = f"crystal_{index}_{phases[0]:g}_{phases[1]:g}_{what}"
            cases += setting.kept.part(name, partial(one_crystal, varied, phases, index)).rows
    return Findings({"study_starts": averaged(cases), "study_starts_crystals": cases})


def one_crystal(varied: Starts, phases_over_pi: tuple[float, float], index: int) -> Part:
    """What every kind of start comes to on a crystal, and the skill of the network beside it."""
    crystal = drawn(varied.shape, phases_over_pi, index)
    scan = GappedScan.blanked(crystal.counts, cross(crystal))
    fits = LastFits(crystal, scan)
    true = fits.from_the_truth()
    least, most = phases_over_pi
    about = {"least_over_pi": least, "most_over_pi": most, "crystal": index} | crystal.about
    network = CONTENDERS["unet"]
    about["skill_unet"] = skill_in_gap(crystal, scan, scan.laid_out(network(scan).mean))
    prior = WithoutCrystal.of(scan, fits.blocks.hidden, network)
    rows = []
    for kind, generations in KINDS.items():
        options = replace(varied.search, generations=generations)
        began = time.process_time()
        fill = fill_by_crystal(scan.counts, scan.mask, fits.blocks, prior.mean, prior.std, options)
        row = {"kind": kind} | about | against_the_truth(fill.record.climbed, true)
        rows.append(row | {"skill": skill_in_gap(crystal, scan, fill.mean), "core_seconds": time.process_time() - began})
    return Part(rows)


def drawn(shape: Shape, phases_over_pi: tuple[float, float], index: int) -> Strained:
    """The first of some crystals whose pattern the scan holds, else the last."""
    for attempt in range(MOST_DRAWN):
        rng = np.random.default_rng([SEED, index, *(round(10 * phase) for phase in phases_over_pi), attempt])
        crystal = strained_crystal(rng, shape, phases_over_pi)
        if crystal.held >= LEAST_HELD:
            break
    return crystal


def cross(crystal: Strained) -> NDArray[np.bool_]:
    """A cross (frames, rows, columns), True = not measured, on the roomier sides of the peak."""
    shape = crystal.expected.shape
    frame, row, column = (int(i) for i in np.unravel_index(int(crystal.expected.argmax()), shape))
    arms = [(axis, DISTANCE if at < shape[axis] // 2 else -DISTANCE - WIDTH, WIDTH) for axis, at in ((1, row), (2, column))]
    return cut(shape, (frame, row, column), arms)


def against_the_truth(climbed: tuple[Climbed, ...], true: Misfits) -> Row:
    """Misfit of the best end at the smallest κ that both came to, beside that of the same fits begun from the true object."""
    common = true.keys() & {end.kappa for end in climbed}
    if not common:
        return {"kappa": np.nan, "misfit": np.nan, "true_misfit": np.nan, "ratio": np.nan}
    kappa = min(common)
    found = min(end.misfit for end in climbed if end.kappa == kappa)
    return {"kappa": kappa, "misfit": found, "true_misfit": true[kappa], "ratio": found / true[kappa]}


def skill_in_gap(crystal: Strained, scan: GappedScan, filled: NDArray[Any]) -> float:
    """Of filled counts (frames, rows, columns) over a straight line, in the gap where it is bright."""
    scored = scan.mask & bright(crystal.expected) & ~crystal.faulty
    line = np.expm1(linear(np.log1p(scan.counts), scan.mask, scan.slabs))
    return skill(filled[scored], line[scored], crystal.counts[scored])


def averaged(cases: list[Row]) -> list[Row]:
    """Over the crystals of a range: how many converged, and means."""
    rows = []
    columns = ("least_over_pi", "most_over_pi", "kind")
    for key, mine in grouped(cases, columns).items():
        row = headed(columns, key) | {"crystals": len(mine)}
        row["converged"] = sum(c["ratio"] <= AS_GOOD for c in mine)
        row["median_ratio"] = float(np.median([c["ratio"] for c in mine]))
        rows.append(row | means_of(mine, ("skill", "skill_unet", "core_seconds")))
    return rows


def conclude(tables: Tables) -> str:
    """How many converge in each range by what the program does."""
    rows = [row for row in tables["study_starts"] if row["kind"] == OURS]
    parts = [
        f"{row['converged']} of {row['crystals']} at {row['least_over_pi']:g} to {row['most_over_pi']:g} π (skill "
        f"{row['skill']:.2f}, the network {row['skill_unet']:.2f})"
        for row in rows
    ]
    return f"As near to the counts as the true object, to a tenth, come {', '.join(parts)}"


def draw(tables: Tables) -> "dict[str, Figure]":
    """Shares that converged, with their standard deviations, and skill, against the range of phase."""
    figure = new_figure(7.2, 3.4)
    shares, skills = figure.subplots(1, 2)
    for kind, (colour, marker, line) in STYLES.items():
        rows = [row for row in tables["study_starts"] if row["kind"] == kind]
        middle = middles(rows)
        share = np.array([row["converged"] / row["crystals"] for row in rows])
        spread = np.sqrt(share * (1 - share) / [row["crystals"] for row in rows])
        look: dict[str, Any] = {"color": colour, "marker": marker, "ls": line, "ms": 3.5, "lw": 1.2, "label": kind}
        shares.errorbar(middle, share, spread, capsize=1.5, elinewidth=0.6, **look)
        skills.plot(middle, [row["skill"] for row in rows], **look)
    network = [row for row in tables["study_starts"] if row["kind"] == OURS]
    skills.plot(middles(network), [row["skill_unet"] for row in network], color="0.5", ls=":", label="unet")
    shares.set(xlabel="range of phase (π)", ylabel=f"share within {AS_GOOD} of the true object", ylim=(-0.05, 1.05))
    skills.set(xlabel="range of phase (π)", ylabel="skill in the gap, mean", ylim=(-0.05, 1.05))
    skills.legend()
    return {"study_starts": figure}


def middles(rows: list[Row]) -> list[float]:
    """Of the rows' ranges of phase, in π."""
    return [(row["least_over_pi"] + row["most_over_pi"]) / 2 for row in rows]
