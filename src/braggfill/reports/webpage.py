"""A fill as one page that a person can mail: slices with a slider, the gaps, the self-test, the crystal, how it was made.

The page holds its data: the scan's logarithm in 255 steps, which voxels are estimates, and their relative uncertainty, each
deflated and in base 64. The browser inflates and draws them; nothing is fetched. Self-test and crystal are pictures.
"""

import base64
import html
import json
import pkgutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from braggfill.base.errors import InputError
from braggfill.base.limits import check_kind
from braggfill.base.paths import PathLike, as_name, as_path
from braggfill.base.pictures import COUNTS_MAP, LARGEST_RELATIVE, RELATIVE_MAP, picture_bytes
from braggfill.base.text import printable
from braggfill.base.writing import check_output, whole_or_nothing
from braggfill.filling.gap_rows import filled_gap_rows
from braggfill.filling.record import provenance
from braggfill.filling.result import FillResult
from braggfill.reports.self_test import self_test_figure
from braggfill.reports.sentences import key_figures
from braggfill.reports.tables import start_rows
from braggfill.scan.gaps import AXIS_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from braggfill.judging.evaluation import Evaluation
    from braggfill.retrieval.result import RetrievalResult

LARGEST_BYTES = 2_700_000
"""Deflated data of a page are at most this many: 3.6 MB in base 64, beside which there is room for pictures.
A larger scan is shown in fewer steps of the scale or fewer frames."""
SCALES = (255, 127, 63)
"""Steps of the logarithmic scale that are tried before frames are left out."""
SELF_TEST_BASELINES = ("kriging", "linear")
"""Methods that a page's self-test compares with."""
PICTURE_DPI = 95
SEEN_AROUND = 2
"""Empty voxels shown about a crystal that was cut to its box."""
PULLS_TOLD = (
    "A pull is how far a hidden count is from the expected one, in standard deviations (the estimate's and that of counting). "
    "Where the histogram reaches beyond its line, the uncertainty is too small."
)


@dataclass(frozen=True)
class Pictures:
    """What the page draws; volumes are deflated, uint8, of ``shape`` in C order."""

    shape: tuple[int, ...]
    every: int
    """Every how many frames are shown."""
    levels: bytes
    """0 where there are no counts, else 1 + log(1 + I) in ``steps`` equal steps up to ``largest``."""
    steps: int
    largest: float
    """Counts at the last step."""
    state: bytes
    """0 measured, 1 estimated, 2 still missing."""
    relative: bytes
    """std / estimate of the estimated voxels only, in C order; 255 is ``LARGEST_RELATIVE``."""


def draw_pictures(result: FillResult, largest_bytes: int = LARGEST_BYTES) -> Pictures:
    """A filled scan in as many steps and frames as fit into so many bytes, deflated."""
    largest = max(float(result.intensity.max()), 1.0)
    for every in range(1, len(result.intensity) + 1):
        for steps in SCALES:
            levels = zlib.compress(_levels(result.intensity[::every], steps, largest), 6)
            if len(levels) <= largest_bytes:
                return _pictures(result, every, levels, steps, largest)
    raise InputError(f"report: got a frame of {result.intensity[0].shape} that no page can hold, expected a smaller crop")


def _levels(intensity: NDArray[np.float32], steps: int, largest: float) -> bytes:
    """One byte a voxel, frame by frame."""
    scale = (steps - 1) / np.log1p(largest)
    frames = (np.where(f > 0, 1 + np.rint(np.log1p(np.maximum(f, 0)) * scale), 0).astype(np.uint8).tobytes() for f in intensity)
    return b"".join(frames)


def _pictures(result: FillResult, every: int, levels: bytes, steps: int, largest: float) -> Pictures:
    filled, mask = result.filled[::every], result.mask[::every]
    relative = result.relative_std[::every][filled]
    shown = np.rint(np.minimum(relative / LARGEST_RELATIVE, 1) * 255).astype(np.uint8)
    state = zlib.compress((filled + 2 * mask.astype(np.uint8)).tobytes(), 6)
    return Pictures(filled.shape, every, levels, steps, largest, state, zlib.compress(shown.tobytes(), 6))


