import numpy as np
import torch
from known_instruments import instrument, ring

from braggfill.crystal.model.coherence import expected_counts
from braggfill.crystal.model.diffuse import Lorentzian, diffuse_light
from braggfill.crystal.model.windows import Window

SHAPE, FIRST = (7, 9, 8), (-2, -5, -3)
WIDTHS = torch.tensor([1.5, 3.0, 2.0])


def window():
    return Window(FIRST, torch.ones(SHAPE))


def direct(widths):
    """Voxel by voxel, in the scan's order."""
    volume = np.empty(SHAPE)
    for place in np.ndindex(SHAPE):
        volume[place] = 1 / (1 + sum(((i + f) / w) ** 2 for i, f, w in zip(place, FIRST, widths, strict=True)))
    return volume


def test_diffuse_light_is_a_lorentzian_about_the_peak_wherever_this_lies():
    light = diffuse_light(window(), torch.tensor(20.0), WIDTHS).numpy()
    assert light[0, 0, 0] == 20
    np.testing.assert_allclose(np.roll(light, [-f for f in FIRST], (0, 1, 2)), 20 * direct(WIDTHS.tolist()), rtol=1e-5)


def test_frames_follow_one_another_as_in_the_whole():
    lorentzian = Lorentzian(window(), WIDTHS)
    parts = [lorentzian.light(slice(n, n + 3)) for n in (0, 3, 6)]
    np.testing.assert_allclose(torch.cat(parts), diffuse_light(window(), torch.tensor(1.0), WIDTHS), rtol=1e-6)


def test_what_half_widths_gain_is_a_finite_difference():
    by_light = torch.from_numpy(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    lorentzian = Lorentzian(window(), WIDTHS)
    for frames in (slice(0, 4), slice(4, 7)):
        lorentzian.learn(lorentzian.light(frames), by_light[frames])
    ringed = np.roll(by_light.double().numpy(), [-f for f in FIRST], (0, 1, 2))
    for axis in range(3):
        above, below = (direct((WIDTHS.double() * torch.exp(s * torch.eye(3)[axis])).tolist()) for s in (1e-4, -1e-4))
        slope = ((above - below) * ringed).sum() / 2e-4
        np.testing.assert_allclose(lorentzian.by_half_widths()[axis], slope, rtol=1e-3)


def test_it_is_not_blurred_but_counted_frame_by_frame_as_the_crystal_is():
    factors = torch.linspace(0.8, 1.2, 6)
    given = instrument(6, (0.9, 0.9, 0.9), 0.5, diffuse=torch.tensor(30.0), frame_factors=factors)
    dark = torch.zeros(6, 8, 8, dtype=torch.complex64)
    light = diffuse_light(ring((6, 8, 8)), given.diffuse, given.half_widths)
    expected = light * factors[:, None, None] + 0.5
    np.testing.assert_allclose(expected_counts(dark, given, ring((6, 8, 8))), expected, rtol=1e-5)
