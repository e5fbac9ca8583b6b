import numpy as np
import torch
from known_instruments import instrument

from braggfill.crystal.search.kept import Kept
from braggfill.crystal.search.turns import State


def test_what_is_kept_comes_back_and_takes_up_no_more_than_its_box():
    rng = np.random.default_rng(0)
    support = torch.zeros(20, 22, 24, dtype=torch.bool)
    support[5:9, 3:8, 10:16] = torch.from_numpy(rng.random((4, 5, 6)) < 0.7)
    crystal = (
        torch.from_numpy((rng.normal(size=support.shape) + 1j * rng.normal(size=support.shape)).astype(np.complex64)) * support
    )
    state = State(crystal, support, instrument(20), 0.3, 0.2)
    kept = Kept.of(state)
    assert kept.cut.crystal.untyped_storage().nbytes() <= 4 * 5 * 6 * 8
    assert torch.equal(kept.state.crystal, crystal)
    assert torch.equal(kept.state.support, support)
    assert kept.state.instrument is state.instrument
