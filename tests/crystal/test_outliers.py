import numpy as np
from made_fringes import fringes

from braggfill.crystal.model.outliers import aliens


def test_another_crystals_light_is_found_and_the_crystals_own_is_not():
    expected, counts = fringes(4.0)
    measured = np.ones(counts.shape, bool)
    assert not aliens(expected.astype(np.float32), counts, measured).any()
    counts[30:33, 3:6, 3:6] += 100
    found = aliens(expected.astype(np.float32), counts, measured)
    assert found[31, 4, 4]
    assert not found[:, 10:, 10:].any()


def test_an_object_that_is_wrong_itself_accuses_nobody():
    expected, counts = fringes(4.0)
    wrong = np.roll(expected, 15, 1).astype(np.float32)
    assert not aliens(wrong, counts, np.ones(counts.shape, bool)).any()
