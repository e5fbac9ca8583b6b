"""What computes does so on a graphics card as on the processor: a real one where there is one, and one that stands in."""

import json
import threading
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib import import_module

import numpy as np
import pytest
import torch
from stand_in_card import CARD, stand_in_card
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves

from braggfill import evaluate, fill_gaps, finetune, retrieve, train
from braggfill.base.errors import InputError
from braggfill.base.fallback import on_card_or_processor
from braggfill.base.randomness import seeded
from braggfill.base.threads import side_by_side
from braggfill.classical.fringe_model import SHIPPED
from braggfill.classical.gaussian_field import conditional_mean
from braggfill.crystal.blocks import Blocks
from braggfill.crystal.model.coherence import project_modulus
from braggfill.crystal.model.levels import CountsWithPrior, level_of
from braggfill.crystal.model.likelihood import Likelihood, Terms, fit
from braggfill.crystal.record import CrystalOptions
from braggfill.crystal.retrieved import fill_by_crystal
from braggfill.crystal.search import climb as climbing
from braggfill.crystal.search import polish, turns, ways
from braggfill.crystal.search.efficiency import efficiency_of
from braggfill.crystal.search.turns import Turn
from braggfill.filling.record import provenance, write_result
from braggfill.network.adaptation import Course, adapt
from braggfill.network.config import AdaptationConfig, PracticeConfig
from braggfill.network.gapnet import GapNet, ModelConfig
from braggfill.network.weights import Learned, read_tensors, write_weights
from braggfill.retrieval.coherent import misfits
from braggfill.retrieval.iterations import Iterate
from braggfill.retrieval.shrink_wrap import shrink_wrap
from braggfill.retrieval.treatments import Bounds
from braggfill.scan.copy_rules import CopyRules
from braggfill.scan.faulty import faulty_pixels
from braggfill.scan.gapped import GappedScan
from braggfill.simulation.library import Library
from braggfill.training import training
from braggfill.training.config import TrainConfig
from braggfill.training.stream import PortionStream, StreamConfig

PROCESSOR = torch.device("cpu")
SHAPE = (24, 28, 32)
TOLERANCE = 1e-3
"""Of the standard deviation of what is compared."""
BRIEF = (Turn(4, 3, 2, 3, coherent=True), Turn(3, 2, 2, 3, refinements=1))
"""Turns of a search that finds nothing, but goes all ways."""


@pytest.fixture(params=["stand-in", "real"])
def card(request, monkeypatch):
    """A graphics card: one that stands in, then a real one."""
    if request.param == "real" and not torch.cuda.is_available():
        pytest.skip("torch finds no graphics card here")
    with ExitStack() as stack:
        yield stack.enter_context(stand_in_card(monkeypatch)) if request.param == "stand-in" else CARD


def same_on(card, work):
    """Do some work on the processor and on the card, and compare all tensors that it gives."""
    here, there = work(PROCESSOR), work(card)
    assert len(here) == len(there) > 0
    for ours, theirs in zip(here, there, strict=True):
        assert theirs.device == card
        close(ours.numpy(), theirs.cpu().numpy())


def close(ours, theirs):
    difference = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    assert difference <= TOLERANCE * max(float(np.std(ours)), 1e-6 * float(np.abs(ours).max())), difference


