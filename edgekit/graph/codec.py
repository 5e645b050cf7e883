"""Bytes of a .tflite file to objects and back. The only place that knows integer indices.

The schema's own object API (schema_py_generated of LiteRT) parses and packs the inner tables; the wrapper objects keep
its objects as `raw`, so that fields without a name here travel along.
"""

from __future__ import annotations

import copy
import struct
from collections.abc import Iterable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekit.core.errors import ModelError
from edgekit.graph.bounds import require_sane
from edgekit.graph.model import Buffer, Graph, Metadata, Model, Op, OpCode, Quantization, Signature, Tensor
from edgekit.graph.types import DType

IDENTIFIER = b"TFL3"
ALIGNMENT_BYTES = 16  # force_align of Buffer.data in schema.fbs, which Python's builder does not know
_SUBGRAPH_OPTIONS = (
    "subgraph",
    "thenSubgraphIndex",
    "elseSubgraphIndex",
    "condSubgraphIndex",
    "bodySubgraphIndex",
    "initSubgraphIndex",
    "comparatorSubgraphIndex",
    "updateComputationSubgraphIndex",
    "decompositionSubgraphIndex",
    "branchSubgraphIndices",
)
_KINDS: dict[int, str] = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
_CODES = {kind: code for code, kind in _KINDS.items()}
_LAST_DEPRECATED_CODE = 127  # BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES
_FOREIGN = (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError, OverflowError, MemoryError,
            AssertionError, RecursionError, UnicodeError)  # fmt: skip


