"""Which network? Three candidates trained for the same time on the same portions, then put to the paper's protocol.

narrow 3-D U-Net    the paper's architecture with 192 channels at the bottom, a mask channel, counts in and out
banks alone         this program's network without a first guess: it starts from a straight line between the banks
on kriging          this program's network as it is

All see portions of the same simulated scans in the same order. Each trains for as many steps as fit into the time, by
the same schedule; how long a step takes is measured on the first steps of all, taken in turn. The making of the scans is
not counted, kriging (a fifth of it) among it.
The 3-D network fills by sliding portions of the size it was trained on, the others in one pass.

Usage: python benchmarks/candidates.py [--minutes 15] [--scans 64] [--number 24] [--out docs/results]
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric
from shared.paper_unet import CountingPaperUNet
from shared.protocol_tables import put_to_protocol
from shared.timing import in_turn
from torch import Tensor, nn

from braggfill.base.writing import write_table
from braggfill.judging.studies.contenders import by_network
from braggfill.network.gapnet import GapNet
from braggfill.training.config import TrainConfig
from braggfill.training.stream import PortionStream, StreamConfig
from braggfill.training.training import TrainingRun, start_fabric

TIMED_STEPS = 10
SLIDING, HALF_A_PORTION = {"narrow 3-D U-Net"}, 15


class FromBanks(GapNet):
    """The network without a first guess."""

    def forward(self, counts: Tensor, measured: Tensor, guess: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As ``GapNet.forward``; the guess is not looked at."""
        return super().forward(counts, measured)


CANDIDATES: dict[str, tuple[type[nn.Module], dict]] = {
    "narrow 3-D U-Net": (CountingPaperUNet, {"learning_rate": 5e-4, "precision": "float32"}),
    "banks alone": (FromBanks, {}),
    "on kriging": (GapNet, {}),
}
"""Network and what its training needs; the 3-D network diverges at the others' rate, and in bfloat16 its gradients turn NaN."""


class CandidateRun(TrainingRun):
    """A training of another network on a stream that is shared."""

    def __init__(self, network: type[nn.Module], config: TrainConfig, fabric: Fabric) -> None:
        self.network = network
        super().__init__(config, fabric)

    def build(self) -> nn.Module:
        """The candidate with fresh weights."""
        return self.network()


def seconds_a_step(runs: dict[str, TrainingRun]) -> dict[str, float]:
    """Median time of a step of each, measured in turn."""
    times = in_turn({name: run.advance for name, run in runs.items()}, TIMED_STEPS)
    return {name: float(np.median(each)) for name, each in times.items()}


def train_on(run: TrainingRun, steps: int) -> None:
    """Train until so many steps are done, with the schedule of that many."""
    run.learner.steps = steps
    while run.step < steps:
        run.advance()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--scans", type=int, default=64)
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    portions = StreamConfig(pool=arguments.scans, renew_steps=10**9)
    config = TrainConfig(seed=3, warmup_steps=50, average_decay=0.99, portions=portions)
    runs = {}
    for name, (network, special) in CANDIDATES.items():
        own = replace(config, **special)
        runs[name] = CandidateRun(network, own, start_fabric(own, "cpu"))
    first = next(iter(runs.values()))
    shared: PortionStream = first.stream
    shared.fill_pool(0)
    for run in runs.values():
        run.stream, run.validation_batches = shared, first.validation_batches
    pace = seconds_a_step(runs)
    table, fills = [], {}
    for name, run in runs.items():
        train_on(run, max(TIMED_STEPS + 1, round(60 * arguments.minutes / pace[name])))
        score, model = run.validate(0.0), run.average_model()
        row = {
            "candidate": name,
            "parameters": sum(p.numel() for p in model.parameters()),
            "steps": run.step,
            "minutes": run.step * pace[name] / 60,
            "portions_a_second": config.batch / pace[name],
            "validation_likelihood": score.validation_likelihood,
            "validation_skill": score.skill,
        }
        print(row, flush=True)
        table.append(row)
        fills[name] = by_network(model, skip=HALF_A_PORTION if name in SLIDING else None)
    if arguments.out:
        write_table(arguments.out / "candidates.csv", table)
    put_to_protocol(fills, arguments.number, arguments.out, "candidates")


if __name__ == "__main__":
    main()