def scattering(shape=SHAPE, seed=0):
    """Counts of a small crystal with a gap three columns wide beside the peak, as a search takes them, and the crystal."""
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    inside = (np.abs(z) + np.abs(y) < 6) & (np.abs(x) < 4) & (z + y + x < 4)
    crystal = (6 * inside * np.exp(1j * (0.02 * z * x + 0.03 * y**2))).astype(np.complex64)
    expected = np.fft.fftshift(np.abs(np.fft.fftn(crystal)) ** 2)
    counts = np.random.default_rng(seed).poisson(expected).astype(np.float32)
    mask = np.zeros(shape, bool)
    mask[:, :, 20:23] = True
    mean, std = (np.where(mask, v, np.nan).astype(np.float32) for v in (expected, expected / 3 + 1))
    scan = CountsWithPrior(
        np.where(mask, 0, counts).astype(np.float32), mask, mean, std, tuple(n // 2 for n in shape), (3.0,) * 3
    )
    return scan, crystal, inside


def begun(device, share=1.0):
    """A level of that scan, and a state on it."""
    scan, crystal, inside = scattering()
    level = level_of(scan, share, 1.0 if share == 1 else 0.1, device, beyond=0)
    start = turns.random_start(level, np.random.default_rng(1))
    if share == 1:
        start = replace(start, crystal=torch.from_numpy(crystal + np.complex64(0.3) * inside).to(device))
    return level, start


def parts(state):
    """What a state consists of, as tensors."""
    left = torch.tensor(state.misfit, device=state.crystal.device)
    return [state.crystal, state.support.float(), *vars(state.instrument).values(), left]


@pytest.mark.parametrize("terms", [Terms(0.05, 0.3), Terms(0.0, 0.3, smooth=True, unbiased=True)], ids=["far", "near"])
def test_the_likelihood_and_its_gradient(card, terms):
    def work(device):
        level, state = begun(device)
        likelihood = Likelihood(level, state.support, terms, smooth=state.crystal if terms.smooth else None)
        return likelihood(likelihood.pack(state.crystal, state.instrument))

    same_on(card, work)


def test_a_descent_of_the_likelihood(card):
    def work(device):
        level, state = begun(device, 0.75)
        found = fit(level, state.crystal, state.support, state.instrument, 4, Terms(0.05, 0.3))
        return [found.crystal, *vars(found.instrument).values(), found.loss]

    same_on(card, work)


@pytest.mark.parametrize("coherent", [True, False])
def test_the_projection_to_the_measured_moduli(card, coherent):
    def work(device):
        level, state = begun(device)
        amplitude = torch.fft.fftn(state.crystal)
        return [project_modulus(amplitude, level, None if coherent else state.instrument)]

    same_on(card, work)


def test_a_search_and_its_climb(card, monkeypatch):
    monkeypatch.setattr(turns, "REFINING", 2)
    monkeypatch.setattr(climbing, "LIFT", BRIEF[1])
    monkeypatch.setattr("braggfill.crystal.search.astray.TIMES", 1)

    def work(device):
        coarse, begin = begun(device, 0.75)
        found = turns.search(coarse, begin, BRIEF, climbing.RoughnessWeights().searching())
        whole = level_of(scattering()[0], 1.0, device=device)
        state, _ = climbing.climb([coarse, whole], found, climbing.RoughnessWeights().climbing())
        settled = polish.settled(whole, state, ways.Way(0.05, 2, smoother=1.0))
        return [*parts(state), *parts(polish.Kept.of(settled).state), efficiency_of(whole, state, 0.05)]

    same_on(card, work)


def descents(device, evaluations, patch):
    level, state = begun(device)
    fit(level, state.crystal, state.support, state.instrument, evaluations, Terms(0.05, 0.3))


def iterations(device, number, patch):
    level, state = begun(device)
    turns.iterated(level, state, Turn(number, 2 * number, number, 0), (1.0, 1.0), 0.12)


def steps_of_kriging(device, number, patch):
    patch.setattr("braggfill.classical.gaussian_field.MOST_ITERATIONS", number)
    conditional_mean(*(torch.rand(shape, generator=seeded(0)).to(device) for shape in ((5, 5, 5), SHAPE, SHAPE)))


@pytest.mark.parametrize("work", [descents, iterations, steps_of_kriging])
def test_arrays_stay_on_the_card_between_steps(monkeypatch, work):
    """More steps fetch more single numbers, such as a width or a residual, and no more arrays."""
    fetched = {}
    for steps in (3, 9):
        fetched[steps] = []
        with stand_in_card(monkeypatch, fetched=fetched[steps]) as device:
            work(device, steps, monkeypatch)
    assert sum(n > max(SHAPE) for n in fetched[9]) == sum(n > max(SHAPE) for n in fetched[3])
    assert len(fetched[9]) > len(fetched[3]) or work is iterations


@pytest.mark.parametrize("gap", [slice(12, 16), slice(0, 0)], ids=["dark layers", "none"])
def test_the_conjugate_gradients_of_kriging(card, gap):
    rng = np.random.default_rng(0)
    lag = np.arange(-4, 5)
    kernel = np.exp(-0.3 * (lag[:, None, None] ** 2 + lag[:, None] ** 2 + lag**2)).astype(np.float32)
    weight, data = (rng.random(SHAPE).astype(np.float32) for _ in range(2))
    weight[:, :, gap] = 0

    def work(device):
        return [conditional_mean(*(torch.from_numpy(v).to(device) for v in (kernel, weight, data)))]

    same_on(card, work)


def test_the_networks_forward(card):
    rng = np.random.default_rng(0)
    counts, measured = rng.poisson(20.0, (2, 32, 40, 30)).astype(np.float32), np.ones((2, 32, 40, 30), bool)
    measured[:, 14:18] = measured[:, :, 10:12] = False
    guess = np.where(measured, np.nan, 3).astype(np.float32)
    torch.manual_seed(0)
    model = GapNet(ModelConfig((8, 8, 8)))
    torch.nn.init.normal_(model.head.weight, std=0.1)
    model.eval().requires_grad_(False)

    def work(device):
        with torch.inference_mode():
            return model.to(device)(*(torch.from_numpy(v).to(device) for v in (counts, measured, guess)))

    same_on(card, work)


def test_the_iterations_of_a_retrieval_with_full_coherence(card):
    scan, crystal, inside = scattering()
    counts = np.fft.ifftshift(np.where(scan.mask, scan.prior_mean, scan.counts))
    widest = np.fft.ifftshift(np.where(scan.mask, 2, 1))

    def work(device):
        low, high = (torch.from_numpy(np.sqrt(c).astype(np.float32)).to(device) for c in (counts / widest, counts * widest))
        begin = torch.from_numpy((crystal * np.exp(0.5j)).astype(np.complex64)).to(device)
        iterate = Iterate(begin, torch.from_numpy(inside).to(device), Bounds(low, high))
        for algorithm in ("hio", "raar", "er", "ml"):
            iterate.step(algorithm)
        support = shrink_wrap(iterate.projected.abs(), iterate.support, 1.0)
        assert misfits(iterate.crystal, iterate.bounds, 0) == pytest.approx(misfits(*back(iterate), 0), rel=1e-4)
        return [iterate.crystal, iterate.projected, support.float()]

    def back(iterate):
        return iterate.crystal.cpu(), Bounds(iterate.bounds.low.cpu(), iterate.bounds.high.cpu())

    same_on(card, work)


def learned_steps(device, scan):
    """Weights of a small network after two steps of adaptation to a scan, by float32."""
    torch.manual_seed(0)
    model = GapNet(ModelConfig((8, 8, 8))).to(device)
    copies = CopyRules(1, 4, spacing=12, least_share=0.4)
    practice = PracticeConfig(layouts=1, copies=copies, held_out=copies, fewest_voxels=500)
    config = AdaptationConfig(steps=2, batch=2, warmup_steps=1, plane=16, judge_every=1, practice=practice, fringes=())
    learned, lesson = adapt(Learned(model, (SHIPPED,), "", {}), scan, 5.0, 0, lambda *_: None, config)
    assert lesson.steps == 2
    return list(learned.model.state_dict().values())


@pytest.fixture(scope="session")
def striped(scan):
    """The scan, and a detector's gap with room for copies of it: counts and mask."""
    mask = np.zeros(scan.counts.shape, bool)
    mask[:, :, 13:17] = True
    return scan.counts, mask


def test_an_adaptation_to_a_scan(card, striped, monkeypatch):
    monkeypatch.setattr("braggfill.network.adaptation.has_bfloat16", lambda device: False)
    same_on(card, lambda device: learned_steps(device, GappedScan.blanked(*striped)))


def test_the_portions_of_a_training(card):
    config = StreamConfig(plane=16, scan_size=40, pool=1, renew_steps=2)

    def work(device):
        portions = PortionStream(3, config, Library(split="train"), device).batch(0, 2)
        return [torch.nan_to_num(part.float()) for part in vars(portions).values()]

    same_on(card, work)


@pytest.fixture(scope="session")
def small(scan):
    """Part of the scan, and a detector's gap in it four columns wide: counts and mask."""
    mask = np.zeros((40, 40), bool)
    mask[:, 8:12] = True
    return scan.counts[8:40, 4:44, 8:48], mask


@pytest.mark.parametrize("method", ["unet", "kriging"])
def test_a_fill_by(card, small, method):
    here, there = (fill_gaps(*small, method=method, device=device) for device in ("cpu", "cuda"))
    for ours, theirs in ((here.intensity, there.intensity), (here.std, there.std)):
        assert (np.abs(ours - theirs)[here.filled] <= TOLERANCE * here.std[here.filled]).all()
    assert there.fell_back == ""


@pytest.fixture
def brief(monkeypatch):
    """Searches that are too short to find anything, but go all ways."""
    monkeypatch.setattr(turns, "REFINING", 2)
    for module in ("crystal.search.climb", "retrieval.carried"):
        monkeypatch.setattr(f"braggfill.{module}.LIFT", BRIEF[1])
    for module in ("crystal.contest", "retrieval.partial"):
        monkeypatch.setattr(f"braggfill.{module}.TURNS", BRIEF)
    monkeypatch.setattr("braggfill.crystal.search.astray.TIMES", 1)
    monkeypatch.setattr("braggfill.retrieval.carried.FITS", (ways.Way(0.01, 2),))
    monkeypatch.setattr("braggfill.retrieval.carried.LAST", ways.Way(0.0, 2))
    monkeypatch.setattr("braggfill.retrieval.carried.LIFTS", 1)
    monkeypatch.setattr("braggfill.crystal.contest.FIRST", ways.Way(0.1, 2))
    monkeypatch.setattr(polish, "FIT", {"evaluations": 2})
    monkeypatch.setattr(polish, "BRIEF", (({"kappa": 0.0},), ({"smoother": 1.0},), ({"cut": 0.12},)))
    monkeypatch.setattr("braggfill.crystal.retrieved.GIVEN_BACK", 2)


def test_a_fill_by_the_crystal(card, brief):
    scan, _, _ = scattering()
    hidden = np.zeros(SHAPE, bool)
    hidden[:, :, 7:10] = True
    mean, std = (np.where(hidden, scan.counts + 1, v).astype(np.float32) for v in (scan.prior_mean, scan.prior_std))
    blocks, options = (
        Blocks.of(scan.counts, faulty_pixels(scan.counts, scan.mask), hidden),
        CrystalOptions(1, 1, thorough=False, seed=1),
    )
    here, there = (
        fill_by_crystal(scan.counts, scan.mask, blocks, mean, std, replace(options, device=device))
        for device in ("cpu", "cuda")
    )
    asked = scan.mask | hidden
    assert (np.abs(here.mean - there.mean)[asked] <= TOLERANCE * here.std[asked]).all()
    # in so short a search hidden counts tell its ends apart no more than rounding does, so that their order says nothing
    ours, theirs = (min(end.misfit for end in found.record.climbed) for found in (here, there))
    assert theirs == pytest.approx(ours, rel=1e-3)


@pytest.mark.parametrize("coherence", ["partial", "full"])
def test_a_retrieval(card, brief, coherence):
    scan, _, _ = scattering()
    seed = 1  # with 0 rounding alone (counts times 1 + 1e-7) makes another object of so short a search in two of ten runs
    options = {"starts": 1, "keep": 1, "coherence": coherence, "counts_per_unit": 1, "seed": seed}
    options |= {"schedule": (("hio", 3), ("er", 1), ("ml", 2))} if coherence == "full" else {}
    here, there = (retrieve(scan.counts, scan.mask, device=device, **options) for device in ("cpu", "cuda"))
    close(np.abs(here.crystal), np.abs(there.crystal))
    ours, theirs = ([start.hidden_deviance for start in found.starts] for found in (here, there))
    assert theirs == pytest.approx(ours, rel=1e-3)


class Short:
    """A function of the program for which the memory of a card does not suffice."""

    def __init__(self, patch, place):
        self.calls = []
        module, _, name = place.rpartition(".")
        function = getattr(import_module(module), name)

        def short(*arguments, **options):
            devices = {leaf.device.type for leaf in tree_leaves((arguments, options)) if isinstance(leaf, torch.Tensor)}
            self.calls.append(devices)
            if "cuda" in devices:
                raise torch.cuda.OutOfMemoryError(
                    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of"
                )
            return function(*arguments, **options)

        patch.setattr(place, short)


CONJUGATE_GRADIENTS = "braggfill.classical.kriging.conditional_mean"


@pytest.fixture
def stand_in(monkeypatch):
    with stand_in_card(monkeypatch) as device:
        yield device


def test_a_fill_for_which_the_cards_memory_does_not_suffice_is_the_processors(stand_in, monkeypatch, small, tmp_path):
    own = fill_gaps(*small, method="kriging", device="cpu")
    short = Short(monkeypatch, CONJUGATE_GRADIENTS)
    result = fill_gaps(*small, method="kriging")
    assert short.calls[0] == {"cuda"} and short.calls[1] == {"cpu"}
    np.testing.assert_array_equal(result.intensity, own.intensity)
    np.testing.assert_array_equal(result.std, own.std)
    (sentence,) = result.warnings
    assert "memory did not suffice (CUDA out of memory, Tried to allocate 2.50 GiB)" in sentence and "processor" in sentence
    write_result(tmp_path / "filled.npz", result, "scan")
    assert json.loads(str(np.load(tmp_path / "filled.npz")["provenance"]))["fell_back"] == sentence
    assert own.warnings == [] and provenance(own, "scan")["fell_back"] is None


def test_so_is_an_evaluation(stand_in, monkeypatch, small):
    asked = {"method": "kriging", "baselines": ("linear",)}
    own = evaluate(*small, device="cpu", **asked)
    Short(monkeypatch, CONJUGATE_GRADIENTS)
    verdict = evaluate(*small, **asked)
    np.testing.assert_array_equal(verdict.filled, own.filled)
    assert "memory did not suffice" in verdict.fell_back and own.fell_back == ""


def test_so_is_a_retrieval(stand_in, monkeypatch):
    scan, _, _ = scattering()
    options = {"starts": 1, "keep": 1, "coherence": "full", "schedule": (("hio", 2), ("er", 1)), "counts_per_unit": 1}
    own = retrieve(scan.counts, scan.mask, device="cpu", **options)
    Short(monkeypatch, "braggfill.retrieval.iterations.keep_within")
    result = retrieve(scan.counts, scan.mask, **options)
    np.testing.assert_array_equal(result.crystal, own.crystal)
    assert "memory did not suffice" in result.warnings[0]
    assert result.options.device == "auto"


def test_so_are_weights_adapted_to_a_scan_which_begin_anew(stand_in, monkeypatch, striped, tmp_path):
    copies = CopyRules(1, 4, spacing=12, least_share=0.4)
    practice = PracticeConfig(layouts=1, copies=copies, held_out=copies, fewest_voxels=500)
    config = AdaptationConfig(steps=2, batch=1, plane=16, judge_every=2, sure_weights=-9.0, practice=practice, fringes=())
    write_weights(tmp_path / "start.safetensors", GapNet(ModelConfig((8, 8, 8))), {"fringes": [asdict(SHIPPED)]})

    def weights(name, **where):
        lesson = finetune(*striped, out=tmp_path / name, start=tmp_path / "start.safetensors", config=config, **where)
        return lesson, *read_tensors(tmp_path / name)

    lesson, own, _ = weights("own.safetensors", device="cpu")
    step, steps = Course.advance, []

    def advance(course, portions):
        step(course, portions)
        steps.append(course.device.type)
        if steps == ["cuda"]:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Course, "advance", advance)
    lesson, tensors, description = weights("weights.safetensors")
    assert steps == ["cuda", "cpu", "cpu"]
    assert all(torch.equal(tensors[name], own[name]) for name in own)
    assert "CUDA out of memory" in lesson.fell_back == description["lessons"][-1]["fell_back"]