def read(data: bytes) -> Model:
    """The model in the bytes of a .tflite file. Constants are views of `data`.

    Raises ModelError, and nothing else, for whatever is no such file or does not hang together.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise ModelError("it is not a .tflite file: the identifier TFL3 is missing" if data else "the file is empty")
    try:
        require_sane(data)
        raw = schema.ModelT.InitFromPackedBuf(data, 0)
        return _Reader(raw, np.frombuffer(data, np.uint8)).model()
    except ModelError:
        raise
    except _FOREIGN as error:  # the flatbuffers reader trusts its input
        raise ModelError(f"the .tflite file is damaged: {error}") from error


def write(model: Model) -> bytes:
    """The bytes of a .tflite file: the same for the same graph, with constants aligned to 16 bytes.

    `model` is not touched. Raises ModelError where objects refer to tensors or graphs that are not in it.
    """
    packed = _Writer(model)
    data = packed.bytes()
    if not packed.externals:
        return data
    return packed.with_externals(len(data))


class _Reader:
    """One pass over the schema's objects."""

    def __init__(self, raw: Any, file: np.ndarray) -> None:
        self._raw = raw
        self._file = file
        self._graphs = [Graph() for _ in raw.subgraphs or ()]
        self._buffers = [self._buffer(b) for b in raw.buffers or ()]
        self._codes = [_code(c) for c in raw.operatorCodes or ()]

    def model(self) -> Model:
        raw = self._raw
        if not self._graphs:
            raise ModelError("the .tflite file has no graph")
        for graph, sub in zip(self._graphs, raw.subgraphs, strict=True):
            self._fill(graph, sub)
        model = Model(
            graphs=self._graphs,
            signatures=[self._signature(s) for s in raw.signatureDefs or ()],
            buffers=self._buffers,
            metadata=[Metadata(_text(m.name), self._at(self._buffers, m.buffer, "buffer")) for m in raw.metadata or ()],
            metadata_buffers=[self._at(self._buffers, int(i), "buffer") for i in _list(raw.metadataBuffer)],
            description=_text(raw.description),
            version=raw.version,
        )
        model.raw = _without(
            raw, "subgraphs", "buffers", "operatorCodes", "signatureDefs", "metadata", "metadataBuffer", "description"
        )
        return model

    def _buffer(self, raw: Any) -> Buffer:
        if raw.offset > 1:  # 0 and 1 mean that the data is in the flatbuffer
            if raw.offset + raw.size > self._file.size:
                raise ModelError("the .tflite file is cut off: a constant lies behind its end")
            return Buffer(self._file[raw.offset : raw.offset + raw.size], external=True)
        return Buffer(np.zeros(0, np.uint8) if raw.data is None else np.asarray(raw.data, np.uint8))

    def _fill(self, graph: Graph, raw: Any) -> None:
        graph.name = _text(raw.name)
        graph.tensors = [self._tensor(t) for t in raw.tensors or ()]
        graph.inputs = [self._at(graph.tensors, i, "tensor") for i in _list(raw.inputs)]
        graph.outputs = [self._at(graph.tensors, i, "tensor") for i in _list(raw.outputs)]
        graph.ops = [self._op(op, graph) for op in raw.operators or ()]
        graph.raw = _without(raw, "name", "tensors", "inputs", "outputs", "operators")

    def _tensor(self, raw: Any) -> Tensor:
        try:
            dtype = DType(raw.type)
        except ValueError:
            raise ModelError(f"the tensor {_text(raw.name)!r} has the unknown type {raw.type}") from None
        return Tensor(
            name=_text(raw.name),
            shape=tuple(_list(raw.shape)),
            dtype=dtype,
            buffer=self._at(self._buffers, raw.buffer, "buffer"),
            quantization=None if raw.quantization is None else _quantization(raw.quantization),
            shape_signature=None if raw.shapeSignature is None else tuple(_list(raw.shapeSignature)),
            is_variable=bool(raw.isVariable),
            raw=_without(raw, "name", "shape", "buffer", "quantization", "shapeSignature"),
        )

    def _op(self, raw: Any, graph: Graph) -> Op:
        def tensors(indices: Any) -> list[Tensor]:
            return [self._at(graph.tensors, i, "tensor") for i in _list(indices)]

        options = raw.builtinOptions if raw.builtinOptions is not None else raw.builtinOptions2
        return Op(
            code=self._at(self._codes, raw.opcodeIndex, "operator code"),
            inputs=[None if i == -1 else self._at(graph.tensors, i, "tensor") for i in _list(raw.inputs)],
            outputs=tensors(raw.outputs),
            options=options,
            custom_options=self._custom_options(raw),
            intermediates=tensors(raw.intermediates),
            subgraphs=self._subgraphs(options),
            raw=_without(raw, "inputs", "outputs", "intermediates", "customOptions", "builtinOptions", "builtinOptions2"),
        )

    def _custom_options(self, raw: Any) -> bytes:
        if raw.largeCustomOptionsOffset > 1:
            end = raw.largeCustomOptionsOffset + raw.largeCustomOptionsSize
            if end > self._file.size:
                raise ModelError("the .tflite file is cut off: custom options lie behind its end")
            return self._file[raw.largeCustomOptionsOffset : end].tobytes()
        return b"" if raw.customOptions is None else bytes(bytearray(raw.customOptions))

    def _subgraphs(self, options: Any) -> dict[str, list[Graph]]:
        found = {}
        for name in _SUBGRAPH_OPTIONS:
            if (value := getattr(options, name, None)) is not None:
                indices = _list(value) if isinstance(value, list | np.ndarray) else [value]
                found[name] = [self._at(self._graphs, i, "graph") for i in indices if i >= 0]
        return {name: graphs for name, graphs in found.items() if graphs}

    def _signature(self, raw: Any) -> Signature:
        graph = self._at(self._graphs, raw.subgraphIndex, "graph")
        ports = [
            {_text(m.name): self._at(graph.tensors, m.tensorIndex, "tensor") for m in side or ()}
            for side in (raw.inputs, raw.outputs)
        ]
        return Signature(_text(raw.signatureKey), graph, *ports)

    def _at(self, things: list[Any], index: int, what: str) -> Any:
        if not 0 <= index < len(things):
            raise ModelError(f"the .tflite file is damaged: there is no {what} {index}")
        return things[index]


class _PackedBuffer:
    """Stands in for the schema's BufferT, and writes its data aligned."""

    def __init__(self, buffer: Buffer, offset: int) -> None:
        self._data = buffer.data
        self._external = buffer.external
        self._offset = offset

    def Pack(self, builder: Any) -> Any:  # noqa: N802 - called by the generated code
        """Append the buffer's table."""
        vector = None if self._external or not self._data.size else _aligned_vector(builder, self._data)
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        if self._external:
            schema.BufferAddOffset(builder, self._offset)
            schema.BufferAddSize(builder, self._data.size)
        return schema.BufferEnd(builder)


