"""Shared fixtures: a simulated scan with a cross, small enough for every test, and the place of the real scans."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src" / "braggfill"
SHAPED = [path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py") if "from jaxtyping" in path.read_text()]
"""Modules whose annotations hold shapes. With BRAGGFILL_SHAPES set every call is held against them, which takes longer; the
hook must be there before they are imported."""
if os.environ.get("BRAGGFILL_SHAPES"):
    install_import_hook(
        [".".join(("braggfill", *path.parts)) for path in SHAPED],
        "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # where a float is asked for, an int will do
    )

from braggfill.network.config import PracticeConfig
from braggfill.scan.copies import CopyRules
from braggfill.simulation.measurement import MeasurementRanges
from braggfill.simulation.scans import SimulatedScan, SimulationConfig, simulate

torch.set_num_threads(1)
settings.register_profile("every run alike", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("every run alike")


FAULTLESS = {"alien_share": 0.0, "dead_pixel_share": 0.0, "hot_pixel_share": 0.0, "jitter_share": 0.0}


@pytest.fixture(autouse=True, scope="session")
def default_is_quick() -> Iterator[None]:
    """Most tests are of what surrounds a fill: unless they ask for phase retrieval, the network fills, in a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("braggfill.filling.options.MOST_VOXELS_BY_CRYSTAL", 0)
        yield


@pytest.fixture(scope="session")
def scan() -> SimulatedScan:
    """A scan of 48 × 64 × 56 voxels with a bright peak at row 20 and column 30, clear of the cross."""
    config = SimulationConfig(measurement=MeasurementRanges(peak_counts=(2e5, 4e5), **FAULTLESS))
    return next(simulate(1, shape=(48, 64, 56), seed=19, config=config))


@pytest.fixture(scope="session")
def cross() -> np.ndarray:
    """A detector mask (64, 56): rows 34–38 and columns 12–14 are missing."""
    mask = np.zeros((64, 56), bool)
    mask[34:39] = True
    mask[:, 12:15] = True
    return mask


@pytest.fixture(scope="session")
def real_scans() -> Path:
    """Folder of measured scans, which are not part of this repository; tests that need them skip without it."""
    folder = Path(os.environ.get("BRAGGFILL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "au_34idc_s0054.npz").exists():
        pytest.skip(f"no measured scan au_34idc_s0054.npz in {folder}; set BRAGGFILL_DATA to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def excess_deviance():
    """Function (filled, counts, where) to the mean Poisson deviance over some voxels, less the 1 of a perfect bright fill."""

    def measure(filled: np.ndarray, counts: np.ndarray, where: np.ndarray) -> float:
        y, mean = counts[where].astype(float), np.maximum(filled[where].astype(float), 1e-3)
        return float(np.mean(2 * (np.where(y > 0, y * np.log(np.maximum(y, 1) / mean), 0) - (y - mean)))) - 1

    return measure


@pytest.fixture
def threads():
    """Function that sets how many threads torch computes with, until the test ends."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def one_small_layout(threads) -> PracticeConfig:
    """Practice on one layout of one copy, by one thread: two wait for each other on a busy machine."""
    threads(1)
    copies = CopyRules(1, 4, spacing=12, least_share=0.4)
    return PracticeConfig(layouts=1, copies=copies, held_out=copies, fewest_voxels=500)
