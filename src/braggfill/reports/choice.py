"""What may be asked of a picture. Quick to import."""

from typing import Literal

Through = Literal["peak", "gap"]
"""Where the three slices of a scan's picture meet: its brightest voxel, or the brightest one that was not measured."""
