"""The options of the step "distill"."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from edgekit.compress.options import read_options, write_options


class Augment(enum.Enum):
    """What is done to images, so that there are more of them."""

    NONE = "none"
    SHIFT = "shift"
    SHIFT_FLIP = "shift+flip"


@dataclass(frozen=True, slots=True)
class DistillOptions:
    """How a compressed model is trained against the original."""

    epochs: Annotated[int, "how often every sample is seen"] = 30
    minutes: Annotated[float | None, "fewer epochs where all would take longer; the machine's speed then counts"] = None
    samples: Annotated[int | None, "at most so many of the calibration samples"] = None
    batch: Annotated[int, "samples in one step of the optimizer"] = 64
    rate: Annotated[float, "first step, against a channel's usual weight; it falls along a cosine"] = 3e-3
    temperature: Annotated[float, "softens the original's probabilities"] = 2.0
    features: Annotated[float, "weight of inner tensors that both models have, against that of the outputs"] = 0.5
    labels: Annotated[float, "weight of the labels of training samples, where there are any"] = 0.3
    augment: Annotated[Augment, "move images; flip them only where left and right mean the same"] = Augment.NONE
    mix: Annotated[bool, "blend samples in pairs: for few samples"] = False
    holdout: Annotated[float, "part of the calibration samples that is not trained on and decides when to stop"] = 0.1
    patience: Annotated[int, "stop after so many epochs in which the held-out samples got no better"] = 10
    decay: Annotated[
        float, "cost of weights against that of outputs: pulls what is of no use to zero, for a later pruning"
    ] = 0.0
    scales: Annotated[bool, "let the scales of a quantized model learn too"] = True
    seed: Annotated[int, "of the order of samples and of augmentation"] = 0

    def __post_init__(self) -> None:
        positive = {"epochs": self.epochs, "batch": self.batch, "rate": self.rate, "temperature": self.temperature,
                    "patience": self.patience}  # fmt: skip
        for name, value in positive.items():
            if value <= 0:
                raise ValueError(f"{name} must be above 0, it is {value}")
        if not 0 < self.holdout < 1:
            raise ValueError(f"holdout is a part, between 0 and 1; it is {self.holdout}")
        if min(self.features, self.labels, self.decay) < 0:
            raise ValueError("weights of features, labels and decay cannot be below 0")
        if self.samples is not None and self.samples < 2:
            raise ValueError(f"samples must be at least 2, they are {self.samples}")

    @staticmethod
    def from_mapping(mapping: Mapping[str, object]) -> DistillOptions:
        """From plain values. Raises UsageError."""
        return read_options(DistillOptions, mapping, "distill")

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return write_options(self)
