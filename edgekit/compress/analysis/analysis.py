"""What an analysis says, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.compress.analysis.choice import BITS, Choice
from edgekit.core.records import from_record, to_record
from edgekit.targets.case import Level

SCHEMA = 1
"""Of the JSON form: what is kept under another one is made again."""


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """What a tensor held, and what its int8 grid would cover.

    Attributes:
        low, high: the extremes that were seen.
        grid_low, grid_high: the ends of the calibrated grid; of weights the extremes, for each channel has its own.
        saturated: the share of values (0..1) outside the grid.
        peak_to_rms: the largest magnitude over the root mean square; a Gaussian of a million values has about 5.
        channel_ratio: the largest magnitude of the widest channel over that of the median one: what one scale for the
            whole tensor would waste. Both leave channels of nothing but zeros out.
    """

    low: float
    high: float
    grid_low: float
    grid_high: float
    saturated: float
    peak_to_rms: float
    channel_ratio: float


@dataclass(frozen=True, slots=True)
class LayerEffect:
    """What one choice for one layer does to the model's outputs, and what it saves.

    Attributes:
        level, why: how the target runs the layer then, and the rule's sentence where it does not run it well.
        sqnr_db: power of the outputs over that of their error, of the worst output; infinite where nothing changed,
            None where the target cannot run it, so that it was not tried.
        agreement: the share of samples (0..1) with the same top class; None for what is no classifier.
        kl_nats: mean Kullback-Leibler divergence from the original's probabilities; None for what is no classifier.
        bytes_saved: of the weights in the file, of the layers behind too where channels go.
        macs_saved: of one run, of the layers behind too.
        activation_bytes_saved: of the layer's output while it lives.
    """

    choice: Choice
    level: Level
    why: str
    sqnr_db: float | None
    agreement: float | None
    kl_nats: float | None
    bytes_saved: int
    macs_saved: int
    activation_bytes_saved: int

    @property
    def noise(self) -> float | None:
        """The error's share of the outputs' power: of several changed layers about the sum, for errors that are
        independent."""
        return None if self.sqnr_db is None else 10 ** (-self.sqnr_db / 10)


@dataclass(frozen=True, slots=True)
class Layer:
    """One set of weights with all operators that read it.

    Attributes:
        name, kind: of the first operator.
        ops, places: the names of all operators that read the weights, and their numbers in the main graph; where the
            model has a name twice, `places` tell which one is meant.
        channels: how many output channels there are.
        dead: the output channels that hold one value on all samples, so that nothing is lost without them; none where
            the channels are those of an output of the model, which stay.
        zero_weights: how many channels have no weights, or none that counts beside those of the others.
        output_bytes: of the float output. at_peak: whether it lives where the model's activations are largest.
    """

    name: str
    kind: str
    ops: tuple[str, ...]
    places: tuple[int, ...]
    weights: str
    channels: int
    dead: tuple[int, ...]
    zero_weights: int
    weight_bytes: int
    macs: int
    output_bytes: int
    at_peak: bool
    weight_facts: TensorFacts
    input_facts: TensorFacts | None
    output_facts: TensorFacts
    effects: tuple[LayerEffect, ...]

    def effect(self, choice: Choice) -> LayerEffect | None:
        """The effect of a choice; None where the layer has not that choice."""
        return next((e for e in self.effects if e.choice is choice), None)

    def sqnr_db(self, choice: Choice) -> float:
        """The outputs' SQNR under a choice; infinite where it was not tried."""
        found = self.effect(choice)
        return math.inf if found is None or found.sqnr_db is None else found.sqnr_db


@dataclass(frozen=True, slots=True)
class Analysis:
    """All layers with weights of a model's main graph, in the order in which they run.

    Attributes:
        target: the name of the target whose kernels were asked; "" where none was.
        samples: how many were run.
        classes: whether an output is a list of class scores, so that agreement and divergence mean something.
        weight_bytes, macs: of the whole model.
        left_out: how many operators with weights run inside loops and branches, where they are not changed.
        passes: what it cost, in forward passes of the whole model over the samples, by multiply-accumulates.
    """

    target: str
    samples: int
    classes: bool
    weight_bytes: int
    macs: int
    left_out: int
    passes: float
    layers: tuple[Layer, ...]

    @property
    def passes_per_layer(self) -> float:
        """Forward passes for each layer."""
        return self.passes / len(self.layers)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices that at least one layer has and the target runs, in their own order."""
        tried = {e.choice for layer in self.layers for e in layer.effects if e.sqnr_db is not None}
        return tuple(c for c in Choice if c in tried and c is not Choice.FLOAT)

    @property
    def yardstick(self) -> Choice:
        """The choice by which layers are put in order where none is said: int8, or the hardest that was tried."""
        bits = [c for c in BITS if c in self.choices]
        return Choice.INT8 if Choice.INT8 in bits or not bits else bits[-1]

    def hurting(self, choice: Choice | None = None) -> tuple[Layer, ...]:
        """The layers on which `choice` was tried, those that hurt most first."""
        wanted = choice or self.yardstick
        tried = [y for y in self.layers if (e := y.effect(wanted)) is not None and e.sqnr_db is not None]
        return tuple(sorted(tried, key=lambda layer: layer.sqnr_db(wanted)))

    def together_db(self, choice: Choice) -> float | None:
        """About the outputs' SQNR with `choice` for every layer that it was tried on, by adding the errors' powers.

        None where it was tried on none. Cuts are so large that their errors do not add up.
        """
        noises = [e.noise for y in self.layers if (e := y.effect(choice)) is not None and e.noise is not None]
        if not noises or choice.cut:
            return None
        total = sum(noises)
        return -10 * math.log10(total) if total else math.inf

    def to_json(self) -> dict[str, Any]:
        """Plain values; infinities are words."""
        return dict(to_record(self))

    @staticmethod
    def from_json(record: Mapping[str, Any], where: str = "analysis") -> Analysis:
        """The inverse of `to_json`. Raises ModelError."""
        return from_record(Analysis, record, where)
