"""The step "mix": int4 weights where they hurt little, int8 where they hurt much, measured layer by layer.

Each layer's weights are rounded alone and the error of the model's output is measured; the errors of several layers add
up well enough to choose by. int8 goes to the layers where a byte buys the most. Only weights differ: activations are
int8 all through, so that neighbours of different precision need no requantization between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np

from edgekit.compress.options import read_options
from edgekit.compress.quantize.options import Bits, OpBits, QuantizeOptions, Scheme
from edgekit.compress.quantize.plan import QuantizePlan
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.compress.quantize.select import can_have_four_bits
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.sensitivity import Floats, Rounded, Sensitivity, measurable, relative_error, scores, sensitivities
from edgekit.compress.step import Aim, Change, Setting
from edgekit.core.errors import UsageError
from edgekit.core.units import format_bytes
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.graph.ops import weights_of
from edgekit.runtime.litert import LiteRT


@dataclass(frozen=True, slots=True)
class MixOptions:
    """What "mix" aims at: the first of both goals that is reached ends it."""

    accuracy_drop: Annotated[float, "percent of the samples whose answer may change; more int8 until that holds"] = 1.0
    size: Annotated[float, "the most bytes of weights, as a share of what they take at int8"] = 1.0
    samples: Annotated[int, "how many samples to measure on; 0 means all"] = 64
    quantize: QuantizeOptions = field(default=QuantizeOptions(scheme=Scheme.INT4))

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy_drop <= 100:
            raise ValueError(f"accuracy_drop is {self.accuracy_drop}, and must be from 0 to 100 percent")
        if not 0.5 <= self.size <= 1:
            raise ValueError(f"size is {self.size}, and must be from 0.5 to 1")
        if self.samples < 0:
            raise ValueError(f"samples is {self.samples}, and must not be negative")
        if self.quantize.scheme is not Scheme.INT4:
            raise ValueError("quantize.scheme must be int4: that is what is mixed with int8")


@dataclass(frozen=True, slots=True)
class Choice:
    """What one layer got, and the output errors that spoke for it."""

    op: str
    kind: str
    size: int
    bits: int
    error4: float
    error8: float


@dataclass(frozen=True, slots=True, eq=False)
class MixPlan:
    """The choices, the share of answers that they change on the samples by the float model, and how to quantize."""

    choices: tuple[Choice, ...]
    changed_percent: float
    quantize: QuantizePlan

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those of the quantization."""
        return self.quantize.changes

    @property
    def predicted_bytes(self) -> int:
        """Of the quantization."""
        return self.quantize.predicted_bytes

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        eight = [c for c in self.choices if c.bits == 8]
        cost = format_bytes(sum(c.size for c in eight) // 2)
        four = len(self.choices) - len(eight)
        four = len(self.choices) - len(eight)
        first = (f"int4 weights in {four} of {len(self.choices)} layers that take them, int8 in the other {len(eight)} "
                 f"(+{cost}); before repair rounding changes {self.changed_percent:.1f} % of the answers")  # fmt: skip
        rows = (f"{c.kind} {c.op} stays int8: at int4 it turns {c.error4:.2g} of the output's variance into error"
                for c in eight)  # fmt: skip
        return (first, *rows, *self.quantize.explain())

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        rows = [[c.op, c.kind, c.size, c.bits, c.error4, c.error8] for c in self.choices]
        return {"choices": rows, "changed_percent": self.changed_percent, "quantize": self.quantize.to_json()}

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> MixPlan:
        """What `to_json` wrote."""
        choices = tuple(Choice(*row) for row in plain["choices"])
        return MixPlan(choices, float(plain["changed_percent"]), QuantizePlan.from_json(plain["quantize"]))


@dataclass(frozen=True, slots=True)
class Mix:
    """Quantization with int4 and int8 weights, chosen by measured sensitivity. See `MixOptions`."""

    name: str = "mix"
    aim: Aim = Aim.SMALLER

    def options(self, mapping: Mapping[str, object]) -> MixOptions:
        """Options from plain values. Raises UsageError."""
        inner = mapping.get("quantize", {})
        if isinstance(inner, Mapping):
            mapping = {**mapping, "quantize": {"scheme": Scheme.INT4.value, **inner}}
        return read_options(MixOptions, mapping, "mix")

    def default_options(self) -> MixOptions:
        """One percent of the answers, at any size."""
        return MixOptions()

    def requires(self, model: Model, options: MixOptions, setting: Setting) -> None:
        """What int4 requires, and calibration samples."""
        if setting.samples is None:
            raise UsageError("mix needs calibration samples, and there are none", "give --calibration")
        QUANTIZE.requires(model, options.quantize, setting)

    def plan(self, model: Model, options: MixOptions, setting: Setting) -> MixPlan:
        """Measure every layer that can have four bits, then give int8 where it buys the most."""
        self.requires(model, options, setting)
        assert setting.samples is not None
        work = with_unique_names(model).clone()
        layers = [op for op in measurable(work) if can_have_four_bits(op, setting.target)]
        count = min(options.samples or setting.samples.count, setting.samples.count)
        found = sensitivities(work, layers, (4, 8), setting, count)
        order = sorted(found, key=lambda s: (s.errors[8] - s.errors[4]) / s.size)
        order = _affordable(order, work, options.size)
        eight, changed = _enough(work, found, order, options, setting, count)
        scheme = Scheme.INT4 if len(eight) < len(found) else Scheme.INT8
        weights = (*options.quantize.weights, *_as_options(eight))
        quantize = replace(options.quantize, scheme=scheme, weights=weights)
        choices = tuple(Choice(s.op, s.kind, s.size, 8 if s.op in eight else 4, s.errors[4], s.errors[8])
                        for s in found)  # fmt: skip
        return MixPlan(choices, changed, QUANTIZE.plan(model, quantize, setting))

    def apply(self, model: Model, plan: MixPlan) -> Model:
        """The quantized clone. Raises as the step quantize."""
        return QUANTIZE.apply(model, plan.quantize)

    def read_plan(self, plain: Mapping[str, object]) -> MixPlan:
        """The plan that `plain` stands for."""
        return MixPlan.from_json(plain)


MIX = Mix()


def _as_options(eight: frozenset[str]) -> tuple[OpBits, ...]:
    return tuple(OpBits(_literal(name), Bits.INT8) for name in sorted(eight))


def _literal(name: str) -> str:
    """A pattern that matches the name alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _affordable(order: list[Sensitivity], model: Model, size: float) -> list[Sensitivity]:
    """Those of `order`, first come first served, that can be int8 within `size`; each costs half a byte a weight."""
    total = sum(t.size for op in model.main.ops if (t := weights_of(op)) is not None and t.is_constant)
    room = size * total - (total - sum(s.size for s in order) / 2)
    chosen = []
    for one in order:
        if one.size / 2 <= room:
            chosen.append(one)
            room -= one.size / 2
    return chosen


def _enough(
    model: Model,
    found: tuple[Sensitivity, ...],
    order: list[Sensitivity],
    options: MixOptions,
    setting: Setting,
    count: int,
) -> tuple[frozenset[str], float]:
    """The fewest of `order` at int8 with which the answers hold, and the share that changes; all if none suffices."""
    wanted = _answers(model, {}, setting, count)
    low, high, best = 0, len(order), None
    while low < high:
        middle = (low + high) // 2
        changed = _changed(model, found, order[:middle], wanted, setting, count)
        if changed <= options.accuracy_drop:
            high, best = middle, changed
        else:
            low = middle + 1
    if best is None or low == len(order):
        best = _changed(model, found, order[:low], wanted, setting, count)
    return frozenset(s.op for s in order[:low]), best


def _changed(
    model: Model,
    found: tuple[Sensitivity, ...],
    eight: list[Sensitivity],
    wanted: list[Floats],
    setting: Setting,
    count: int,
) -> float:
    """The percentage of answers that differ where these layers are rounded to int8, and the others to int4."""
    rounded = {s.op: s.rounded[8 if s in eight else 4] for s in found}
    return changed_percent(_answers(model, rounded, setting, count), wanted)


def changed_percent(found: list[Floats], wanted: list[Floats]) -> float:
    """How many of the rows (answers, values) of each output have their greatest value elsewhere, in percent.

    Where an output is one value, its error relative to its variance stands for that.
    """
    shares = []
    for f, w in zip(found, wanted, strict=True):
        if w.shape[1] > 1:
            shares.append(float(np.mean(f.argmax(axis=1) != w.argmax(axis=1))))
        else:
            shares.append(relative_error([f], [w]))
    return 100 * float(np.mean(shares)) if shares else 0.0


def _answers(model: Model, rounded: Mapping[str, Rounded], setting: Setting, count: int) -> list[Floats]:
    """What the model with these layers, by operator, gives: (answers, values) for each output."""
    assert setting.samples is not None
    clone, outputs = model.clone(), scores(model)
    for op in clone.main.ops:
        if op.name in rounded:
            rounded[op.name].put_into(op)
    runtime = LiteRT(write(clone), keep_all=True)
    numbers = {tensor: number for number, tensor in enumerate(model.main.tensors)}
    rows: list[list[Floats]] = [[] for _ in outputs]
    for feed in setting.samples.feeds(count):
        runtime.invoke(feed)
        for row, tensor in zip(rows, outputs, strict=True):
            row.append(_thinned(runtime.tensor(numbers[tensor])))
    return [np.concatenate(row) for row in rows]


def _thinned(values: Floats) -> Floats:
    """Rows of the last axis, so many of them that they hold about 4,096 values: maps of classes are large."""
    flat = values.reshape(-1, values.shape[-1] if values.ndim else 1)
    return flat[:: max(1, flat.size // 4096)].copy()
