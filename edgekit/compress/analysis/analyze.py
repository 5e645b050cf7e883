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
from edgekit.compress.analysis.kept import Kept, Tally
from edgekit.compress.analysis.kernels import kernels_for
from edgekit.compress.analysis.layers import Weighted, data_of, find_layers
from edgekit.compress.analysis.savings import cut_count, is_interface, output_bytes, saving
from edgekit.compress.analysis.walk import Held, Runner, Walk, frontier_bytes, reached
from edgekit.compress.analysis.watch import Seen, watch
from edgekit.compress.calibrate import CalibrateOptions, calibrate
from edgekit.compress.probe import Feed
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.compress.ranges import Ranges
from edgekit.compress.step import Samples, Setting
from edgekit.core.errors import DatasetError, ModelError
from edgekit.core.progress import Progress, Silent
from edgekit.graph.cost import activation_peak_bytes, model_macs, op_macs, weight_bytes
from edgekit.graph.cut import cut
from edgekit.graph.model import Graph, Model
from edgekit.graph.ops import is_float
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
    choices: Annotated[tuple[Choice, ...], "what to try"] = tuple(Choice)
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
) -> Analysis:
    """`analyze_in` a setting of these alone."""
    return analyze_in(model, options, Setting(target=target, samples=samples, progress=progress or Silent()))


def analyze_in(model: Model, options: AnalyzeOptions, setting: Setting) -> Analysis:
    """Change one layer at a time, in each way that the target's kernels offer, and look at the model's outputs.

    Every layer is met in one walk from front to back: the operators before it have been run once, the tensors that
    live at that point are held, and each choice runs only what lies behind. Changes are simulated in float: weights on
    their grid, the layer's input and output on their calibrated grid; or the channels that go set to zero.

    What is counted is kept in the setting's workspace, layer by layer, and a second call goes on from there.

    Raises ModelError where the model is quantized already or has no layer with weights, DatasetError without samples.
    """
    samples, named = setting.samples, with_unique_names(model)
    layers = require_layers(named)
    if samples is None or not samples.count:
        raise DatasetError("the analysis has no samples", "give a dataset with at least one")
    ranges = setting.ranges(named, options.calibration) if setting.ranges else _calibrated(named, options, setting)
    count = min(samples.count, options.samples or samples.count)
    seen = watch(named, layers, samples.feeds(ranges.samples), ranges.samples, setting.progress)
    changes = [_changes(named.main, y, seen[y], ranges, options) for y in layers]
    work = _Work(named, layers, changes, options.choices, setting.target)
    work.run(samples.feeds(count), count, setting)
    return _analysis(work, seen, ranges, count)


def require_layers(model: Model) -> tuple[Weighted, ...]:
    """The layers to analyze. Raises ModelError where the model is quantized already or has none."""
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


def _calibrated(model: Model, options: AnalyzeOptions, setting: Setting) -> Ranges:
    samples, wanted = setting.samples, options.calibration
    assert samples is not None
    total = min(samples.count, wanted.limit or samples.count)
    return calibrate(model, samples.feeds(wanted.limit), wanted, setting.progress, total)


