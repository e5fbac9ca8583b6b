"""The fill of a measured scan (Au S0054, APS 34-ID-C), which no weights were trained on."""

import numpy as np
import pytest

from braggfill import fill_gaps


def excess_deviance(filled, counts):
    y, mu = counts.astype(float), np.maximum(filled.astype(float), 1e-3)
    return float(np.mean(2 * (np.where(y > 0, y * np.log(np.maximum(y, 1) / mu), 0) - (y - mu)))) - 1


@pytest.mark.parametrize(("offset", "width"), [(-30, 6), (14, 6), (14, 12)])
def test_a_gap_cut_into_a_measured_scan(real_scans, offset, width):
    counts = np.load(real_scans / "au_34idc_s0054.npz")["data"][50:150, 60:200, 60:200]
    peak_row = np.unravel_index(counts.argmax(), counts.shape)[1]
    mask = np.zeros(counts.shape[1:], bool)
    mask[peak_row + offset : peak_row + offset + width] = True
    missing = np.broadcast_to(mask, counts.shape)
    blank = np.where(missing, 0, counts)
    bright = missing & (counts > 0)
    excess = {}
    for method in ("unet", "linear", "idw"):
        result = fill_gaps(blank, mask, method=method)
        np.testing.assert_array_equal(result.intensity[~missing], counts[~missing].astype(np.float32))
        near = missing & (fill_gaps(counts, mask, method="idw").intensity > 0.5)
        excess[method] = excess_deviance(result.intensity[near], counts[near])
    assert bright.any()
    assert excess["unet"] < 0.7 * excess["linear"]
    assert excess["unet"] < excess["idw"]
