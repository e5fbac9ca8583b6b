from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from braggfill.simulation.measurement import MeasurementRanges, counting_noise, measured_pattern, partial_coherence

SHARES = [f.name for f in fields(MeasurementRanges) if f.name.endswith("_share")]
IDEAL = replace(MeasurementRanges(), coherence_sigma=(0.0, 0.0), **dict.fromkeys(SHARES, 0.0))
PEAK = (16.0, 15.0, 17.0)


def pattern_of(seed=0, **ranges):
    intensity = torch.rand(32, 30, 34, generator=torch.Generator().manual_seed(0)) * 0.9
    intensity[16, 15, 17] = 1
    return intensity, measured_pattern(np.random.default_rng(seed), intensity, PEAK, replace(IDEAL, **ranges))


def test_blur_keeps_the_total_and_adds_its_variance():
    point = torch.zeros(33, 33, 33)
    point[16, 16, 16] = 1
    blurred = partial_coherence(np.random.default_rng(0), point, MeasurementRanges(coherence_sigma=(1.5, 1.5))).numpy()
    blurred /= blurred.sum()
    positions = np.arange(33) - 16
    widths = [np.sqrt((blurred.sum(tuple({0, 1, 2} - {a})) * positions**2).sum()) for a in range(3)]
    assert all(1.5 / 1.19 < w < 1.5 * 1.19 for w in widths)
    assert len({round(w, 3) for w in widths}) == 3


def test_nothing_asked_nothing_changed():
    intensity, pattern = pattern_of()
    torch.testing.assert_close(pattern.intensity, intensity)
    assert not pattern.faulty.any()


def test_dose_scales_the_peak_and_background_is_added():
    intensity, pattern = pattern_of()
    torch.testing.assert_close(pattern.expected(1e5, 0.5), intensity * 1e5 + 0.5)
    part = (slice(3, 9), slice(0, 5), slice(20, 34))
    torch.testing.assert_close(pattern.expected(1e5, 0.5, part), intensity[part] * 1e5 + 0.5)


def test_inelastic_scattering_is_centred_on_the_peak_and_falls_to_half_at_its_width():
    ranges = {"inelastic_share": 1.0, "inelastic": (0.5, 0.5), "inelastic_width": (0.25, 0.25)}
    intensity, pattern = pattern_of(**ranges)
    added = pattern.intensity / pattern.intensity[0, 0, 0] * (intensity[0, 0, 0] + 0.5 / (1 + 4 + 4 + 4)) - intensity
    assert float(added[16, 15, 17]) == pytest.approx(0.5, rel=0.05)
    assert float(added[24, 15, 17]) == pytest.approx(0.25, rel=0.05)


def test_an_alien_is_one_spot():
    intensity, pattern = pattern_of(alien_share=1.0, alien=(0.05, 0.05), alien_sigma=(1.0, 1.0))
    added = pattern.intensity - intensity / (intensity / pattern.intensity).median()
    assert float(added.max()) == pytest.approx(0.05, rel=0.3)
    assert 3 < int((added > 0.01).sum()) < 40


def test_jitter_is_one_factor_a_frame():
    intensity, pattern = pattern_of(jitter_share=1.0, jitter=(0.05, 0.05))
    ratio = pattern.intensity / intensity
    frames = ratio.mean((1, 2))
    torch.testing.assert_close(ratio, frames[:, None, None].expand_as(ratio), rtol=1e-4, atol=0)
    assert 0.02 < float(frames.std()) < 0.1


def test_dead_time_takes_its_share_at_the_peak_and_none_where_it_is_dark():
    intensity, pattern = pattern_of(dead_time_share=1.0, dead_time_loss=(0.1, 0.1))
    lost = 1 - 0.9 * pattern.intensity / intensity  # the pattern's maximum is 1 again
    assert float(lost[16, 15, 17]) == pytest.approx(0.1, rel=1e-3)
    dark = intensity < 0.01
    assert float(lost[dark].abs().max()) < 2e-3


def test_faulty_pixels_do_not_follow_the_pattern_in_any_frame():
    _, pattern = pattern_of(dead_pixel_share=1.0, hot_pixel_share=1.0, faulty_pixels=(3, 3), hot_counts=(50.0, 500.0))
    assert 1 <= int(pattern.dead.sum()) <= 3
    sound, expected = pattern_of()[1].expected(100.0, 1.0), pattern.expected(100.0, 1.0)
    assert (expected[:, pattern.dead & (pattern.hot_counts == 0)] == 0).all()
    hot = (pattern.hot_counts > 0) & ~pattern.dead
    added = (expected - sound)[:, hot]
    assert (added >= 49.9).all()
    assert (added <= 500.1).all()
    torch.testing.assert_close(expected[:, ~pattern.faulty], sound[:, ~pattern.faulty])


def test_counts_have_the_mean_and_variance_of_photons():
    rng = np.random.default_rng(0)
    for mean in (0.3, 40.0):
        counts = counting_noise(rng, torch.full((200_000,), mean)).double()
        assert float(counts.mean()) == pytest.approx(mean, rel=0.01)
        assert float(counts.var()) == pytest.approx(mean, rel=0.02)
        assert (counts == counts.round()).all()


def test_every_draw_comes_from_the_generator():
    first, second, other = (pattern_of(seed, **dict.fromkeys(SHARES, 1.0))[1] for seed in (1, 1, 2))
    assert torch.equal(first.intensity, second.intensity)
    assert torch.equal(first.hot_counts, second.hot_counts)
    assert not torch.equal(first.intensity, other.intensity)
