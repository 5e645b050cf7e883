"""A model that has lost something, and a training that is to bring it back: also for processes that are killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.compress.distill.parameters import parameters_of
from edgekit.compress.distill.step import DISTILL
from edgekit.compress.step import Setting
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from tests.unit.compress.small import conv_net, samples


def worn(model: Model, by: float = 0.3, seed: int = 9) -> Model:
    """The model with weights that have lost precision."""
    result, rng = model.clone(), np.random.default_rng(seed)
    for parameter in parameters_of(result):
        data = np.asarray(parameter.tensor.data)
        parameter.tensor.set_data((data * (1 + by * rng.normal(size=data.shape))).astype(np.float32))
    return result


def mend(workspace: Path | None) -> bytes:
    """A worn model after a training with everything that draws numbers."""
    student = worn(conv_net())
    drawn = {"epochs": 30, "batch": 8, "augment": "shift", "mix": True, "patience": 99, "seed": 4}
    setting = Setting(samples=samples(student, 40), original=conv_net(), workspace=workspace)
    return write(DISTILL.apply(student, DISTILL.plan(student, DISTILL.options(drawn), setting)))
