import numpy as np
import torch

from braggfill.base.fourier import box_to_reciprocal, centred_positions, reciprocal_to_box


def random_object(rng: np.random.Generator, n: int) -> np.ndarray:
    return (rng.normal(size=(n, n, n)) + 1j * rng.normal(size=(n, n, n))).astype(np.complex64)


def test_equals_the_direct_sum():
    rng = np.random.default_rng(0)
    crystal = random_object(rng, 6)
    q = [rng.uniform(-3, 3, n) for n in (4, 5, 3)]
    r = np.stack(np.meshgrid(*[np.arange(6) - 2.5] * 3, indexing="ij"), -1)
    direct = np.array([[[np.sum(crystal * np.exp(-1j * (r @ [a, b, c]))) for c in q[2]] for b in q[1]] for a in q[0]])
    ours = box_to_reciprocal(torch.from_numpy(crystal), tuple(torch.from_numpy(x) for x in q)).numpy()
    np.testing.assert_allclose(ours, direct, rtol=0, atol=2e-5 * np.abs(direct).max())


def test_equals_numpy_fft_on_its_grid():
    crystal = random_object(np.random.default_rng(1), 8)
    q = 2 * np.pi * np.fft.fftfreq(8)
    shift = np.exp(1j * 3.5 * q)  # numpy's origin is the corner, ours the centre
    expected = np.fft.fftn(crystal) * shift[:, None, None] * shift[:, None] * shift
    ours = box_to_reciprocal(torch.from_numpy(crystal), (torch.from_numpy(q),) * 3).numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_there_and_back_again():
    crystal = torch.from_numpy(random_object(np.random.default_rng(2), 9))
    q = 2 * np.pi / 9 * (torch.arange(9, dtype=torch.float64) - 4)
    torch.testing.assert_close(reciprocal_to_box(box_to_reciprocal(crystal, (q,) * 3), (q,) * 3), crystal, atol=1e-5, rtol=0)


def test_positions_are_centred():
    for n in (1, 4, 7):
        positions = centred_positions(n).numpy()
        assert positions.sum() == 0
        assert (np.diff(positions) == 1).all()
