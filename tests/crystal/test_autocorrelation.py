import numpy as np
import pytest
import torch
from known_objects import cuboid

from braggfill.crystal.model.autocorrelation import first_support, oversampling_of
from braggfill.scan.boxes import bounding_box


@pytest.mark.parametrize("sizes", [(12, 12, 12), (8, 14, 20)])
def test_half_the_autocorrelation_has_the_objects_extent(sizes):
    shape = (48, 50, 60)
    counts = np.abs(np.fft.fftn(cuboid(shape, sizes))) ** 2
    pattern = torch.from_numpy(counts.astype(np.float32))
    support, oversampling = first_support(pattern), oversampling_of(pattern)
    spans = [s.stop - s.start for s in bounding_box(support)]
    np.testing.assert_allclose(spans, sizes, atol=2)
    np.testing.assert_allclose(oversampling, np.array(shape) / sizes, rtol=0.15)
