"""What may be asked of a judgement. Quick to import."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from braggfill.base.errors import InputError
from braggfill.base.limits import check_fields
from braggfill.base.options import Device
from braggfill.filling.options import WITH_NETWORK, FillOptions, MethodName
from braggfill.scan.choice import Negatives

BASELINES: tuple[MethodName, ...] = ("kriging", "ridge", "linear", "cubic", "nearest", "idw")
"""Classical fills that every method is compared with; biharmonic takes minutes."""
StudyName = Literal["width", "portions", "slices", "skip", "oversampling", "conditions", "starts"]
"""The studies; what each asks stands in their table."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How to judge a fill."""

    method: MethodName = "unet"
    """The fill to judge."""
    baselines: tuple[MethodName, ...] = BASELINES
    """Fills to compare it with; the linear one is always among them."""
    device: Device = "auto"
    """Where to compute: auto takes a graphics card where there is one."""
    counts_per_unit: float | None = None
    """Photons for one unit of scaled data; needed unless the data are whole counts, whose noise is known."""
    negatives: Negatives | None = None
    """What negative values are: measured, where a background was subtracted, or missing; else missing if they are whole
    numbers, and refused if not."""
    weights: str | Path | None = None
    """Weights made by 'train' or 'finetune', else the shipped ones."""
    fill: FillOptions | None = None
    """What else is asked of the method to judge, such as its effort, as for ``fill_gaps``; nothing of the others."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.weights is not None and not {self.method, *self.baselines} & set(WITH_NETWORK):
            raise InputError(
                f"weights: got {self.weights} to judge '{self.method}' by, expected none, for no method that is asked uses them"
            )

    @property
    def asked(self) -> list[FillOptions]:
        """The fills to make, that which is judged first, no method twice."""
        given = {name: getattr(self, name) for name in ("device", "counts_per_unit", "negatives", "weights")}
        usual = FillOptions(**given)
        chosen = replace(self.fill or usual, **{name: value for name, value in given.items() if value is not None})
        others = [usual.by(name) for name in dict.fromkeys((*self.baselines, "linear")) if name != self.method]
        return [chosen.by(self.method), *others]
