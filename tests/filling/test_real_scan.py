"""The fill of a measured scan (Au S0054, APS 34-ID-C), which no weights were trained on."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from braggfill import fill_gaps


@pytest.mark.parametrize(("offset", "width"), [(-30, 6), (14, 6), (14, 12)])
def test_a_gap_cut_into_a_measured_scan(real_scans, excess_deviance, offset, width):
    with np.load(real_scans / "au_34idc_s0054.npz") as arrays:
        counts = arrays["data"][50:150, 60:200, 60:200]
    peak_row = np.unravel_index(counts.argmax(), counts.shape)[1]
    mask = np.zeros(counts.shape[1:], bool)
    mask[peak_row + offset : peak_row + offset + width] = True
    missing = np.broadcast_to(mask, counts.shape)
    blank = np.where(missing, 0, counts)
    excess = {}
    near = missing & (gaussian_filter(counts.astype(np.float32), 3) > 0.5)
    for method in ("unet", "kriging", "linear", "idw"):
        result = fill_gaps(blank, mask, method=method)
        np.testing.assert_array_equal(result.intensity[~missing], counts[~missing].astype(np.float32))
        excess[method] = excess_deviance(result.intensity, counts, near)
    assert excess["unet"] < 0.5 * excess["linear"]
    assert excess["kriging"] < 0.6 * min(excess["linear"], excess["idw"])
