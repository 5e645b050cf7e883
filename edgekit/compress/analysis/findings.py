"""What an analysis found, in sentences: dead channels, kernels that are slow or missing, outliers, shared weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.compress.analysis.analysis import Analysis, Layer, LayerEffect
from edgekit.compress.analysis.choice import Choice
from edgekit.targets.case import Level

PEAK_TO_RMS = 32.0
"""Above it most values of a tensor lie in an eighth of an int8 grid or less: they have five bits or fewer."""
CHANNEL_RATIO = 16.0
"""Above it one scale for the whole tensor leaves the median channel four bits or fewer."""
SATURATED = 0.001
"""The share of values outside the grid that is worth a word."""
LISTED = 20
"""The most layers that a sentence names; the tables have them all."""

_KERNELS = {Level.SLOW: "has no fast kernel", Level.CANNOT: "cannot run"}


def findings(analysis: Analysis) -> tuple[str, ...]:
    """Everything worth a sentence; layers are called by their number in the analysis, from 1."""
    return (
        *_dead(analysis.layers),
        *_kernels(analysis.layers),
        *_shared(analysis.layers),
        *_scarce(analysis.layers),
        *_left_out(analysis.left_out),
    )


def _dead(layers: Sequence[Layer]) -> Iterator[str]:
    dead = [(n, layer) for n, layer in enumerate(layers, 1) if layer.dead]
    if dead:
        count = sum(len(layer.dead) for _, layer in dead)
        where = _listed([f"{len(y.dead)} of {y.channels} in layer {n}" for n, y in dead])
        yield (
            f"{count:,} output channel{_s(count)} hold{'s' if count == 1 else ''} one value on all samples, "
            f"so that {'it' if count == 1 else 'they'} can go without loss: {where}."
        )
    empty = [(n, layer) for n, layer in enumerate(layers, 1) if layer.zero_weights]
    if empty:
        where = _listed([f"{y.zero_weights} in layer {n}" for n, y in empty])
        yield f"Output channels whose weights are all zero, or nothing beside the layer's others: {where}."


def _kernels(layers: Sequence[Layer]) -> Iterator[str]:
    """For each choice that the target does not run well one sentence: where, why, and whether float is better."""
    for choice in (c for c in Choice if not c.cut):
        for level, verb in _KERNELS.items():
            found = [(layer, e) for layer in layers if (e := layer.effect(choice)) is not None and e.level is level]
            if found:
                yield f"{choice.value} {verb} in {len(found)} layer{_s(len(found))}{_than(found)}: {_why(found)}."


def _than(found: Sequence[tuple[Layer, LayerEffect]]) -> str:
    """Whether float has a fast kernel where the choice has a slow one."""
    plain = [layer.effect(Choice.FLOAT) for layer, _ in found]
    faster = all(e is not None and e.level is Level.RUNS for e in plain) and found[0][1].level is Level.SLOW
    return ", where float has one" if faster else ""


def _why(found: Sequence[tuple[Layer, LayerEffect]]) -> str:
    """The rule's sentence for the first kind of operator, and the other kinds."""
    reasons = {layer.kind: effect.why for layer, effect in found}
    first, *others = reasons
    return reasons[first] + (f"; the same with {', '.join(others)}" if others else "")


def _shared(layers: Sequence[Layer]) -> Iterator[str]:
    for number, layer in enumerate(layers, 1):
        if len(layer.ops) > 1:
            yield f"The weights of layer {number} are read by {len(layer.ops)} operators, which change together."


def _scarce(layers: Sequence[Layer]) -> Iterator[str]:
    """What makes bits scarce."""
    sides = [(f"{s} of layer {n}", f) for n, y in enumerate(layers, 1)
             for s, f in (("input", y.input_facts), ("output", y.output_facts)) if f is not None]  # fmt: skip
    outliers = [f"{where} {f.peak_to_rms:.0f}" for where, f in sides if f.peak_to_rms > PEAK_TO_RMS]
    if outliers:
        yield f"Activations with outliers, the largest value in times of their RMS: {_listed(outliers)}."
    cut = [f"{where} {100 * f.saturated:.2g} %" for where, f in sides if f.saturated > SATURATED]
    if cut:
        yield f"Activations of which the int8 grid cuts values off: {_listed(cut)}."
    facts = [(n, layer.weight_facts) for n, layer in enumerate(layers, 1)]
    outliers = [f"layer {n} {f.peak_to_rms:.0f}" for n, f in facts if f.peak_to_rms > PEAK_TO_RMS]
    if outliers:
        yield f"Weights with outliers, the largest in times of their RMS: {_listed(outliers)}."
    uneven = [f"layer {n} {f.channel_ratio:.0f}" for n, f in facts if f.channel_ratio > CHANNEL_RATIO]
    if uneven:
        yield f"Uneven channels, the widest one's weights in times of the median one's: {_listed(uneven)}."


def _left_out(count: int) -> Iterator[str]:
    if count:
        yield f"Left out, for they are inside loops or branches: {count} operator{_s(count)} with weights."


def _listed(parts: Sequence[str]) -> str:
    """The parts, so many that a sentence stays one."""
    more = len(parts) - LISTED
    return ", ".join(parts[:LISTED]) + (f", and {more} more" if more > 0 else "")


def _s(count: int) -> str:
    return "" if count == 1 else "s"
