"""Forecasts: said in round words, before long work or after its first steps, and not far from what the work takes."""

import numpy as np
import pytest
import torch
from known_objects import faceted, pattern_of
from program import run

import braggfill
from braggfill.commands import forecast, trials
from braggfill.commands.forecast import Foretold, foretell, in_words
from braggfill.commands.opening import Opened
from braggfill.crystal.record import CrystalOptions
from braggfill.filling import duration
from braggfill.filling.by_crystal import EFFORTS, EffortOptions
from braggfill.filling.options import FillOptions
from braggfill.judging.options import EvaluationOptions
from braggfill.retrieval.options import ComparisonOptions, RetrievalOptions
from braggfill.scan.formats.contents import Scan


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2, "some seconds"),
        (45, "about a minute"),
        (130, "about 2 minutes"),
        (171.3, "about 3 minutes"),
        (1130, "about 20 minutes"),
        (3400, "about an hour"),
        (6.4 * 3600, "about 6 hours"),
        (86_400 * 3.2, "about 3 days"),
        (86_400 * 1234, "about 1000 days"),
    ],
)
def test_a_time_is_said_in_one_round_number(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize("seconds", np.geomspace(30, 1e6, 40))
def test_what_is_said_is_near_what_is_meant(seconds):
    words = in_words(seconds).removeprefix("about ").split()
    size = {"minute": 60, "hour": 3600, "day": 86_400}[words[1].rstrip("s")]
    assert 0.5 <= size * (1 if words[0] in ("a", "an") else int(words[0])) / seconds <= 2


def test_what_takes_a_moment_is_not_foretold():
    told = []
    foretell("filling", 4, told.append)
    foretell("filling", 400, told.append)
    assert told == ["filling takes about 6 minutes here"]


class Hands:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("side_by_side", "at"), [(1, 3), (4, 9)])
def test_the_rest_is_foretold_once_from_the_rate_of_the_first_steps(side_by_side, at):
    clock, told, moved = Hands(), [], []
    progress = Foretold("simulating", lambda *work: moved.append(work), side_by_side, clock, told.append)
    for done in range(101):
        clock.now = 100 + 6.0 * done
        progress(done, 100)
        if done == at:
            assert len(told) == 1
    assert told == ["simulating: what is left of 100 takes about 10 minutes here"]
    assert moved == [(done, 100) for done in range(101)]


@pytest.fixture
def transforms(monkeypatch):
    """A clock that stands still but for transforms: each voxel and axis that is transformed takes a second."""
    clock = Hands()

    def counted(transform):
        def call(field, *args, **more):
            result = transform(field, *args, **more)
            clock.now += result.numel() * (1 if transform.__name__.endswith("fft") else 3)
            return result

        return call

    for name in ("fft", "ifft", "fftn", "ifftn"):
        monkeypatch.setattr(torch.fft, name, counted(getattr(torch.fft, name)))
    return clock


@pytest.fixture(scope="module")
def small() -> Opened:
    """A scan of 26 × 28 × 30 voxels with a stripe."""
    counts = np.random.default_rng(0).poisson(pattern_of(faceted((26, 28, 30), 9.0), 1e5)).astype(np.uint32)
    mask = np.zeros(counts.shape, bool)
    mask[:, 18:20] = True
    return Opened(Scan(counts, mask, "scan"), mask)


def taken(clock, work) -> float:
    before = clock.now
    work()
    return clock.now - before


@pytest.mark.parametrize("more", [{"coherence": "full", "schedule": (("hio", 30), ("ml", 9))}, {}])
def test_a_retrieval_takes_as_long_as_foretold_within_a_factor_of_3(small, transforms, more):
    options = RetrievalOptions(starts=1, keep=1, **more)
    foretold = trials.retrieval_seconds(small, options, transforms)
    real = taken(transforms, lambda: braggfill.retrieve(small.scan.intensity, small.mask, options=options))
    assert 1 / 3 < foretold / real < 3


