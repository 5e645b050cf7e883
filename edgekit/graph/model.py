"""The objects that a model consists of. They compare by identity and reference each other, never by index."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.types import DType, pack_bits, unpack_bits


@dataclass(eq=False, slots=True)
class Buffer:
    """Raw bytes of a constant, as uint8. Several tensors may share one; `external` data lies behind the flatbuffer."""

    data: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    external: bool = False


@dataclass(eq=False, slots=True)
class Quantization:
    """`real = scale * (stored - zero_point)`, for the whole tensor or for each slice along `axis`.

    `scale` is float32 (n,), `zero_point` int64 (n,); n is 1 or the size of `axis`. Both are empty where only `min` and
    `max` or custom `details` are given. `raw` keeps the schema's object with all that is not named here.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int = 0
    min: np.ndarray | None = None
    max: np.ndarray | None = None
    raw: Any = None

    @property
    def is_per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return self.scale.size > 1

    @property
    def details(self) -> Any:
        """Custom, blockwise or multi-axis quantization as the schema's object, or None."""
        return getattr(self.raw, "details", None)


@dataclass(eq=False, slots=True)
class Tensor:
    """A value of the graph: what an operator makes, an input, or a constant with a non-empty buffer.

    `shape_signature` has -1 where a dimension is dynamic, or is None. `raw` keeps fields that are not named here
    (sparsity, variant types, has_rank, the id of an external buffer).
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    buffer: Buffer = field(default_factory=Buffer)
    quantization: Quantization | None = None
    shape_signature: tuple[int, ...] | None = None
    is_variable: bool = False
    raw: Any = None

    @property
    def is_constant(self) -> bool:
        """Whether the model file holds its value."""
        return self.buffer.data.size > 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes that its value takes in memory; 0 for types without a fixed size."""
        return (self.size * self.dtype.bits + 7) // 8

    @property
    def sparsity(self) -> Any:
        """The schema's sparsity parameters, or None."""
        return getattr(self.raw, "sparsity", None)

    @property
    def is_quantized(self) -> bool:
        """Whether a scale gives its integers a meaning."""
        return self.quantization is not None and self.quantization.scale.size > 0 and self.dtype.is_integer

    @property
    def data(self) -> np.ndarray | None:
        """The constant's value in its shape (int4 as int8), read-only; None where there is none.

        Raises ModelError where the buffer does not fit the shape, or the value is sparse or has no array type.
        """
        if not self.is_constant:
            return None
        dtype = self.dtype.numpy
        if self.sparsity is not None or self.buffer.data.size != self.nbytes:
            raise ModelError(f"the constant {self.name!r} has {self.buffer.data.size} bytes, not {self.nbytes}")
        if self.dtype.bits < 8:
            flat = unpack_bits(self.buffer.data, self.size, self.dtype)
        else:
            flat = np.frombuffer(self.buffer.data.tobytes(), dtype)
        flat.flags.writeable = False
        return flat.reshape(self.shape)

    def set_data(self, array: np.ndarray) -> None:
        """Make it a constant with this value, in a buffer of its own; shape follows the array, dtype stays.

        Raises ModelError where the array is of another type.
        """
        if np.asarray(array).dtype != self.dtype.numpy:
            raise ModelError(f"{self.name!r} holds {self.dtype.label}, not {np.asarray(array).dtype.name}")
        self.shape = tuple(array.shape)
        packed = pack_bits(array, self.dtype) if self.dtype.bits < 8 else np.frombuffer(array.tobytes(), np.uint8)
        self.buffer = Buffer(packed)


@dataclass(frozen=True, slots=True)
class OpCode:
    """Which operator, in which version. The two codes are as the file has them (files from before 2020 lack one)."""

    kind: str
    version: int = 1
    custom_name: str = ""
    builtin_code: int | None = None
    deprecated_code: int | None = None


@dataclass(eq=False, slots=True)
class Op:
    """One operator of a graph. `options` is the schema's options object, or None; None in `inputs` is an absent one.

    `subgraphs` are the graphs that control flow runs, by the name of the option that holds them. `raw` keeps fields
    that are not named here.
    """

    code: OpCode
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    custom_options: bytes = b""
    intermediates: list[Tensor] = field(default_factory=list)
    subgraphs: dict[str, list[Graph]] = field(default_factory=dict)
    raw: Any = None

    @property
    def kind(self) -> str:
        """The operator's name in the schema, such as `"CONV_2D"`; `"CUSTOM"` for others."""
        return self.code.kind

    @property
    def version(self) -> int:
        """The version of the operator that a runtime must have."""
        return self.code.version

    @property
    def custom_name(self) -> str:
        """The name of a custom operator, else empty."""
        return self.code.custom_name

    @property
    def name(self) -> str:
        """Its label in reports, messages and exclusion lists: the name of its first output."""
        return self.outputs[0].name if self.outputs else f"({self.kind} without outputs)"


