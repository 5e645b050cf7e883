"""One pass in which every layer's input and output are looked at, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.compress.analysis.channels import Channels
from edgekit.compress.analysis.layers import Weighted, data_of
from edgekit.compress.probe import Feed, Probe
from edgekit.compress.watching import is_activation
from edgekit.core.errors import ModelError
from edgekit.core.progress import Progress, tracked
from edgekit.graph.model import Graph, Model, Tensor

_POINTWISE = frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "ELU", "GELU", "HARD_SWISH",
                        "TANH", "LOGISTIC"})  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a layer's tensors held: `input` is None for token ids, `name` is the output tensor's."""

    input: Channels | None
    output: Channels
    name: str


def watch(
    model: Model, layers: Sequence[Weighted], feeds: Iterable[Feed], total: int, progress: Progress
) -> dict[Weighted, Seen]:
    """Run the samples once. Raises ModelError where a layer's output is not a finite number."""
    outputs = {layer: [activated(model.main, op.outputs[0]) for op in layer.ops] for layer in layers}
    inputs = {layer: [t for op in layer.ops if (t := data_of(op)) and is_activation(t)] for layer in layers}
    watched = list(dict.fromkeys(t for groups in (inputs, outputs) for ts in groups.values() for t in ts))
    places = {tensor: place for place, tensor in enumerate(watched)}
    seen = {layer: Seen(_channels(inputs[layer]), Channels(layer.channels), outputs[layer][0].name) for layer in layers}
    probe = Probe(model, watched)
    for feed in tracked(feeds, "watching layers", total, progress):
        values = probe.see(feed)
        for layer, one in seen.items():
            for tensor in inputs[layer]:
                if one.input is not None:
                    one.input.add(values[places[tensor]])
            for tensor in outputs[layer]:
                one.output.add(values[places[tensor]])
    for one in seen.values():
        if not (np.isfinite(one.output.low).all() and np.isfinite(one.output.high).all()):
            raise ModelError(f"tensor {one.name} holds no finite number on the calibration samples",
                             "check the model's weights and the samples' preprocessing")  # fmt: skip
    return seen


def activated(graph: Graph, tensor: Tensor) -> Tensor:
    """What a layer's output is once its activation function, an operator of its own, has been applied."""
    readers = graph.consumers(tensor)
    alone = len(readers) == 1 and tensor not in graph.outputs and readers[0].kind in _POINTWISE
    return readers[0].outputs[0] if alone else tensor


def _channels(tensors: Sequence[Tensor]) -> Channels | None:
    sizes = {t.shape[-1] for t in tensors if t.shape}
    return Channels(sizes.pop()) if len(sizes) == 1 else None