def _changes(graph: Graph, layer: Weighted, seen: Seen, ranges: Ranges, options: AnalyzeOptions) -> tuple[Change, ...]:
    """What can be done to a layer, everything but nothing."""
    order = np.argsort(_importance(layer, seen, options.importance), kind="stable")
    return tuple(
        Change(choice, dict(ranges.by_tensor), order, cut_count(layer.channels, choice))
        for choice in _offered(graph, layer)
        if choice is not Choice.FLOAT and choice in options.choices
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
    """The changes to be run, and what came of those that were."""

    def __init__(
        self,
        model: Model,
        layers: Sequence[Weighted],
        changes: list[tuple[Change, ...]],
        choices: tuple[Choice, ...],
        target: Target | None,
    ) -> None:
        self.model, self.layers, self.choices, self.target = model, layers, choices, target
        self.readings = {t.name: reading_of(model.main, t) for t in reached(model.main, 0)}
        self.macs = 0
        self.tallies: list[Tally] = []
        self._changes = changes
        self._stateful = any(t.is_variable for t in model.main.tensors)
        for layer, possible in zip(layers, changes, strict=True):
            readings = {t.name: self.readings[t.name] for t in reached(model.main, layer.position)}
            runs = [c.choice for c in possible if kernels_for(layer, c.choice, target).level is not Level.CANNOT]
            self.tallies.append(Tally({choice: Errors(readings) for choice in runs}))

    @property
    def classes(self) -> bool:
        """Whether an output is a list of class scores."""
        return any(r is not Reading.VALUES for r in self.readings.values())

    def run(self, feeds: Iterator[Feed], count: int, setting: Setting) -> None:
        """All changes on all samples, so many at once as `HELD_BYTES` allows; what is kept is not run again."""
        size = _block(self.model.main)
        blocks, kept = -(-count // size), Kept(setting.workspace and setting.workspace / "analysis")
        for number, tally in enumerate(self.tallies):
            kept.load(number, tally)
        setting.progress.start("analyzing layers", blocks * len(self.layers))
        try:
            for block in range(blocks):
                self._run_block(Walk(self.model, islice(feeds, size)), block, kept, setting.progress)
        finally:
            setting.progress.finish()
        self.macs += sum(tally.macs for tally in self.tallies)

    def _run_block(self, walk: Walk, block: int, kept: Kept, progress: Progress) -> None:
        graph = self.model.main
        whole = Runner(cut(self.model, graph.inputs, reached(graph, 0)), self._stateful)
        references = [whole.run(held) for held in walk.held]
        for number, (layer, tally) in enumerate(zip(self.layers, self.tallies, strict=True)):
            walk.advance(layer.position)
            if tally.blocks <= block:
                self._run_layer(walk, number, references)
                tally.blocks = block + 1
                kept.save(number, tally)
            progress.advance()
        self.macs += walk.macs + model_macs(self.model) * len(references)

    def _run_layer(self, walk: Walk, number: int, references: Sequence[Held]) -> None:
        layer, tally, rest = self.layers[number], self.tallies[number], walk.rest()
        for change in (c for c in self._changes[number] if c.choice in tally.errors):
            runner = Runner(changed(rest, layer, change), self._stateful)
            tally.macs += model_macs(rest) * len(references)
            for held, reference in zip(walk.held, references, strict=True):
                tally.errors[change.choice].add(reference, runner.run(held))


def _block(graph: Graph) -> int:
    """How many samples are held at once: what lives before a layer and behind it, and the outputs."""
    each = 2 * frontier_bytes(graph) + sum(t.nbytes for t in graph.outputs)
    return max(1, HELD_BYTES // max(each, 1))


def _analysis(work: _Work, seen: dict[Weighted, Seen], ranges: Ranges, count: int) -> Analysis:
    graph, macs = work.model.main, model_macs(work.model)
    peak = activation_peak_bytes(graph).op_name
    layers = tuple(
        _layer(work, layer, seen[layer], ranges, tally.errors, peak)
        for layer, tally in zip(work.layers, work.tallies, strict=True)
    )
    spent = work.macs + macs * 2 * ranges.samples  # calibration and the watch
    return Analysis(
        target=work.target.name if work.target else "",
        samples=count,
        classes=work.classes,
        weight_bytes=weight_bytes(work.model),
        macs=macs,
        left_out=sum(len(y.ops) for graph in work.model.graphs[1:] for y in find_layers(graph)),
        passes=spent / max(macs * count, 1),
        layers=layers,
    )


def _layer(work: _Work, layer: Weighted, seen: Seen, ranges: Ranges, errors: dict[Choice, Errors], peak: str) -> Layer:
    graph, values = work.model.main, layer.weights[0].data
    assert values is not None
    source, first = data_of(layer.ops[0]), layer.ops[0]
    nothing = Distance(math.inf, 1.0, 0.0) if work.classes else Distance(math.inf)
    distances = {choice: error.worst() for choice, error in errors.items()} | {Choice.FLOAT: nothing}
    return Layer(
        name=first.name,
        kind=first.label,
        ops=tuple(op.name for op in layer.ops),
        places=layer.places,
        weights=layer.weights[0].name,
        channels=layer.channels,
        dead=() if is_interface(graph, layer) else seen.output.constant,
        zero_weights=0 if layer.channel_axis is None else empty_channels(values, layer.channel_axis),
        weight_bytes=sum(t.nbytes for t in layer.weights),
        macs=sum(op_macs(op) for op in layer.ops),
        output_bytes=output_bytes(layer),
        at_peak=peak in {op.name for op in layer.ops},
        weight_facts=weight_facts(values, layer.scale_axis),
        input_facts=seen.input.facts(ranges.by_tensor.get(source.name)) if seen.input and source else None,
        output_facts=seen.output.facts(ranges.by_tensor.get(seen.name)),
        effects=tuple(
            _effect(graph, layer, choice, work.target, distances.get(choice))
            for choice in _offered(graph, layer)
            if choice in work.choices
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