@dataclass(eq=False, slots=True)
class Graph:
    """Operators in the order in which they run."""

    name: str = "main"
    tensors: list[Tensor] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    raw: Any = None

    def producer(self, tensor: Tensor) -> Op | None:
        """The operator that makes `tensor`, or None."""
        return next((op for op in self.ops if any(t is tensor for t in op.outputs)), None)

    def consumers(self, tensor: Tensor) -> list[Op]:
        """The operators that read `tensor`, in order."""
        return [op for op in self.ops if any(t is tensor for t in op.inputs)]

    def add_tensor(self, tensor: Tensor) -> Tensor:
        """Make `tensor` one of this graph's. Raises ModelError where its name is taken."""
        if any(t.name == tensor.name for t in self.tensors):
            raise ModelError(f"the graph has a tensor {tensor.name!r} already")
        self.tensors.append(tensor)
        return tensor

    def insert(self, op: Op, *, after: Op | None) -> None:
        """Put `op` behind `after`, or first. Raises ModelError unless its tensors are known and made before it."""
        place = 0 if after is None else self.ops.index(after) + 1
        for tensor in (*(t for t in op.inputs if t is not None), *op.outputs):
            if not _contains(self.tensors, tensor):
                raise ModelError(f"{op.kind} {op.name!r} uses {tensor.name!r}, which is not in the graph")
        if made := [t.name for t in op.outputs if self.producer(t) or _contains(self.inputs, t) or t.is_constant]:
            raise ModelError(f"{op.kind} cannot make {made[0]!r}, which has a value already")
        if late := [t.name for later in self.ops[place:] for t in later.outputs if _contains(op.inputs, t)]:
            raise ModelError(f"{op.kind} {op.name!r} would run before {late[0]!r} is made")
        self.ops.insert(place, op)

    def replace_uses(self, old: Tensor, new: Tensor) -> None:
        """Let every operator and graph output that reads `old` read `new`. Raises ModelError if `new` comes too late."""
        first = next((i for i, op in enumerate(self.ops) if _contains(op.inputs, old)), len(self.ops))
        maker = self.producer(new)
        if maker is not None and self.ops.index(maker) >= first:
            raise ModelError(f"{new.name!r} is made after the first use of {old.name!r}")
        if not _contains(self.tensors, new):
            raise ModelError(f"{new.name!r} is not in the graph")
        for op in self.ops:
            op.inputs = [new if t is old else t for t in op.inputs]
        self.outputs = [new if t is old else t for t in self.outputs]

    def remove(self, op: Op) -> None:
        """Take `op` out, with tensors that nothing uses any more. Raises ModelError while an output of it is read."""
        for tensor in op.outputs:
            if _contains(self.outputs, tensor) or self.consumers(tensor):
                raise ModelError(f"{op.kind} {op.name!r} cannot go: {tensor.name!r} is still used")
        self.ops.remove(op)
        for tensor in (*op.inputs, *op.outputs, *op.intermediates):
            if tensor is not None and not self._is_used(tensor):
                self.tensors = [t for t in self.tensors if t is not tensor]

    def _is_used(self, tensor: Tensor) -> bool:
        ends = _contains(self.inputs, tensor) or _contains(self.outputs, tensor)
        return ends or any(_contains([*o.inputs, *o.outputs, *o.intermediates], tensor) for o in self.ops)


@dataclass(eq=False, slots=True)
class Signature:
    """A named way to call a graph; inputs and outputs by name, in the file's order."""

    key: str
    graph: Graph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(eq=False, slots=True)
class Metadata:
    """A named buffer that belongs to no tensor."""

    name: str
    buffer: Buffer


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the model: the signature's name for it where there is one, else the tensor's."""

    name: str
    tensor: Tensor


@dataclass(eq=False, slots=True)
class Model:
    """A whole .tflite file. `raw` keeps the top-level fields that are not named here."""

    graphs: list[Graph] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    metadata: list[Metadata] = field(default_factory=list)
    metadata_buffers: list[Buffer] = field(default_factory=list)
    description: str = ""
    version: int = 3
    raw: Any = None

    @property
    def main(self) -> Graph:
        """The graph that runs when nothing is said."""
        return self.graphs[0]

    def ops(self) -> Iterator[Op]:
        """The operators of all graphs."""
        return (op for graph in self.graphs for op in graph.ops)

    def inputs(self) -> list[Port]:
        """The main graph's inputs, in its order, by the names of its first signature."""
        return self._ports(self.main.inputs, "inputs")

    def outputs(self) -> list[Port]:
        """The main graph's outputs, in its order, by the names of its first signature."""
        return self._ports(self.main.outputs, "outputs")

    def clone(self) -> Model:
        """A copy that can be edited on its own; the bytes of constants are shared, since edits replace buffers."""
        shared = {id(b.data): b.data for b in self.every_buffer()}
        return copy.deepcopy(self, shared)

    def every_buffer(self) -> list[Buffer]:
        """Each buffer once: those of the file in their order, then those that edits brought."""
        found = {id(b): b for b in self.buffers}
        found |= {id(t.buffer): t.buffer for g in self.graphs for t in g.tensors if t.buffer.data.size}
        found |= {id(b): b for b in (*(m.buffer for m in self.metadata), *self.metadata_buffers)}
        return list(found.values())

    def _ports(self, tensors: list[Tensor], side: str) -> list[Port]:
        names: dict[int, str] = {}
        for signature in self.signatures:
            if signature.graph is self.main:
                names = {id(t): name for name, t in getattr(signature, side).items()}
                break
        return [Port(names.get(id(t), t.name), t) for t in tensors]


def _contains(tensors: list[Tensor | None] | list[Tensor], tensor: Tensor) -> bool:
    return any(t is tensor for t in tensors)
