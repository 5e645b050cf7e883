"""The step "prune-channels"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.compress.finite import require_finite
from edgekit.compress.prune.decide import decide
from edgekit.compress.prune.options import PruneOptions
from edgekit.compress.prune.plan import PrunePlan
from edgekit.compress.prune.remove import without_units
from edgekit.compress.step import Aim, Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.check import check
from edgekit.graph.model import Model
from edgekit.graph.ops import is_float


@dataclass(frozen=True, slots=True)
class PruneChannels:
    """Fewer channels, chosen by what they are worth, the layers behind them refitted. See `PruneOptions`."""

    name: str = "prune-channels"
    aim: Aim = Aim.SMALLER

    def options(self, mapping: Mapping[str, object]) -> PruneOptions:
        """Options from plain values. Raises UsageError."""
        return PruneOptions.from_mapping(mapping)

    def default_options(self) -> PruneOptions:
        """Only channels that do nothing are removed."""
        return PruneOptions()

    def requires(self, model: Model, options: PruneOptions, setting: Setting) -> None:
        """Samples, and a float model whose weights are numbers."""
        if setting.samples is None or not setting.samples.count:
            raise UsageError(
                "prune-channels needs calibration samples, and there are none",
                "give --calibration: a few hundred samples without labels",
            )
        if not is_float(model):
            raise ModelError(
                "the model is quantized already, and channels are pruned in float",
                "put prune-channels before quantize in the recipe",
            )
        require_finite(model)

    def plan(self, model: Model, options: PruneOptions, setting: Setting) -> PrunePlan:
        """Decide which channels go, and fit the layers behind. Raises UsageError where the goal is out of reach."""
        self.requires(model, options, setting)
        return decide(model, options, setting)

    def apply(self, model: Model, plan: PrunePlan) -> Model:
        """The smaller clone. Raises ModelError where the model is not the one that was planned for."""
        result = without_units(model, plan.gone) if plan.gone else model.clone()
        tensors = {t.name: t for t in result.main.tensors}
        for new in plan.weights:
            tensor = tensors.get(new.tensor)
            if tensor is None or tensor.shape != new.values.shape:
                raise ModelError(f"The plan's weights for '{new.tensor}' do not fit the model.")
            tensor.set_data(new.values)
        check(result)
        return result

    def read_plan(self, plain: Mapping[str, object]) -> PrunePlan:
        """The plan that `plain` stands for."""
        return PrunePlan.from_json(plain)


PRUNE_CHANNELS = PruneChannels()