def judge(result: FillResult, baselines: Sequence[str] = SELF_TEST_BASELINES) -> "Evaluation | str":
    """The verdict on gaps cut elsewhere into the scan, or a sentence why there is none; ``baselines`` are compared with."""
    from braggfill.judging.evaluation import evaluate

    options = result.options
    try:
        return evaluate(
            result.intensity,
            result.filled | result.mask,
            method=options.method,
            baselines=baselines,
            device=options.device,
            counts_per_unit=options.counts_per_unit,
            negatives=options.negatives,
            weights=options.weights,
            fill=options,
        )
    except InputError as error:
        return f"There is no self-test of this scan: {error}."


def write_report(
    path: PathLike,
    result: FillResult,
    name: str,
    record: dict[str, Any] | None = None,
    self_test: bool = True,
    baselines: Sequence[str] = SELF_TEST_BASELINES,
    crystal: "RetrievalResult | None" = None,
) -> None:
    """Write the page of a fill.

    Parameters
    ----------
    path : text or path
        A name ending in ``.html``; a file of that name is replaced.
    result : FillResult
    name : str
        Of the scan.
    record : dict, optional
        Command and configuration, added to what is told of the fill's making.
    self_test : bool
        Whether the fill is judged on gaps cut elsewhere into the scan, which takes as long as the fill again.
    baselines : sequence of str
        Methods that it is compared with there.
    crystal : RetrievalResult, optional
        What was retrieved from the filled scan, to be shown as well.

    Raises
    ------
    InputError
        If the page cannot be written, or not under that name.
    """
    check_kind("result", result, FillResult)
    path, name = as_path(path, "path"), as_name(name, "name")
    check_output(path, [], overwrite=True, suffix=".html")
    verdict = judge(result, baselines) if self_test else "The self-test was not asked for; 'braggfill evaluate' makes one."
    with whole_or_nothing(path) as file:
        file.write(page(result, name, verdict, record or {}, crystal).encode())


