"""The analysis: which layers hurt, by how much, and what each choice for them saves."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated

import numpy as np
import numpy.typing as npt

from edgekit.compress.analysis.analysis import Analysis, Layer, LayerEffect
from edgekit.compress.analysis.change import Change, changed
from edgekit.compress.analysis.channels import empty_channels, weight_facts
from edgekit.compress.analysis.choice import Choice
from edgekit.compress.analysis.error import Distance, Errors, Reading, reading_of
from edgekit.compress.analysis.kernels import kernels_for
from edgekit.compress.analysis.layers import Weighted, find_layers
from edgekit.compress.analysis.savings import cut_count, is_interface, output_bytes, saving
from edgekit.compress.analysis.walk import Held, Runner, Walk, frontier_bytes, reached
from edgekit.compress.analysis.watch import Seen, watch
from edgekit.compress.calibrate import CalibrateOptions, calibrate
from edgekit.compress.probe import Feed
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.compress.ranges import Ranges
from edgekit.compress.step import RangeSource, Samples
from edgekit.core.errors import DatasetError, ModelError
from edgekit.core.progress import Progress, Silent
from edgekit.graph.cost import activation_peak_bytes, model_macs, op_macs, weight_bytes
from edgekit.graph.cut import cut
from edgekit.graph.model import Graph, Model
from edgekit.graph.ops import activation_of, is_float
from edgekit.targets.case import Level
from edgekit.targets.target import Target

HELD_BYTES = 256 * 1024 * 1024
"""The most that live activations of all samples at hand take; more samples are run in several blocks."""


class Importance(enum.Enum):
    """By what channels are put in order before the least important ones go."""

    ENERGY = "energy"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """How to analyze."""

    samples: Annotated[int, "how many samples each choice is run on, evenly spread; 0 means all"] = 100
    importance: Annotated[Importance, "mean square of a channel's output, or L2 norm of its weights"] = (
        Importance.ENERGY
    )
    calibration: CalibrateOptions = field(default=CalibrateOptions())

    def __post_init__(self) -> None:
        if self.samples < 0:
            raise ValueError(f"samples is {self.samples}, and must not be negative")


def analyze(
    model: Model,
    samples: Samples,
    options: AnalyzeOptions,
    target: Target | None = None,
    progress: Progress | None = None,
    ranges: RangeSource | None = None,
) -> Analysis:
    """Change one layer at a time, in each way that the target's kernels offer, and look at the model's outputs.

    Every layer is met in one walk from front to back: the operators before it have been run once, the tensors that
    live at that point are held, and each choice runs only what lies behind. Changes are simulated in float: weights on
    their grid, the layer's input and output on their calibrated grid; or the channels that go set to zero.

    Raises ModelError where the model is quantized already or has no layer with weights, DatasetError without samples.
    """
    told = progress or Silent()
    named = with_unique_names(model)
    layers = _require_layers(named)
    if not samples.count:
        raise DatasetError("the analysis has no samples", "give a dataset with at least one")
    found = ranges(named, options.calibration) if ranges else _calibrated(named, samples, options, told)
    count = min(samples.count, options.samples or samples.count)
    seen = watch(named, layers, samples.feeds(found.samples), found.samples, told)
    work = _Work(named, layers, target, [_changes(named.main, y, seen[y], found, options) for y in layers])
    work.run(samples.feeds(count), count, told)
    return _analysis(work, seen, found, count)


def _require_layers(model: Model) -> tuple[Weighted, ...]:
    if not is_float(model):
        raise ModelError(
            "the model is quantized already, and an analysis needs the float model that it was made of",
            "give the file that was trained, or the one before quantization",
        )
    layers = find_layers(model.main)
    if not layers:
        raise ModelError(
            "no operator of the model's first graph has float32 weights, so there is nothing to analyze",
            "weights stored as float16 are to be made float32 before",
        )
    return layers


def _calibrated(model: Model, samples: Samples, options: AnalyzeOptions, progress: Progress) -> Ranges:
    total = min(samples.count, options.calibration.limit or samples.count)
    return calibrate(model, samples.feeds(options.calibration.limit), options.calibration, progress, total)


def _changes(graph: Graph, layer: Weighted, seen: Seen, ranges: Ranges, options: AnalyzeOptions) -> tuple[Change, ...]:
    """What can be done to a layer, everything but nothing."""
    order = np.argsort(_importance(layer, seen, options.importance), kind="stable")
    return tuple(
        Change(choice, dict(ranges.by_tensor), order, cut_count(layer.channels, choice))
        for choice in _offered(graph, layer)
        if choice is not Choice.FLOAT
    )


def _offered(graph: Graph, layer: Weighted) -> list[Choice]:
    """The choices that make sense for a layer, whatever the target."""
    fixed = layer.channel_axis is None or is_interface(graph, layer)
    return [c for c in Choice if not c.cut or (not fixed and cut_count(layer.channels, c) > 0)]


def _importance(layer: Weighted, seen: Seen, how: Importance) -> npt.NDArray[np.float64]:
    if how is Importance.ENERGY or layer.channel_axis is None:
        return seen.output.energy
    values = layer.weights[0].data
    assert values is not None
    flat = np.moveaxis(values, layer.channel_axis, 0).reshape(layer.channels, -1)
    return np.asarray(np.square(flat, dtype=np.float64).sum(axis=1))


class _Work:
    """The changes still to be run, and what came of those that were."""

    def __init__(
        self, model: Model, layers: Sequence[Weighted], target: Target | None, changes: list[tuple[Change, ...]]
    ) -> None:
        self.model, self.layers, self.target = model, layers, target
        self.readings = {t.name: reading_of(model.main, t) for t in reached(model.main, 0)}
        self.macs = 0
        self.errors: list[dict[Choice, Errors]] = []
        self._changes = changes
        self._stateful = any(t.is_variable for t in model.main.tensors)
        for layer, possible in zip(layers, changes, strict=True):
            names = [t.name for t in reached(model.main, layer.position)]
            runs = [c.choice for c in possible if self.verdict_level(layer, c.choice) is not Level.CANNOT]
            self.errors.append({choice: Errors({n: self.readings[n] for n in names}) for choice in runs})

    @property
    def classes(self) -> bool:
        """Whether an output is a list of class scores."""
        return any(r is not Reading.VALUES for r in self.readings.values())

    def verdict_level(self, layer: Weighted, choice: Choice) -> Level:
        """How the target runs a choice."""
        return kernels_for(layer, choice, self.target).level

    def run(self, feeds: Iterator[Feed], count: int, progress: Progress) -> None:
        """All changes on all samples, so many at once as `HELD_BYTES` allows."""
        blocks = -(-count // _block(self.model.main))
        progress.start("analyzing layers", blocks * len(self.layers))
        try:
            while block := list(islice(feeds, _block(self.model.main))):
                self._run_block(block, progress)
        finally:
            progress.finish()

    def _run_block(self, block: Sequence[Feed], progress: Progress) -> None:
        walk = Walk(self.model, block)
        graph = self.model.main
        whole = Runner(cut(self.model, graph.inputs, reached(graph, 0)), self._stateful)
        references = [whole.run(held) for held in walk.held]
        self.macs += model_macs(self.model) * len(block)
        for layer, possible, errors in zip(self.layers, self._changes, self.errors, strict=True):
            walk.advance(layer.position)
            self._run_layer(walk, layer, [c for c in possible if c.choice in errors], errors, references)
            progress.advance()
        self.macs += walk.macs

    def _run_layer(
        self,
        walk: Walk,
        layer: Weighted,
        possible: Sequence[Change],
        errors: dict[Choice, Errors],
        references: Sequence[Held],
    ) -> None:
        rest = walk.rest()
        self.macs += model_macs(rest) * len(walk.held) * len(possible)
        for change in possible:
            runner = Runner(changed(rest, layer, change), self._stateful)
            for held, reference in zip(walk.held, references, strict=True):
                errors[change.choice].add(reference, runner.run(held))


def _block(graph: Graph) -> int:
    """How many samples are held at once: what lives before a layer and behind it, and the outputs."""
    each = 2 * frontier_bytes(graph) + sum(t.nbytes for t in graph.outputs)
    return max(1, HELD_BYTES // max(each, 1))


def _analysis(work: _Work, seen: dict[Weighted, Seen], ranges: Ranges, count: int) -> Analysis:
    graph, macs = work.model.main, model_macs(work.model)
    peak = activation_peak_bytes(graph).op_name
    layers = tuple(
        _layer(work, layer, seen[layer], ranges, errors, peak)
        for layer, errors in zip(work.layers, work.errors, strict=True)
    )
    spent = work.macs + macs * 2 * ranges.samples  # calibration and the watch
    return Analysis(
        target=work.target.name if work.target else "",
        samples=count,
        classes=work.classes,
        weight_bytes=weight_bytes(work.model),
        macs=macs,
        passes=spent / max(macs * count, 1),
        layers=layers,
    )


def _layer(work: _Work, layer: Weighted, seen: Seen, ranges: Ranges, errors: dict[Choice, Errors], peak: str) -> Layer:
    graph, values = work.model.main, layer.weights[0].data
    assert values is not None
    source, first = activation_of(layer.ops[0]), layer.ops[0]
    nothing = Distance(math.inf, 1.0, 0.0) if work.classes else Distance(math.inf)
    distances = {choice: error.worst() for choice, error in errors.items()} | {Choice.FLOAT: nothing}
    return Layer(
        name=first.name,
        kind=first.label,
        ops=tuple(op.name for op in layer.ops),
        weights=layer.weights[0].name,
        channels=layer.channels,
        dead=seen.output.constant,
        zero_weights=0 if layer.channel_axis is None else empty_channels(values, layer.channel_axis),
        weight_bytes=sum(t.nbytes for t in layer.weights),
        macs=sum(op_macs(op) for op in layer.ops),
        output_bytes=output_bytes(layer),
        at_peak=peak in {op.name for op in layer.ops},
        weight_facts=weight_facts(values, layer.scale_axis),
        input_facts=seen.input.facts(ranges.by_tensor.get(source.name)) if seen.input and source else None,
        output_facts=seen.output.facts(ranges.by_tensor.get(seen.name)),
        effects=tuple(
            _effect(graph, layer, choice, work.target, distances.get(choice)) for choice in _offered(graph, layer)
        ),
    )


def _effect(
    graph: Graph, layer: Weighted, choice: Choice, target: Target | None, distance: Distance | None
) -> LayerEffect:
    verdict, saved = kernels_for(layer, choice, target), saving(graph, layer, choice)
    return LayerEffect(
        choice,
        verdict.level,
        verdict.message,
        distance.sqnr_db if distance else None,
        distance.agreement if distance else None,
        distance.kl_nats if distance else None,
        saved.weight_bytes,
        saved.macs,
        saved.activation_bytes,
    )
