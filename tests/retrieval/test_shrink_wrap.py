import numpy as np
import pytest
import torch
from known_objects import cuboid

from braggfill import InputError
from braggfill.retrieval.shrink_wrap import shrink_wrap


def test_shrink_wrap_finds_the_object_in_a_loose_support_and_in_a_tight_one():
    true = cuboid((32, 32, 32), (12, 10, 14))
    modulus = torch.from_numpy(true.astype(np.float32))
    for first in (cuboid((32, 32, 32), (20, 20, 20)), cuboid((32, 32, 32), (10, 9, 12))):
        support = torch.from_numpy(first)
        for _ in range(3):
            support = shrink_wrap(modulus, support, 1.0)
        ours = support.numpy()
        assert ours[true].all()
        assert ours.sum() < 1.7 * true.sum()


def test_an_object_that_vanished_is_refused():
    with pytest.raises(InputError, match="object vanished"):
        shrink_wrap(torch.zeros(16, 16, 16), torch.from_numpy(cuboid((16, 16, 16), (6, 6, 6))), 1.0)
