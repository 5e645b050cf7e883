"""Which tensors calibration has to look at, and which ranges follow from others."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.types import DType
from edgekit.runtime.affine import dequantize

# The same values in another order or shape: the range is that of the input.
SAME_VALUES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "REVERSE_V2", "SPACE_TO_DEPTH",
                         "DEPTH_TO_SPACE", "TILE", "BROADCAST_TO"})  # fmt: skip
# Some of the input's values or averages of them, and a kernel that demands the input's scale.
INPUT_SCALE = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK",
                         "GATHER", "GATHER_ND", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "PAD", "MIRROR_PAD",
                         "REDUCE_MIN", "REDUCE_MAX", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND"})  # fmt: skip
# Kernels that write on a fixed grid: https://ai.google.dev/edge/litert/models/quantization_spec
FIXED = {"SOFTMAX": (0.0, 1.0), "LOGISTIC": (0.0, 1.0), "TANH": (-1.0, 1.0), "LOG_SOFTMAX": (-16.0, 0.0),
         "L2_NORMALIZATION": (-1.0, 1.0)}  # fmt: skip
_RELU, _RELU6 = 1, 3  # ActivationFunctionType of the schema
_DATA_INPUT = {"SPLIT": 1}  # elsewhere the data come first


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Tensors to observe, and what follows for the others.

    Attributes:
        tensors: the ones to observe; their places number them.
        nonnegative: those among them whose minimum cannot be below zero, by place.
        follows: a tensor and the earlier one whose range it takes.
        fixed: a tensor and the range that its kernel prescribes, or that its constant has.
    """

    tensors: tuple[Tensor, ...]
    nonnegative: frozenset[int]
    follows: tuple[tuple[Tensor, Tensor], ...]
    fixed: tuple[tuple[Tensor, tuple[float, float]], ...]


def watched(graph: Graph) -> Watched:
    """What calibration of `graph` must observe: each float activation once, and none that follows from another."""
    order: list[Tensor] = []
    nonnegative: set[int] = set()
    follows: list[tuple[Tensor, Tensor]] = []
    fixed: list[tuple[Tensor, tuple[float, float]]] = []
    seen: set[int] = set()

    def observe(tensor: Tensor, at_least_zero: bool) -> None:
        if at_least_zero:
            nonnegative.add(len(order))
        order.append(tensor)

    for tensor in graph.inputs:
        if is_activation(tensor) and id(tensor) not in seen:
            seen.add(id(tensor))
            observe(tensor, at_least_zero=False)
    used = {t for op in graph.ops for t in op.inputs} | set(graph.outputs)
    for op in graph.ops:
        source = _source(op)
        for tensor in op.outputs:
            if not is_activation(tensor) or (op.subgraphs and tensor not in used):
                continue  # a loop leaves what nothing reads without memory
            if source is not None and id(source) in seen:
                follows.append((tensor, source))
            elif op.kind in FIXED:
                fixed.append((tensor, FIXED[op.kind]))
            elif (known := _of_constant(op)) is not None:
                fixed.append((tensor, known))
            else:
                observe(tensor, _never_negative(op))
            seen.add(id(tensor))
    return Watched(tuple(order), frozenset(nonnegative), tuple(follows), tuple(fixed))


def is_activation(tensor: Tensor) -> bool:
    """Whether a tensor holds float values that depend on the input."""
    return tensor.dtype is DType.FLOAT32 and not tensor.is_constant


def data_input(op: Op) -> Tensor | None:
    """The input whose values an operator passes on."""
    place = _DATA_INPUT.get(op.kind, 0)
    return op.inputs[place] if len(op.inputs) > place else None


def _source(op: Op) -> Tensor | None:
    """The tensor whose range the outputs of `op` take, if they take one."""
    if op.kind not in SAME_VALUES and op.kind not in INPUT_SCALE:
        return None
    source = data_input(op)
    return source if source is not None and is_activation(source) else None


def _of_constant(op: Op) -> tuple[float, float] | None:
    """The range of a constant that is stored in fewer bits, zero included.

    It is taken from the file: a runtime may unpack such weights by itself and leave the tensor's memory as it was.
    """
    held = op.inputs[0] if op.kind == "DEQUANTIZE" else None
    values = held.data if held is not None and held.is_constant else None
    if held is None or values is None or not values.size:
        return None
    grid = held.quantization
    real = dequantize(values, grid.scale, grid.zero_point, axis=grid.axis) if grid and held.is_quantized else values
    return min(float(real.min()), 0.0), max(float(real.max()), 0.0)


def _never_negative(op: Op) -> bool:
    if op.kind in ("RELU", "RELU6", "RELU_0_TO_1", "ABS", "SQRT", "RSQRT", "EXP", "SQUARE", "SQUARED_DIFFERENCE"):
        return True
    return getattr(op.options, "fusedActivationFunction", None) in (_RELU, _RELU6)
