"""What a graph costs, without running it: multiply-accumulates, parameters, bytes, peak of live activations."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from edgekit.graph.edit import scale_tensors
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.ops import Compute, spec_of, weights_of


@dataclass(frozen=True, slots=True)
class Peak:
    """The most bytes of activations that live at one time, and the operator during which they do ("" in a graph
    without any)."""

    bytes: int
    op_name: str


def op_macs(op: Op) -> int:
    """Multiply-accumulates of one run of an operator at its tensors' shapes; 0 for those that do not multiply and
    add up."""
    spec = spec_of(op)
    if not spec.is_compute or not op.outputs:
        return 0
    if spec.compute in (Compute.LSTM, Compute.RNN, Compute.SVDF):
        return _recurrent_macs(op, spec.compute)
    weights = weights_of(op)
    return 0 if weights is None else _dense_macs(op, spec.compute, weights, op.outputs[0])


def _dense_macs(op: Op, compute: Compute, weights: Tensor, result: Tensor) -> int:
    """Source of the layouts: TFLite kernels conv.cc (OHWI), depthwise_conv.cc (1HWO), transpose_conv.cc (OHWI),
    batch_matmul.cc."""
    if compute is Compute.CONV:
        channels = result.shape[-1] or 1
        return result.size * (weights.size // channels)
    if compute is Compute.DEPTHWISE:
        return result.size * math.prod(weights.shape[1:-1])
    if compute is Compute.TRANSPOSE_CONV:
        source = op.inputs[2] if len(op.inputs) > 2 else None
        channels = source.shape[-1] if source is not None and source.shape else 1
        return 0 if source is None else source.size // (channels or 1) * weights.size
    if compute is Compute.FULLY_CONNECTED:
        return result.size * (weights.shape[-1] if weights.shape else 1)
    left = op.inputs[0]
    adjoint = bool(getattr(op.options, "adjX", False))
    if left is None or len(left.shape) < 2:
        return 0
    return result.size * left.shape[-2 if adjoint else -1]


def _recurrent_macs(op: Op, compute: Compute) -> int:
    """Each matrix is applied once a step: the sum of the 2-D constants' sizes, times steps and batch of the input.

    An embedding's or a state's tensor is no constant. SVDF applies its time weights (input 2) once for each memory too.
    """
    source = op.inputs[0]
    if source is None or not source.shape:
        return 0
    matrices = {t for t in op.inputs[1:] if t is not None and t.is_constant and len(t.shape) == 2}
    sequence = compute is not Compute.SVDF and len(source.shape) == 3
    runs = source.shape[0] * source.shape[1] if sequence else source.shape[0]
    return runs * sum(t.size for t in matrices)


def model_macs(model: Model) -> int:
    """Multiply-accumulates of one run of the main graph; the graphs that control flow runs are counted once for
    each call of them."""
    return _graph_macs(model.main, frozenset())


def _graph_macs(graph: Graph, above: frozenset[Graph]) -> int:
    """A graph that runs itself (which no runtime takes) ends the count."""
    if graph in above:
        return 0
    inner = above | {graph}
    return sum(op_macs(op) + sum(_graph_macs(g, inner) for g in op.subgraphs) for op in graph.ops)


def parameter_count(model: Model) -> int:
    """Elements of all floating point and integer constants that are weights, tables or biases: those of two
    elements and more that an
    operator reads, each shared one once. Shapes, axes and paddings count as well: they are few."""
    return sum(t.size for t in _constants(model))


def weight_bytes(model: Model) -> int:
    """Bytes of all constants in the file, each shared buffer once; scales of blockwise quantized tensors among them."""
    return sum(b.nbytes for b in {t.buffer for g in model.graphs for t in g.tensors if t.is_constant})


def _constants(model: Model) -> list[Tensor]:
    """Constants that operators read, one for each buffer; not those that only hold scales."""
    scales = {s for g in model.graphs for t in g.tensors for s in scale_tensors(t)}
    read = {t for op in model.ops() for t in op.inputs if t is not None and t.is_constant and t not in scales}
    return list({t.buffer: t for t in read}.values())


def activation_peak_bytes(graph: Graph) -> Peak:
    """The lower bound of an arena that computes nothing in place, in the graph's order.

    A tensor lives from the operator that computes it to the last that reads it; inputs from the start, outputs to
    the end;
    variables always. Inputs, outputs and intermediates of an operator live while it runs.
    """
    live = live_bytes(graph)
    best = max(live, default=0)
    return Peak(best, graph.ops[live.index(best)].name if best else "")


def live_bytes(graph: Graph) -> tuple[int, ...]:
    """Bytes of activations that live while each operator runs, as `activation_peak_bytes` counts them."""
    births, deaths = _lifetimes(graph)
    change = [0] * (len(graph.ops) + 2)
    for tensor, birth in births.items():
        change[birth] += tensor.nbytes
        change[deaths.get(tensor, birth) + 1] -= tensor.nbytes
    return tuple(itertools.accumulate(change[: len(graph.ops)]))


def _lifetimes(graph: Graph) -> tuple[dict[Tensor, int], dict[Tensor, int]]:
    """First and last operator position of every tensor that needs memory while the graph runs."""
    end = max(len(graph.ops) - 1, 0)
    births = dict.fromkeys(graph.inputs, 0)
    deaths = dict.fromkeys(graph.outputs, end)
    for position, op in enumerate(graph.ops):
        for tensor in (*op.outputs, *op.intermediates):
            births.setdefault(tensor, position)
            deaths[tensor] = max(deaths.get(tensor, 0), position)
        for used in op.inputs:
            if used is not None and used.is_variable:
                births[used], deaths[used] = 0, end
            elif used is not None:
                deaths[used] = max(deaths.get(used, 0), position)
    births = {t: p for t, p in births.items() if not t.is_constant}
    return births, deaths
