"""What does a graphics card bring, and are its numbers the processor's? Every kind of work on both, in one run of ten minutes.

On the bundled scan and on a simulated one of 128³ voxels with a cross 6 wide. Times on the card are of a second call, the first
one makes what is kept (plans of transforms, choices of convolutions). The training's time is extrapolated from its steps.
Searches for the crystal follow decisions that hang on the last digits, so that beside what they say in the end, one evaluation
of the likelihood and one projection are compared. Without a card the script says so and ends with exit code 2; --rounding needs
none: it tells how far a fill by the crystal moves on the processor when its sums are made in another order.

Usage: python benchmarks/gpu.py [--steps 60] [--without retrieve,retrieval] [--out docs/results/gpu.json]
       python benchmarks/gpu.py --rounding --out docs/results/gpu_rounding.json
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from shared.timing import report, seconds

from braggfill import FillResult, evaluate, fill_gaps, retrieve
from braggfill.base.config import read_config
from braggfill.base.devices import wait_for
from braggfill.crystal.model import frames
from braggfill.crystal.model.coherence import project_modulus
from braggfill.crystal.model.levels import WHOLE, tapered_level
from braggfill.crystal.model.likelihood import Likelihood, Terms
from braggfill.crystal.retrieved import counts_with_prior
from braggfill.crystal.search.alignment import align
from braggfill.crystal.search.turns import random_start
from braggfill.simulation.scans import detector_cross, simulate
from braggfill.training.config import TrainConfig
from braggfill.training.fabric import start_fabric
from braggfill.training.training import TrainingRun

ROOT = Path(__file__).parents[1]
BARS = {"unet": 0.050, "retrieve": 3.0, "retrieval": 3.0, "training": 900.0}
"""Seconds that work on the card may take: a fill of 128³ voxels, phase retrieval, a fill by the crystal, a training."""
SAME = 1e-3
"""Largest difference of a card's numbers from the processor's that counts as none, in standard deviations."""
TRAINING_STEPS = 5_000 + 4_500
"""Of the shipped network, both halves."""
Scan = tuple[np.ndarray, np.ndarray]
"""Counts and mask."""


def timed(work: Callable[[str], object]) -> tuple[dict[str, float], object, object]:
    """Seconds and memory of some work on both devices, and what it gives on each."""
    work("cuda")
    torch.cuda.reset_peak_memory_stats()
    results: list[object] = []
    card = seconds(lambda: (results.append(work("cuda")), wait_for("cuda")))
    peak = torch.cuda.max_memory_allocated() / 2**30
    processor = seconds(lambda: results.append(work("cpu")))
    return {"card_s": card, "processor_s": processor, "card_memory_gib": peak}, results[0], results[1]


def off_by(theirs: FillResult, ours: FillResult) -> dict[str, float]:
    """How far a card's estimates are from the processor's, in the latter's standard deviations."""
    where = ours.filled & theirs.filled
    off = np.abs(theirs.intensity - ours.intensity)[where] / ours.std[where]
    spread = np.abs(theirs.std / np.where(where, ours.std, 1) - 1)[where]
    return {
        "largest_difference_std": float(off.max()),
        "median_difference_std": float(np.median(off)),
        "largest_difference_of_std": float(spread.max()),
        "same": bool(off.max() <= SAME and (ours.filled == theirs.filled).all()),
    }


def fill_figures(scan: Scan, method: str) -> dict[str, object]:
    """Of a fill by a method."""
    figures, card, processor = timed(lambda device: fill_gaps(*scan, method=method, device=device))
    assert isinstance(card, FillResult)
    assert isinstance(processor, FillResult)
    return figures | off_by(card, processor) | {"said_on_card": card.sentence, "said_on_processor": processor.sentence}


def evaluation_figures(scan: Scan) -> dict[str, object]:
    """Of a judgement of a scan."""
    figures, card, processor = timed(lambda device: evaluate(*scan, device=device))
    off = np.abs(card.filled - processor.filled) / processor.std
    return figures | {"largest_difference_std": float(off.max()), "same": bool(off.max() <= SAME)}


def retrieval_figures(filled: FillResult) -> dict[str, object]:
    """Of phase retrieval from a filled scan."""

    def work(device: str):
        return retrieve(filled.intensity, filled.mask, filled=filled.filled, std=filled.std, device=device)

    figures, card, processor = timed(work)
    ends = {"converged_on_card": card.converged, "converged_on_processor": processor.converged}
    return figures | {"correlation": align(processor.crystal, card.crystal)[1]} | ends


