"""The part of a model that XNNPACK can run on sparse weights, or why there is none.

XNNPACK takes a whole subgraph, in the layout NCHW, or nothing: it starts with a 3x3 convolution of stride 2 and 3
channels, ends with a mean over rows and columns, and has 1x1 convolutions, depthwise ones (3x3 or 5x5), additions,
multiplications and unary operators between. Every padding is the same on both sides.

Source: XNNPACK src/subgraph.c (xnn_check_nchw_compatibility, xnn_subgraph_rewrite_for_nchw);
tensorflow/lite/delegates/xnnpack/README.md, "Sparse inference".
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.compress.linear import groups_of, is_linear
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import weights_of

LEAST_ZEROS = 2 / 3
"""Of all weights of the path's 1x1 convolutions; with fewer XNNPACK keeps to its dense kernels."""

_UNARY = ("ABS", "CEIL", "ELU", "FLOOR", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "NEG", "RELU", "RELU6",
          "RELU_N1_TO_1", "ROUND", "SQUARE")  # fmt: skip
_SAME = 0  # Padding.SAME of the schema


@dataclass(frozen=True, slots=True, eq=False)
class SparsePath:
    """Operators from the first convolution to the mean, in graph order; `why_not` where there is no such path."""

    ops: tuple[Op, ...]
    why_not: str = ""

    @property
    def pointwise(self) -> tuple[Op, ...]:
        """Its 1x1 convolutions."""
        return tuple(op for op in self.ops if is_pointwise(op))

    @property
    def strided(self) -> tuple[Op, ...]:
        """Those that skip rows and columns."""
        return tuple(op for op in self.ops if op.kind.endswith("CONV_2D") and op.options.strideH > 1)


def is_pointwise(op: Op) -> bool:
    """Whether it is a 1x1 convolution of stride 1."""
    weights = weights_of(op)
    return op.kind == "CONV_2D" and is_linear(op) and weights is not None and weights.shape[1:3] == (1, 1) \
        and _steps(op) == (1, 1) and groups_of(op) == 1  # fmt: skip


def sparse_path(graph: Graph) -> SparsePath:
    """The path of a graph."""
    first = next((op for op in graph.ops if _is_entry(op)), None)
    if first is None:
        return SparsePath((), "no 3x3 convolution of stride 2 over 3 channels begins it, as XNNPACK needs")
    inside, waiting = [first], [first.outputs[0]]
    while waiting:
        tensor = waiting.pop()
        if tensor in graph.outputs:
            return SparsePath((), f"it gives out '{tensor.name}', which the sparse path has in another layout")
        for op in graph.consumers(tensor):
            reason = _refusal(op)
            if reason:
                return SparsePath((), f"{op.kind} '{op.name}' {reason}")
            if op not in inside:
                inside.append(op)
                waiting += [] if _is_exit(op) else op.outputs
    found = tuple(op for op in graph.ops if op in inside)
    outside = _from_outside(graph, found)
    if outside is not None:
        return SparsePath((), f"'{outside.name}' comes into the sparse path from outside")
    kernels = {t for op in found for t in op.inputs[1:] if t is not None}
    if any(set(op.inputs) & kernels for op in graph.ops if op not in found and op.kind.endswith("CONV_2D")):
        return SparsePath((), "layers of the sparse path share weights with others")
    if not any(is_pointwise(op) for op in found) or not any(_is_exit(op) for op in found):
        return SparsePath((), "it has no 1x1 convolutions that end in a mean over rows and columns")
    return SparsePath(found)


def _from_outside(graph: Graph, found: tuple[Op, ...]) -> Tensor | None:
    makers = graph.producers()
    for op in found[1:]:
        for tensor in op.inputs:
            if tensor is not None and not tensor.is_constant and makers.get(tensor) not in found:
                return tensor
    return None


def _is_entry(op: Op) -> bool:
    weights = weights_of(op) if op.kind == "CONV_2D" and is_linear(op) else None
    return weights is not None and weights.shape[1:] == (3, 3, 3) and _steps(op) == (2, 2) and _is_padded(op)


def _is_exit(op: Op) -> bool:
    """A mean, or a pooling, over all rows and columns."""
    data = op.inputs[0]
    if op.kind == "AVERAGE_POOL_2D" and data is not None:
        return (
            op.outputs[0].shape[1:3] == (1, 1) and (op.options.filterHeight, op.options.filterWidth) == data.shape[1:3]
        )
    axes = op.inputs[1] if op.kind == "MEAN" else None
    if data is None or axes is None or axes.data is None or len(data.shape) != 4:
        return False
    return sorted(int(a) % 4 for a in axes.data.reshape(-1)) == [1, 2]


def _refusal(op: Op) -> str:
    """Why XNNPACK would not have the operator on the path, or ""."""
    if is_pointwise(op) or _is_exit(op) or op.kind in _UNARY:
        return ""
    if op.kind in ("ADD", "MUL"):
        flat = all(t is not None and (not t.is_constant or sum(n > 1 for n in t.shape) <= 1) for t in op.inputs)
        return "" if flat else "has a constant of more than one dimension"
    if op.kind != "DEPTHWISE_CONV_2D":
        return "has no kernel for sparse layers"
    weights = weights_of(op)
    if weights is None or weights.shape[1:3] not in ((3, 3), (5, 5)):
        return "is neither 3x3 nor 5x5"
    if weights.shape[-1] != op.outputs[0].shape[-1] or (op.options.depthMultiplier or 1) != 1:
        return "has a depth multiplier"
    return "" if _is_padded(op) and _steps(op) in ((1, 1), (2, 2)) else "has another padding, stride or dilation"


def _steps(op: Op) -> tuple[int, int]:
    return op.options.strideH, op.options.strideW


def _is_padded(op: Op) -> bool:
    o = op.options
    return o.padding == _SAME and (o.dilationHFactor or 1) == 1 and (o.dilationWFactor or 1) == 1
