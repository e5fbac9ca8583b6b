import numpy as np
import pytest
import torch

from braggfill.classical.interpolate import linear_along
from braggfill.network.gapnet import COUNT_FLOOR, LARGEST_CORRECTION, NORMAL, GapNet, ModelConfig, log_linear_along_normal


@pytest.fixture(scope="module")
def network() -> GapNet:
    """A small network with random weights, its last layer too."""
    torch.manual_seed(0)
    model = GapNet(ModelConfig((8, 8, 8)))
    torch.nn.init.normal_(model.head.weight, std=0.1)
    return model.eval().requires_grad_(False)


def portion(height=20, width=24, seed=0):
    counts = torch.poisson(20 * torch.rand(2, NORMAL, height, width, generator=torch.Generator().manual_seed(seed)))
    measured = torch.ones(counts.shape, dtype=torch.bool)
    measured[:, 13:19] = False
    measured[1, :, 5:8] = False
    return counts, measured


def test_first_guess_is_numpy_s_interpolation_of_every_line():
    counts, measured = portion()
    filled = log_linear_along_normal(torch.log1p(counts), measured).numpy()
    lines, known = np.log1p(counts.numpy()), measured.numpy()
    for b, i, j in [(0, 0, 0), (0, 7, 11), (1, 3, 23), (1, 19, 2)]:
        where = np.flatnonzero(known[b, :, i, j])
        np.testing.assert_allclose(filled[b, :, i, j], np.interp(np.arange(NORMAL), where, lines[b, where, i, j]), rtol=1e-5)


def test_the_linear_fill_of_numpy_and_that_of_the_network_are_one():
    """On lines measured here and there, some at one end only."""
    rng = np.random.default_rng(0)
    values, measured = rng.normal(size=(2, NORMAL, 9, 7)).astype(np.float32), rng.random((2, NORMAL, 9, 7)) < 0.15
    measured[:, 5] |= ~measured.any(1)
    filled = log_linear_along_normal(torch.from_numpy(values), torch.from_numpy(measured)).numpy()
    np.testing.assert_allclose(filled, linear_along(values, ~measured, 1), rtol=1e-5, atol=1e-6)


def test_a_line_without_a_bank_takes_its_neighbours_mean():
    counts = torch.full((1, NORMAL, 20, 20), 9.0)
    measured = torch.ones(counts.shape, dtype=torch.bool)
    measured[:, :, :, 8:12] = False
    guess = log_linear_along_normal(torch.log1p(counts * measured), measured)
    torch.testing.assert_close(guess, torch.log1p(counts))


def test_an_untrained_network_gives_the_first_guess():
    counts, measured = portion()
    log_mean, _ = GapNet(ModelConfig((8, 8, 8)))(counts, measured)
    guess = torch.expm1(log_linear_along_normal(torch.log1p(counts), measured))
    torch.testing.assert_close(log_mean.exp(), guess + COUNT_FLOOR, rtol=1e-4, atol=1e-4)


def test_values_under_the_mask_are_not_seen(network):
    counts, measured = portion()
    hidden = torch.where(measured, counts, 1e6)
    for ours, theirs in zip(network(counts, measured), network(hidden, measured), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 32), (33, 18)])
def test_any_extent_of_the_plane(network, height, width):
    counts, measured = torch.ones(1, NORMAL, height, width), torch.ones(1, NORMAL, height, width, dtype=torch.bool)
    for output in network(counts, measured):
        assert output.shape == counts.shape
        assert output.isfinite().all()


def test_shifting_the_plane_shifts_the_prediction(network):
    counts, measured = portion(112, 8, seed=3)
    shifted = network(counts[:, :, 4:], measured[:, :, 4:])
    for whole, part in zip(network(counts, measured), shifted, strict=True):
        torch.testing.assert_close(whole[:, :, 48:80], part[:, :, 44:76], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e9])
def test_finite_for_empty_and_for_very_bright_portions(network, value):
    measured = torch.zeros(1, NORMAL, 8, 8, dtype=torch.bool)
    measured[:, :10] = True
    for output in network(torch.full((1, NORMAL, 8, 8), value), measured):
        assert output.isfinite().all()


def test_an_untrained_network_gives_a_guess_fitted_to_the_scan_where_there_is_one():
    counts, measured = torch.full((1, NORMAL, 12, 12), 50.0), torch.ones((1, NORMAL, 12, 12), dtype=torch.bool)
    measured[:, 14:18] = False
    guess = torch.full_like(counts, 3.0)
    guess[..., 6:] = torch.nan
    expected = torch.where(measured | guess.isnan(), 50.0, float(np.expm1(3.0)))
    torch.testing.assert_close(GapNet()(counts, measured, guess)[0].exp(), expected + COUNT_FLOOR, rtol=1e-4, atol=1e-4)


def test_the_departure_from_the_first_guess_is_bounded(network):
    torch.nn.init.constant_(network.head.bias, 1e4)
    counts, measured = portion()
    log_mean, _ = network(counts, measured)
    guess = torch.expm1(log_linear_along_normal(torch.log1p(counts), measured))
    torch.testing.assert_close(log_mean, torch.log(guess + COUNT_FLOOR) + LARGEST_CORRECTION)