def test_a_fill_by_the_crystal_takes_as_long_as_foretold_within_a_factor_of_3(small, transforms, monkeypatch):
    monkeypatch.setattr(trials, "SECONDS_A_VOXEL", 0)  # which are seconds, not transforms
    monkeypatch.setitem(EFFORTS, "low", EffortOptions(CrystalOptions(1, 1, thorough=False), 10**6))
    options = FillOptions("retrieval", effort="low")
    foretold = trials.fill_seconds(small, options, transforms)
    real = taken(transforms, lambda: braggfill.fill_gaps(small.scan.intensity, small.mask, options=options))
    assert 1 / 3 < foretold / real < 3


def test_a_trial_that_runs_out_of_memory_foretells_the_networks_fill(small, monkeypatch):
    def lacks_memory(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(duration.SearchRates, "on", lacks_memory)
    seconds = trials.fill_seconds(small, FillOptions("retrieval"))
    assert seconds == trials.fill_seconds(small, FillOptions("unet"))


def test_a_comparison_of_a_scan_that_is_filled_first_is_foretold_with_all_treatments(small, monkeypatch):
    monkeypatch.setattr("braggfill.retrieval.duration.search_seconds", lambda *_: 100.0)
    monkeypatch.setattr(trials, "fill_seconds", lambda scan, options, clock: 7.0)
    found = braggfill.compare(small.scan.intensity, small.mask, starts=1, keep=1, coherence="full", schedule=(("hio", 2),))
    treatments = len(found.compared) + len(found.left_out)
    assert trials.comparison_seconds(small, ComparisonOptions()) == 100 * treatments + 7


def test_a_comparison_and_a_judgement_are_made_of_their_parts(small, monkeypatch):
    monkeypatch.setattr("braggfill.retrieval.duration.search_seconds", lambda *_: 100.0)
    monkeypatch.setattr(trials, "fill_seconds", lambda scan, options, clock: 7.0)
    two = ComparisonOptions(treatments=("free", "zero"))
    assert trials.comparison_seconds(small, two) == 207
    filled = braggfill.fill_gaps(small.scan.intensity, small.mask, method="linear")
    done = Opened(Scan(filled.intensity, filled.mask, "scan", filled.filled, filled.std), filled.mask)
    assert trials.comparison_seconds(done, two) == 200
    judged = EvaluationOptions("unet", ("kriging", "linear"))
    for cores, seconds in ((1, 21), (2, 14)):
        monkeypatch.setattr(torch, "get_num_threads", lambda cores=cores: cores)
        assert trials.evaluation_seconds(small, judged) == seconds


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("fill", ["--method", "linear"]),
        ("evaluate", ["--method", "linear", "--baseline", "linear"]),
        ("retrieve", ["--coherence", "full", "--schedule", "er 2", "--starts", 1, "--keep", 1]),
        ("compare", ["--coherence", "full", "--schedule", "er 2", "--starts", 1, "--keep", 1, "--treatment", "free"]),
    ],
)
def test_a_person_is_told_before_long_work(small, tmp_path, monkeypatch, capsys, verb, more):
    np.savez(tmp_path / "S1.npz", data=small.scan.intensity, mask=small.mask)
    for name in ("fill", "evaluation", "retrieval", "comparison"):
        monkeypatch.setattr(trials, f"{name}_seconds", lambda *_: 171.0)
        monkeypatch.setattr("braggfill.commands.batch.fill_seconds", lambda *_: 171.0)
    assert run(verb, tmp_path / "S1.npz", *more) == 0
    assert "takes about 3 minutes here" in capsys.readouterr().out.splitlines()[0]


def test_a_person_is_told_after_the_first_scans(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(forecast, "FIRST_SECONDS", 0)
    monkeypatch.setattr(forecast, "SHORT_SECONDS", 0)
    assert run("simulate", "-n", 5, "-j", 1, "--shape", 16, 16, 16, "--out", tmp_path / "made") == 0
    assert "simulating: what is left of 5 takes some seconds here" in capsys.readouterr().out
