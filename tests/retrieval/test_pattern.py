"""What phase retrieval takes for measured."""

import numpy as np
from made_fringes import fringes

from braggfill.retrieval.pattern import prepare_pattern


def test_pixels_that_count_by_themselves_or_never_are_not_measured():
    _, counts = fringes(4.0)
    sound = prepare_pattern(counts)
    assert not sound.missing.any()
    counts[:, 3, 40] += 2 * counts.max()
    counts[:, 26, 25] = 0
    pattern = prepare_pattern(counts)
    assert pattern.peak == sound.peak
    missing = np.roll(pattern.missing, pattern.before, (0, 1, 2))
    assert missing.sum() == 2 * len(counts)
    assert missing[:, 3, 40].all() and missing[:, 26, 25].all()
    assert not pattern.counts[pattern.missing].any()