def core_figures(scan: Scan) -> dict[str, float]:
    """Of the core of a search, on the whole level: largest differences over the largest value, and times."""
    counts, mask = scan
    where = np.broadcast_to(mask > 0, counts.shape)
    nothing = np.full(counts.shape, np.nan, np.float32)
    known = counts_with_prior(np.where(where, 0, counts).astype(np.float32), where, nothing, nothing)
    found: dict[str, list[torch.Tensor]] = {"likelihood": [], "projection": []}
    times: dict[str, float] = {}
    for device in ("cuda", "cpu"):
        level = tapered_level(known, WHOLE, device)
        state = random_start(level, np.random.default_rng(0))
        likelihood = Likelihood(level, state.support, Terms(0.05, 0.3))
        parameters = likelihood.pack(state.crystal, state.instrument)
        spectrum = torch.fft.fftn(state.crystal)

        works = {
            "likelihood": lambda loss=likelihood, at=parameters: loss(at)[1],
            "projection": lambda a=spectrum, on=level, seen=state.instrument: project_modulus(a.clone(), on, seen),
        }
        for name, work in works.items():
            found[name].append(work().cpu())
            times[f"{name}_{device}_ms"] = 1e3 * min(seconds(lambda w=work, d=device: (w(), wait_for(d))) for _ in range(5))
    off = {f"{name}_relative": float((a - b).abs().max() / b.abs().max()) for name, (a, b) in found.items()}
    return off | times


def training_figures(steps: int) -> dict[str, object]:
    """Steps a second of the shipped network's training, the making of new scans among them."""
    config = read_config(ROOT / "configs" / "gapnet.toml", TrainConfig)
    run = TrainingRun(config, start_fabric(config, "cuda"))
    stream = run.stream
    pool = stream.config.pool
    first = seconds(lambda: stream.fill_pool(0))
    run.advance()
    taken = seconds(lambda: [run.advance() for _ in range(steps)])
    return {
        "steps_a_second": steps / taken,
        "seconds_a_scan": first / pool,
        "card_s": first + TRAINING_STEPS * taken / steps,
        "extrapolated_to_steps": TRAINING_STEPS,
    }


def rounding_figures() -> dict[str, object]:
    """Of fills by the crystal on the processor, some frames at a time and fewer: the same sums in another order."""
    simulated = next(simulate(1, shape=(64, 64, 64), seed=1))
    mask, fills = detector_cross(simulated, 3), []
    for voxels in (frames.CACHED_VOXELS, frames.CACHED_VOXELS // 16):
        frames.CACHED_VOXELS = voxels
        fills.append(fill_gaps(simulated.counts, mask, method="retrieval", effort="low", device="cpu"))
    return off_by(fills[1], fills[0]) | {"said": [fill.sentence for fill in fills]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--without", default="")
    parser.add_argument("--rounding", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.rounding:
        report(rounding_figures(), arguments.out)
        return
    if not torch.cuda.is_available():
        print("gpu: torch finds no graphics card here, so that nothing was run", file=sys.stderr)
        sys.exit(2)
    began = time.perf_counter()
    simulated = next(simulate(1, seed=1))
    cube = simulated.counts, detector_cross(simulated, 6)
    with np.load(ROOT / "examples" / "demo_scan.npz") as stored:
        demo = stored["data"], stored["mask"]
    works: dict[str, Callable[[], dict]] = {
        "unet": lambda: fill_figures(cube, "unet"),
        "kriging": lambda: fill_figures(cube, "kriging"),
        "core": lambda: core_figures(demo),
        "training": lambda: training_figures(arguments.steps),
        "retrieve": lambda: retrieval_figures(fill_gaps(*demo, method="unet", device="cpu")),
        "retrieval": lambda: fill_figures(demo, "retrieval"),
        "evaluate": lambda: evaluation_figures(demo),
    }
    result: dict[str, object] = {
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "processors": len(os.sched_getaffinity(0)),
    }
    for name, work in works.items():
        if name in arguments.without.split(","):
            continue
        figures = work()
        if name in BARS:
            figures |= {"bar_s": BARS[name], "met": figures["card_s"] <= BARS[name]}
        result[name] = figures
        report(result | {"minutes": (time.perf_counter() - began) / 60}, arguments.out)


if __name__ == "__main__":
    main()
