"""Arrays of the search for the crystal, by dtype and axes."""

from jaxtyping import Bool, Complex64, Float, Float32
from torch import Tensor

Object = Complex64[Tensor, "frames rows columns"]
"""An object, or its transform."""
Volume = Float32[Tensor, "frames rows columns"]
Voxels = Bool[Tensor, "frames rows columns"]
"""A support, or what else marks voxels."""
Number = Float[Tensor, ""]
PerFrame = Float32[Tensor, " frames"]
Pixels = Float32[Tensor, "rows columns"]
Line = Float32[Tensor, " lines"]
Band = Float32[Tensor, "lines wider"]
PerAxis = Float32[Tensor, "3"]
Parameters = Float32[Tensor, " parameters"]