class _Writer:
    """Indices for objects, and the schema's objects that hold them."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._buffers = model.every_buffer()
        if not self._buffers or self._buffers[0].data.size:
            self._buffers.insert(0, Buffer())  # buffer 0 means: no data
        self._codes = list(dict.fromkeys(op.code for op in model.ops()))
        self._graph_index = _indices(model.graphs)
        self._buffer_index = _indices(self._buffers)
        self.externals = [b for b in self._buffers if b.external]

    def bytes(self, offsets: dict[int, int] | None = None) -> bytes:
        """The flatbuffer; `offsets` says where each external buffer's data will lie in the file."""
        builder = flatbuffers.Builder(1024 + sum(b.data.size + 64 for b in self._buffers if not b.external))
        builder.Finish(self._packed(offsets or {}).Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    def with_externals(self, flatbuffer_bytes: int) -> bytes:
        """The flatbuffer with the external data behind it."""
        offsets: dict[int, int] = {}
        end = flatbuffer_bytes
        for buffer in self.externals:
            end += -end % ALIGNMENT_BYTES
            offsets[id(buffer)] = end
            end += buffer.data.size
        out = bytearray(self.bytes(offsets)).ljust(end, b"\0")
        for buffer in self.externals:
            begin = offsets[id(buffer)]
            out[begin : begin + buffer.data.size] = buffer.data.tobytes()
        return bytes(out)

    def _packed(self, offsets: dict[int, int]) -> Any:
        model = self._model
        raw = copy.copy(model.raw) if model.raw is not None else schema.ModelT()
        raw.version = model.version
        raw.description = _bytes(model.description) if model.description else None
        raw.operatorCodes = [_packed_code(code) for code in self._codes]
        raw.subgraphs = [self._graph(graph) for graph in model.graphs]
        raw.buffers = [_PackedBuffer(b, offsets.get(id(b), 2)) for b in self._buffers]
        raw.signatureDefs = [self._signature(s) for s in model.signatures] or None
        raw.metadata = [self._metadata(m) for m in model.metadata] or None
        raw.metadataBuffer = [self._buffer_index[id(b)] for b in model.metadata_buffers] or None
        return raw

    def _metadata(self, metadata: Metadata) -> Any:
        raw = schema.MetadataT()
        raw.name, raw.buffer = _bytes(metadata.name), self._buffer_index[id(metadata.buffer)]
        return raw

    def _graph(self, graph: Graph) -> Any:
        raw = copy.copy(graph.raw) if graph.raw is not None else schema.SubGraphT()
        index = _indices(graph.tensors)
        raw.name = _bytes(graph.name)
        raw.tensors = [self._tensor(t) for t in graph.tensors]
        raw.inputs = _array(index, graph.inputs, graph)
        raw.outputs = _array(index, graph.outputs, graph)
        raw.operators = [self._op(op, index, graph) for op in graph.ops]
        return raw

    def _tensor(self, tensor: Tensor) -> Any:
        raw = copy.copy(tensor.raw) if tensor.raw is not None else schema.TensorT()
        if tensor.raw is None:
            raw.hasRank = True
        raw.name = _bytes(tensor.name)
        raw.type = tensor.dtype.value
        raw.shape = np.array(tensor.shape, np.int32)
        raw.shapeSignature = None if tensor.shape_signature is None else np.array(tensor.shape_signature, np.int32)
        raw.buffer = self._buffer_index.get(id(tensor.buffer), 0)
        raw.isVariable = tensor.is_variable
        raw.quantization = None if tensor.quantization is None else _packed_quantization(tensor.quantization)
        return raw

    def _op(self, op: Op, index: dict[int, int], graph: Graph) -> Any:
        raw = copy.copy(op.raw) if op.raw is not None else schema.OperatorT()
        raw.opcodeIndex = self._codes.index(op.code)
        raw.inputs = _array(index, op.inputs, graph)
        raw.outputs = _array(index, op.outputs, graph)
        raw.intermediates = _array(index, op.intermediates, graph) if op.intermediates else None
        raw.customOptions = np.frombuffer(op.custom_options, np.uint8) if op.custom_options else None
        raw.largeCustomOptionsOffset = raw.largeCustomOptionsSize = 0
        self._set_options(raw, op)
        return raw

    def _set_options(self, raw: Any, op: Op) -> None:
        options = copy.copy(op.options)
        for name, graphs in op.subgraphs.items():
            indices = [self._graph_index[id(g)] for g in graphs]
            setattr(options, name, indices if name == "branchSubgraphIndices" else indices[0])
        name = type(options).__name__.removesuffix("T")
        first, second = vars(schema.BuiltinOptions).get(name, 0), vars(schema.BuiltinOptions2).get(name, 0)
        if op.options is None:
            first = second = 0
        raw.builtinOptionsType, raw.builtinOptions = first, options if first else None
        raw.builtinOptions2Type, raw.builtinOptions2 = (0, None) if first else (second, options if second else None)

    def _signature(self, signature: Signature) -> Any:
        index = _indices(signature.graph.tensors)
        raw = schema.SignatureDefT()
        raw.signatureKey = _bytes(signature.key)
        raw.subgraphIndex = self._graph_index[id(signature.graph)]
        raw.inputs = [_tensor_map(name, index, t) for name, t in signature.inputs.items()]
        raw.outputs = [_tensor_map(name, index, t) for name, t in signature.outputs.items()]
        return raw


def _tensor_map(name: str, index: dict[int, int], tensor: Tensor) -> Any:
    raw = schema.TensorMapT()
    raw.name = _bytes(name)
    raw.tensorIndex = _index(index, tensor, "a signature")
    return raw


def _code(raw: Any) -> OpCode:
    number = max(raw.builtinCode, raw.deprecatedBuiltinCode)
    if number not in _KINDS:
        raise ModelError(f"the .tflite file has an operator that this version does not know: number {number}")
    return OpCode(_KINDS[number], raw.version, _text(raw.customCode), raw.builtinCode, raw.deprecatedBuiltinCode)


def _packed_code(code: OpCode) -> Any:
    raw = schema.OperatorCodeT()
    number = _CODES[code.kind]
    raw.builtinCode = number if code.builtin_code is None else code.builtin_code
    raw.deprecatedBuiltinCode = (
        min(number, _LAST_DEPRECATED_CODE) if code.deprecated_code is None else code.deprecated_code
    )
    raw.version = code.version
    raw.customCode = _bytes(code.custom_name) if code.custom_name else None
    return raw


def _quantization(raw: Any) -> Quantization:
    return Quantization(
        scale=np.asarray(_list(raw.scale), np.float32),
        zero_point=np.asarray(_list(raw.zeroPoint), np.int64),
        axis=raw.quantizedDimension,
        min=None if raw.min is None else np.asarray(raw.min, np.float32),
        max=None if raw.max is None else np.asarray(raw.max, np.float32),
        raw=_without(raw, "scale", "zeroPoint", "min", "max"),
    )


def _packed_quantization(quantization: Quantization) -> Any:
    raw = copy.copy(quantization.raw) if quantization.raw is not None else schema.QuantizationParametersT()
    raw.scale = np.asarray(quantization.scale, np.float32) if quantization.scale.size else None
    raw.zeroPoint = np.asarray(quantization.zero_point, np.int64) if quantization.zero_point.size else None
    raw.min = None if quantization.min is None else np.asarray(quantization.min, np.float32)
    raw.max = None if quantization.max is None else np.asarray(quantization.max, np.float32)
    raw.quantizedDimension = quantization.axis
    return raw


def _aligned_vector(builder: Any, data: np.ndarray) -> Any:
    builder.StartVector(1, data.size, ALIGNMENT_BYTES)
    builder.head -= data.size
    builder.Bytes[builder.head : builder.head + data.size] = data.data
    builder.vectorNumElems = data.size
    return builder.EndVector()


def _without(raw: Any, *names: str) -> Any:
    """A shallow copy of a schema object without the fields that the wrapper holds."""
    rest = copy.copy(raw)
    for name in names:
        setattr(rest, name, None)
    return rest


def _indices(things: Iterable[object]) -> dict[int, int]:
    return {id(thing): index for index, thing in enumerate(things)}


def _index(index: dict[int, int], tensor: Tensor, where: str) -> int:
    try:
        return index[id(tensor)]
    except KeyError:
        raise ModelError(f"{where} uses the tensor {tensor.name!r}, which is not in its graph") from None


def _array(index: dict[int, int], tensors: Iterable[Tensor | None], graph: Graph) -> np.ndarray:
    where = f"the graph {graph.name!r}"
    return np.array([-1 if t is None else _index(index, t, where) for t in tensors], np.int32)


def _list(values: Any) -> list[Any]:
    if values is None or isinstance(values, int):  # the generated code gives 0 for an empty vector
        return []
    return np.asarray(values).tolist() if isinstance(values, np.ndarray) else list(values)


def _text(value: Any) -> str:
    return "" if value is None else value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
