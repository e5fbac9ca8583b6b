"""Arrays of the search for the crystal, by dtype and axes; several starts go through it together."""

from jaxtyping import Bool, Complex64, Float, Float32
from torch import Tensor

Objects = Complex64[Tensor, "starts frames rows columns"]
"""Objects, or their transforms."""
Object = Complex64[Tensor, "frames rows columns"]
Amplitude = Complex64[Tensor, "*starts frames rows columns"]
Intensity = Float32[Tensor, "*starts frames rows columns"]
Volumes = Float32[Tensor, "starts frames rows columns"]
Supports = Bool[Tensor, "starts frames rows columns"]
Volume = Float32[Tensor, "frames rows columns"]
Voxels = Bool[Tensor, "frames rows columns"]
PerStart = Float[Tensor, " starts"]
PerFrame = Float32[Tensor, "starts frames"]
Pixels = Float32[Tensor, "starts rows columns"]
PerAxis = Float32[Tensor, "starts 3"]
Parameters = Float32[Tensor, "starts parameters"]
