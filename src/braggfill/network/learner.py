"""A network that learns: one step of its weights, the same in a training and in an adaptation to a scan."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from braggfill.network.config import Descent
from braggfill.network.gapnet import GapNet

AVERAGED_AT_FIRST = 10
"""The running average begins as that of the last few steps, so that it soon forgets where it began."""


class Learner:
    """Weights on their way: with their running average, the optimiser's moments, and the step."""

    def __init__(self, model: GapNet, descent: Descent) -> None:
        self.model, self.descent = model.requires_grad_(True), descent
        self.step, self.steps = 0, descent.steps
        """Steps made, and planned."""
        self.average = {name: p.detach().clone() for name, p in model.named_parameters()}
        self.optimiser = torch.optim.AdamW(
            model.parameters(), descent.learning_rate, (0.9, 0.98), descent.epsilon, descent.weight_decay
        )

    def bound(self, outputs: Sequence[Tensor], voxels: float) -> None:
        """Limit the pull of one voxel on the network's outputs (of any shape), of a loss that is a mean over so many voxels."""
        limit = self.descent.voxel_gradient_limit / max(1.0, voxels)
        for output in outputs:
            output.register_hook(lambda gradient: gradient.clamp(-limit, limit))

    def descend(
        self,
        loss: Float[Tensor, ""],
        backward: Callable[[Tensor], None] = Tensor.backward,
        take_step: Callable[[], object] | None = None,
    ) -> None:
        """Make one step down a loss; ``backward`` and ``take_step`` stand for torch's own where processes share a batch."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.descent.rate(self.step, self.steps)
        self.optimiser.zero_grad(set_to_none=True)
        backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.descent.gradient_limit)
        (take_step or self.optimiser.step)()
        self.step += 1
        decay = min(self.descent.average_decay, self.step / (self.step + AVERAGED_AT_FIRST))
        for name, p in self.model.named_parameters():
            self.average[name].lerp_(p.detach(), 1 - decay)
