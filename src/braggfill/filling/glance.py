"""A filled scan at a glance, for notebooks: the frame of the brightest voxel before and after, and the gaps."""

import base64
import html
import io

import numpy as np
from numpy.typing import NDArray

from braggfill.base.pictures import COUNTS_MAP, LARGEST_RELATIVE, NOT_MEASURED, OUTLINE, RELATIVE_MAP, UNDER_OUTLINE, borders

STYLE = "border:0;padding:2px 14px 2px 0;text-align:left"


def glance(
    intensity: NDArray[np.float32],
    filled: NDArray[np.bool_],
    missing: NDArray[np.bool_],
    relative: NDArray[np.float32],
    rows: list[list[str]],
    warnings: list[str],
) -> str:
    """A filled scan as HTML.

    Parameters
    ----------
    intensity : float32 array (frames, rows, columns)
    filled, missing : bool arrays (frames, rows, columns)
        True = estimated; True = still missing.
    relative : float32 array (frames, rows, columns)
        Standard deviation of the estimates over these.
    rows : list of lists of str
        Cells of the table of gaps, the headings first.
    warnings : list of str
        What to know of it.
    """
    frame = int(np.unravel_index(intensity.argmax(), intensity.shape)[0])
    log = np.log1p(np.maximum(intensity[frame], 0)) / max(float(np.log1p(intensity.max())), 1e-9)
    panels = (
        (f"before, frame {frame}", log, filled[frame] | missing[frame], COUNTS_MAP),
        ("after", log, missing[frame], COUNTS_MAP),
        (
            f"relative uncertainty, 0 to {LARGEST_RELATIVE:g}",
            np.nan_to_num(relative[frame]) / LARGEST_RELATIVE,
            ~filled[frame],
            RELATIVE_MAP,
        ),
    )
    lines = _lines(filled[frame] | missing[frame])
    figures = "".join(
        f'<figure style="display:inline-block;margin:0 10px 6px 0"><figcaption>{html.escape(title)}</figcaption>'
        '<div style="position:relative"><img style="display:block" width="260" '
        f'alt="{html.escape(title)}" src="data:image/png;base64,{_png(*panel)}">{lines}</div></figure>'
        for title, *panel in panels
    )
    told = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in warnings)
    return f'<div>{figures}<table style="border:0">{"".join(map(_line, rows))}</table>{told}</div>'


def _lines(gap: NDArray[np.bool_]) -> str:
    """Lines round a gap (rows, columns), to lie over a picture of it."""
    path = "".join(f"M{x:g} {y:g}L{u:g} {v:g}" for (x, y), (u, v) in borders(gap))
    strokes = "".join(
        f'<path d="{path}" stroke="{colour}" stroke-width="{width}" vector-effect="non-scaling-stroke"/>'
        for colour, width in (UNDER_OUTLINE, OUTLINE)
    )
    box = f'viewBox="-0.5 -0.5 {gap.shape[1]} {gap.shape[0]}" preserveAspectRatio="none"'
    return f'<svg {box} style="position:absolute;left:0;top:0;width:100%;height:100%">{strokes}</svg>'


def _line(cells: list[str]) -> str:
    return "<tr>" + "".join(f'<td style="{STYLE}">{html.escape(cell)}</td>' for cell in cells) + "</tr>"


def _png(share: NDArray[np.floating], blank: NDArray[np.bool_], scale: str) -> str:
    """Shares (rows, columns) of a colour scale as PNG in base 64, grey where ``blank``."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba
    from matplotlib.image import imsave

    pixels = colormaps[scale](np.clip(share, 0, 1))
    pixels[blank] = to_rgba(NOT_MEASURED)
    file = io.BytesIO()
    imsave(file, pixels)
    return base64.b64encode(file.getvalue()).decode()