def page(
    result: FillResult,
    name: str,
    verdict: "Evaluation | str",
    record: dict[str, Any],
    crystal: "RetrievalResult | None" = None,
) -> str:
    """The page as HTML."""
    drawn = draw_pictures(result)
    peak = np.unravel_index(result.intensity.argmax(), result.intensity.shape)
    data = {
        "shape": drawn.shape,
        "axes": AXIS_NAMES,
        "every": drawn.every,
        "start": [int(peak[0]) // drawn.every, int(peak[1]), int(peak[2])],
        "steps": drawn.steps,
        "largest": drawn.largest,
        "largestRelative": LARGEST_RELATIVE,
        "countsColours": colours(COUNTS_MAP),
        "relativeColours": colours(RELATIVE_MAP),
    } | {n: base64.b64encode(getattr(drawn, n)).decode() for n in ("levels", "state", "relative")}
    parts = {
        "title": html.escape(name),
        "figures": _figures(result),
        "warnings": "".join(f'<p class="warning">{html.escape(_sentence(w))}</p>' for w in result.warnings),
        "gaps": _table(filled_gap_rows(result.gaps, result.options.method)),
        "verdict": _verdict(verdict),
        "crystal": _crystal(crystal) if crystal else _crystal_behind(result),
        "provenance": _provenance(provenance(result, name) | record),
        "note": f"Every {drawn.every}th frame is shown." if drawn.every > 1 else "",
        "data": json.dumps(data).replace("</", "<\\/"),
    }
    text = (pkgutil.get_data(__package__, "webpage.html") or b"").decode()
    for key, part in parts.items():
        text = text.replace(f"{{{{{key}}}}}", part)
    return text


def colours(name: str) -> list[int]:
    """A colour scale as 256 × 3 numbers of 0 to 255."""
    from matplotlib import colormaps

    return (np.asarray(colormaps[name](np.arange(256)))[:, :3] * 255).round().astype(int).ravel().tolist()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _row(cells: list[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"


def _table(rows: list[list[str]]) -> str:
    """Rows of a table, the first of them its headings."""
    return _row(rows[0], "th") + "".join(map(_row, rows[1:]))


def _figures(result: FillResult) -> str:
    figures = key_figures(result)
    filled = {"voxels filled": f"{figures.pop('voxels filled')} ({figures.pop('of the scan')})"}
    shown = {"method": result.options.method} | filled | figures
    return "".join(f"<div><dt>{html.escape(n)}</dt><dd>{html.escape(v)}</dd></div>" for n, v in shown.items())


def _verdict(verdict: "Evaluation | str") -> str:
    """The self-test: its advice, and how right each method was where the counts are known."""
    if isinstance(verdict, str):
        return f"<p>{html.escape(verdict)}</p>"
    rows = [["method", "share of the straight line's error removed", "correlation", "total", "in the 90 % interval"]]
    for s in verdict.scores:
        cells = [s.method, f"{100 * s.skill:.0f} %", f"{s.pcc_log:.3f}", f"{100 * (s.bias - 1):+.1f} %"]
        rows.append([*cells, f"{100 * s.coverage_90:.0f} %"])
    kind = "good" if verdict.advisable else "warning"
    advice = f'<p class="{kind}">{html.escape(verdict.advice)}</p>'
    table = f'<div class="wide"><table>{_table(rows)}</table></div>'
    said = f"{verdict.voxels:,} voxels of gaps cut where the counts are known. {PULLS_TOLD}"
    return (
        f'{advice}{table}{_picture(self_test_figure(verdict), "What was hidden and what came back")}<p class="small">{said}</p>'
    )


def _crystal(found: "RetrievalResult") -> str:
    """The retrieved object in three slices, and how its starts ended."""
    from braggfill.reports.objects import modulus_and_phase

    warned = "".join(f'<p class="warning">{html.escape(_sentence(w))}</p>' for w in found.warnings)
    told = f"<p>{html.escape(f'{found.options.treatment}: {found.summary}')}.</p>"
    slices = _picture(modulus_and_phase(found.crystal, found.support), "Modulus and phase of the crystal in three slices")
    table = f'<div class="wide"><table>{_table(start_rows(found))}</table></div>'
    return f"<section><h2>The crystal</h2>{warned}{told}{table}{slices}</section>"


def _crystal_behind(result: FillResult) -> str:
    """The object that a fill by phase retrieval comes from, in three slices."""
    from braggfill.reports.objects import modulus_and_phase

    found = result.crystal
    if found is None:
        return ""
    crystal, support = np.pad(found.crystal, SEEN_AROUND), np.pad(found.support, SEEN_AROUND)
    array = " × ".join(map(str, found.ring))
    told = f"{np.count_nonzero(support):,} voxels of an array of {array}, whose transform is the pattern"
    slices = _picture(modulus_and_phase(crystal, support), "Modulus and phase of the crystal behind the fill in three slices")
    said = f"<p>{html.escape(told)}; it is the one of those that were found that tells the hidden counts best.</p>"
    return f"<section><h2>The crystal behind the fill</h2>{said}{slices}</section>"


def _picture(figure: "Figure", told: str) -> str:
    """A picture that stands in the page itself."""
    code = base64.b64encode(picture_bytes(figure, PICTURE_DPI)).decode()
    return f'<img class="picture" alt="{html.escape(told)}" src="data:image/png;base64,{code}">'


def _provenance(facts: dict[str, Any]) -> str:
    """Facts by name; the gaps have their own table."""
    shown = {n: v for n, v in facts.items() if n not in ("gaps", "options" if "configuration" in facts else "")}
    rows = []
    for name, value in shown.items():
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
        rows.append(f"<dt>{html.escape(name.replace('_', ' '))}</dt><dd>{html.escape(printable(text))}</dd>")
    return "".join(rows)
