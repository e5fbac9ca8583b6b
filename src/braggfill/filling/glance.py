"""A filled scan at a glance, for notebooks: the frame of the brightest voxel before and after, and the gaps."""

import base64
import html
import io

import numpy as np

from braggfill.scan.gaps import Gap, summarise_gaps

LARGEST_RELATIVE = 1.5
"""Relative uncertainty at the end of the colour scale."""
STYLE = "border:0;padding:2px 14px 2px 0;text-align:left"


class Glance:
    """What a filled scan inherits to show itself."""

    intensity: np.ndarray
    filled: np.ndarray
    std: np.ndarray
    mask: np.ndarray
    gaps: list[Gap]

    def _repr_html_(self) -> str:
        frame = int(np.unravel_index(self.intensity.argmax(), self.intensity.shape)[0])
        counts, filled, std, missing = (v[frame] for v in (self.intensity, self.filled, self.std, self.mask))
        log = np.log1p(counts) / max(float(np.log1p(self.intensity.max())), 1e-9)
        relative = std / np.maximum(counts, 1e-12) / LARGEST_RELATIVE
        panels = (
            (f"before, frame {frame}", log, filled | missing, "turbo"),
            ("after", log, missing, "turbo"),
            (f"relative uncertainty, 0 to {LARGEST_RELATIVE:g}", relative, ~filled, "viridis"),
        )
        figures = "".join(
            f'<figure style="display:inline-block;margin:0 10px 6px 0"><figcaption>{html.escape(title)}</figcaption>'
            f'<img alt="{html.escape(title)}" src="data:image/png;base64,{picture(*panel)}" width="260"></figure>'
            for title, *panel in panels
        )
        rows = "".join(
            f'<tr><td style="{STYLE}">{row["number"]} {row["kind"]}</td><td style="{STYLE}">{row["width"]} wide across '
            f'{row["across"]}s</td><td style="{STYLE}">{row["filled"]:,} of {row["voxels"]:,} voxels filled</td></tr>'
            for row in summarise_gaps(self.gaps)
        )
        return f'<div>{figures}<table style="border:0">{rows}</table></div>'


def picture(share: np.ndarray, blank: np.ndarray, scale: str) -> str:
    """Shares (rows, columns) of a colour scale as PNG in base 64, grey where ``blank``."""
    from matplotlib import colormaps
    from matplotlib.image import imsave

    pixels = colormaps[scale](np.clip(share, 0, 1))
    pixels[blank] = 0.75, 0.75, 0.75, 1.0
    file = io.BytesIO()
    imsave(file, pixels)
    return base64.b64encode(file.getvalue()).decode()