def test_a_training_goes_on_from_its_state_on_the_processor(monkeypatch, tmp_path):
    portions = StreamConfig(plane=16, scan_size=40, pool=1, renew_steps=3)
    config = TrainConfig(
        steps=3, batch=2, validate_every=1, validation_portions=2, validation_scans=1, precision="float32",
        model=ModelConfig((8, 8, 8)), portions=portions,
    )  # fmt: skip
    own = train(tmp_path / "own", config)
    step, steps = training.TrainingRun.advance, []

    def advance(run):
        steps.append(run.step)
        if len(steps) == 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return step(run)

    monkeypatch.setattr(training.TrainingRun, "advance", advance)
    weights = train(tmp_path / "short", config, device="auto")
    assert steps == [0, 1, 2, 2]
    ours, theirs = (read_tensors(path) for path in (own, weights))
    assert all(torch.equal(ours[0][name], theirs[0][name]) for name in ours[0])
    assert ours[1]["fell_back"] == "" and "memory did not suffice" in theirs[1]["fell_back"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no graphics card here")
def test_a_real_cards_lack_of_memory_is_seen(small):
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        result = fill_gaps(*small, method="kriging", device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "memory did not suffice" in result.fell_back


def test_other_errors_and_those_of_the_processor_are_raised():
    def fail(error):
        def work(device):
            raise error

        return work

    with pytest.raises(RuntimeError, match="shape"):
        on_card_or_processor(fail(RuntimeError("shape mismatch")), "auto")
    with pytest.raises(torch.cuda.OutOfMemoryError):
        on_card_or_processor(fail(torch.cuda.OutOfMemoryError("out of memory")), "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card here")
@pytest.mark.parametrize("method", ["linear", "kriging", "unet", "retrieval"])
def test_a_card_that_is_not_there_is_refused_by_every_method(scan, cross, method):
    with pytest.raises(InputError, match="device: got 'cuda' but torch finds no GPU here"):
        fill_gaps(scan.counts, cross, method=method, device="cuda")


def test_pieces_of_work_on_a_card_run_in_turn(threads):
    threads(2)
    running, most = [], []

    def piece(number):
        running.append(number)
        most.append(len(running))
        running.remove(number)
        return number, threading.current_thread()

    here = threading.current_thread()
    assert side_by_side([lambda n=n: piece(n) for n in range(3)], device="cuda") == [(n, here) for n in range(3)]
    assert most == [1, 1, 1]


# That the card that stands in would find a mistake:

MIXED = {
    "sum": lambda card, here: card + here,
    "in place": lambda card, here: card.add_(here),
    "where": lambda card, here: torch.where(card > 0, card, here),
    "concatenated": lambda card, here: torch.cat((card, here)),
    "stacked": lambda card, here: torch.stack((here, card)),
    "product": lambda card, here: card @ here,
    "transform": lambda card, here: torch.fft.fftn(card, out=here),
    "gathered": lambda card, here: card.gather(0, here.long()),
}
ONE_DEVICE = {
    "sum": lambda card, here: card + here.to(card.device),
    "number": lambda card, here: 2 * card,
    "alike": lambda card, here: card + torch.zeros_like(card),
    "made there": lambda card, here: card + torch.arange(3, device=card.device),
    "new": lambda card, here: card @ card.new_ones(3, 3),
    "of torch's own": lambda card, here: torch.nn.functional.pad(card, (1, 1)),
}


@pytest.mark.parametrize("name", MIXED)
def test_a_mix_of_devices_is_refused_as_torch_refuses_it(monkeypatch, name):
    with FakeTensorMode(), pytest.raises(RuntimeError):
        MIXED[name](torch.ones(3, 3, device="cuda"), torch.ones(3, 3))
    with stand_in_card(monkeypatch) as device, pytest.raises(RuntimeError, match="of the processor"):
        MIXED[name](torch.ones(3, 3, device=device), torch.ones(3, 3))


@pytest.mark.parametrize("name", ONE_DEVICE)
def test_what_torch_allows_is_allowed(monkeypatch, name):
    with FakeTensorMode():
        assert ONE_DEVICE[name](torch.ones(3, 3, device="cuda"), torch.ones(3, 3)).device.type == "cuda"
    with stand_in_card(monkeypatch) as device:
        here = torch.ones(3, 3)
        found = ONE_DEVICE[name](torch.ones(3, 3, device=device), here)
        assert found.device == device
        assert torch.equal(found.cpu(), ONE_DEVICE[name](torch.ones(3, 3), here))


def test_neither_arrays_nor_random_numbers_nor_other_threads_work_on_it(stand_in):
    numbers = torch.ones(3, device=stand_in)
    for wrong in (numbers.numpy, lambda: np.asarray(numbers)):
        with pytest.raises(TypeError, match="copied to the processor"):
            wrong()
    with pytest.raises(RuntimeError, match="generator"):
        torch.poisson(numbers, torch.Generator())
    with pytest.raises(RuntimeError, match="another thread"):
        side_by_side([lambda: numbers + 1])


@pytest.mark.parametrize(
    "work, forgetful",
    [
        *((test_the_likelihood_and_its_gradient, name) for name in ("empty_like", "new_empty", "new_zeros", "arange")),
        *((test_the_conjugate_gradients_of_kriging, name) for name in ("arange", "eye", "new_full", "new_zeros", "zeros_like")),
        (test_the_networks_forward, "arange"),
        (test_the_iterations_of_a_retrieval_with_full_coherence, "empty_like"),
        (test_the_portions_of_a_training, "arange"),
    ],
)
def test_a_tensor_that_is_made_without_its_device_is_found(monkeypatch, work, forgetful):
    extra = {test_the_likelihood_and_its_gradient: [Terms(0.0, 0.3)], test_the_conjugate_gradients_of_kriging: [slice(12, 16)]}
    with stand_in_card(monkeypatch, {forgetful}) as device, pytest.raises(RuntimeError, match="of the processor"):
        work(device, *extra.get(work, []))
