"""How far expected counts are from those measured, and how far counting noise alone would put them."""

from braggfill.base.randomness import normal_numbers, poisson_counts, seeded
from braggfill.crystal.model.levels import ANSCOMBE, Level
from braggfill.crystal.model.shapes import Volume, Voxels


def misfit(level: Level, expected: Volume, kappa: float = 0.0) -> float:
    """Mean of w 4 (√(m + 3/8) - √(c + 3/8))² over the measured voxels, of expected counts m (frames, rows, columns)."""
    return mean_square(expected, level.target, level.weighted(kappa), level.measured)


def noise_misfit(level: Level, expected: Volume, kappa: float = 0.0, varied: float = 0.0) -> float:
    """The misfit that the model's own counts would have with Poisson noise, and if they varied by a share besides.

    Expected counts are (frames, rows, columns).
    """
    generator = seeded(0)
    light = expected
    if varied:
        spread = normal_numbers(tuple(expected.shape), generator, expected.device)
        light = expected * spread.mul_(varied).add_(1).clamp_(min=0)
    drawn = poisson_counts(light, generator)
    return mean_square(expected, drawn, level.weighted(kappa), level.measured)


def mean_square(expected: Volume, counts: Volume, weight: Volume, where: Voxels) -> float:
    """Weighted mean square of the doubled roots' difference over some voxels; all are (frames, rows, columns)."""
    return float(square_errors(expected, counts, weight).mul_(where).sum() / where.sum())


def square_errors(expected: Volume, counts: Volume, weight: Volume) -> Volume:
    """Weighted squares of the doubled roots' difference, (frames, rows, columns)."""
    difference = (expected + ANSCOMBE).sqrt_().sub_((counts + ANSCOMBE).sqrt_())
    return difference.square_().mul_(weight).mul_(4)
