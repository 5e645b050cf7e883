"""Objects to a .tflite file: the same objects give the same bytes, and nothing of them changes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.model import (
    Buffer,
    Bytes,
    ExternalBuffer,
    Graph,
    Metadata,
    Model,
    Op,
    OperatorCode,
    Quantization,
    Signature,
    Tensor,
)  # fmt: skip
from edgekit.graph.ops import spec_of
from edgekit.graph.unions import member_number, options_types, set_graphs

IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # schema.fbs: Buffer.data (force_align: 16), which Python's flatbuffers builder ignores
_GREATER_CODES = 127  # schema.fbs: deprecated_builtin_code of every operator with a greater number
_PLACEHOLDER = 2  # an offset that is not "inline" (0 or 1), before the real one is known
_LARGEST_INLINE = (1 << 31) - (1 << 24)  # a flatbuffer ends at 2 GiB


@dataclass(slots=True)
class Writer:
    """One writing of one model; `run` is its only entry.

    Bytes behind the flatbuffer need offsets from the file's start, so a model that has any is written twice: once to
    learn the flatbuffer's size, which offsets do not change.
    """

    model: Model
    all_external: bool = False
    builder: Any = None
    schema: Any = None
    buffers: list[Buffer] = field(default_factory=list)
    buffer_at: dict[Buffer, int] = field(default_factory=dict)
    codes: dict[OperatorCode, int] = field(default_factory=dict)
    graph_at: dict[Graph, int] = field(default_factory=dict)
    behind: list[Bytes] = field(default_factory=list)
    rows: list[OperatorCode] = field(default_factory=list)
    vector_at: dict[tuple[str, bytes], int] = field(default_factory=dict)
    begin: int = 0

    def run(self) -> bytes:
        """The file's bytes."""
        from ai_edge_litert import schema_py_generated

        self.schema = schema_py_generated
        self.graph_at = {graph: i for i, graph in enumerate(self.model.graphs)}
        self._collect_buffers()
        self._collect_codes()
        inline = sum(b.nbytes for b in self.buffers if not b.external)
        self.all_external = inline > _LARGEST_INLINE
        flat = self._flatbuffer()
        if not self.behind:
            return bytes(flat)
        self.begin = _aligned(len(flat))
        flat = self._flatbuffer()
        return _joined(flat, self.begin, self.behind)

    def _flatbuffer(self) -> memoryview:
        import flatbuffers

        self.behind = []
        room = sum(b.nbytes + 64 for b in self.buffers if not self._is_external(b))
        self.vector_at = {}
        self.builder = flatbuffers.Builder(
            room + 4096 + 512 * sum(len(g.tensors) + len(g.ops) for g in self.model.graphs)
        )
        self.builder.Finish(self._model(), file_identifier=IDENTIFIER)
        return memoryview(self.builder.Bytes)[self.builder.Head() :]

    # What the file's tables hold

    def _collect_buffers(self) -> None:
        """Those of the file in their order, then new ones by first use; new ones without data are the sentinel."""
        tensors = [t for g in self.model.graphs for t in g.tensors]
        referenced = [t.buffer for t in tensors] + [m.buffer for m in self.model.metadata] + self.model.metadata_buffers
        wanted, known = set(referenced), set(self.model.buffers)
        self.buffers = [b for i, b in enumerate(self.model.buffers) if i == 0 or b.keep or b in wanted]
        if not self.buffers or self.buffers[0].data is not None:
            self.buffers.insert(0, Buffer())
        new = [b for b in dict.fromkeys(referenced) if b not in known]
        self.buffers += [b for b in new if b.data is not None]
        self.buffer_at = {b: i for i, b in enumerate(self.buffers)} | {b: 0 for b in new if b.data is None}

    def _collect_codes(self) -> None:
        """Rows of the file in their order, without those that fell out of use, then new ones by first use."""
        needed = dict.fromkeys(_code_of(op) for g in self.model.graphs for op in g.ops)
        rows = [
            OperatorCode(c.deprecated_code, c.builtin_code, c.custom_name, c.version)
            for c in self.model.operator_codes
            if c.unused or OperatorCode(c.deprecated_code, c.builtin_code, c.custom_name or None, c.version) in needed
        ]
        named = [OperatorCode(c.deprecated_code, c.builtin_code, c.custom_name or None, c.version) for c in rows]
        rows += [c for c in needed if c not in named]
        self.rows = rows
        for index, code in enumerate([*named, *rows[len(named) :]]):
            self.codes.setdefault(code, index)

    def _is_external(self, buffer: Buffer) -> bool:
        return (buffer.external or self.all_external) and buffer.nbytes > 0

    # Vectors

    def _vector(self, values: Sequence[int] | Any, dtype: str, wanted: bool = True) -> int | None:
        """A vector of numbers; None, which is not written, if it is empty and not wanted then.

        Equal vectors are written once: an int8 model repeats the same zero points for every channel of every layer.
        """
        array = np.ascontiguousarray(values, dtype)
        if not (array.size or wanted):
            return None
        key = (dtype, array.tobytes())
        if key not in self.vector_at:
            self.vector_at[key] = int(self.builder.CreateNumpyVector(array))
        return self.vector_at[key]

    def _bytes(self, data: Bytes, alignment: int) -> int:
        builder = self.builder
        builder.StartVector(1, len(data), alignment)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        return int(builder.EndVector())

    def _text(self, text: str | None, wanted: bool = True) -> int | None:
        if text is None or not (text or wanted):
            return None
        return int(self.builder.CreateString(text.encode("utf-8", "surrogateescape")))

    def _tables(self, offsets: list[int], wanted: bool = True) -> int | None:
        if not offsets and not wanted:
            return None
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def _table(self, table: str, *fields: _Field) -> int:
        """A table of fields in the given order; a value of None is left out."""
        getattr(self.schema, f"{table}Start")(self.builder)
        for entry in fields:
            if entry.value is not None:
                getattr(self.schema, f"{table}Add{entry.name}")(self.builder, entry.value)
        return int(getattr(self.schema, f"{table}End")(self.builder))

    def _behind(self, data: Bytes) -> int:
        """Puts bytes behind the flatbuffer and returns their offset from the file's start."""
        offset = self.begin + sum(_aligned(len(d)) for d in self.behind)
        self.behind.append(data)
        return max(offset, _PLACEHOLDER)

    # Tables

    def _model(self) -> int:
        model = self.model
        wanted = _Wanted(model.absent)
        buffers = self._tables([self._buffer(b) for b in self.buffers])
        metadata = self._tables([self._metadata(m) for m in model.metadata], wanted("metadata"))
        signatures = self._tables([self._signature(s) for s in model.signatures], wanted("signatures"))
        groups = [self._table("ExternalBufferGroup", _Field("Name", self._text(g))) for g in model.external_groups]
        group_list = self._tables(groups, wanted("external_groups"))
        external = self._tables([self._external(e) for e in model.external_buffers], wanted("external_buffers"))
        graphs = self._tables([self._graph(g) for g in model.graphs])
        description = self._text(model.description, wanted("description"))
        codes = self._tables([self._code(c) for c in self.rows])
        legacy = self._vector([self.buffer_at[b] for b in model.metadata_buffers], "<i4", wanted("metadata_buffers"))
        return self._table(
            "Model", _Field("Version", model.version), _Field("OperatorCodes", codes), _Field("Subgraphs", graphs),
            _Field("Description", description), _Field("Buffers", buffers), _Field("MetadataBuffer", legacy),
            _Field("Metadata", metadata), _Field("SignatureDefs", signatures),
            _Field("ExternalBufferGroups", group_list), _Field("ExternalBuffers", external),
        )  # fmt: skip

    def _buffer(self, buffer: Buffer) -> int:
        if self._is_external(buffer):
            assert buffer.data is not None
            offset = self._behind(buffer.data)
            return self._table("Buffer", _Field("Offset", offset), _Field("Size", buffer.nbytes))
        data = None if buffer.data is None else self._bytes(buffer.data, ALIGNMENT)
        return self._table("Buffer", _Field("Data", data))

    def _metadata(self, metadata: Metadata) -> int:
        name = self._text(metadata.name)
        return self._table("Metadata", _Field("Name", name), _Field("Buffer", self.buffer_at[metadata.buffer]))

    def _external(self, buffer: ExternalBuffer) -> int:
        packing = self._text(buffer.packing)
        return self._table(
            "ExternalBuffer", _Field("Id", buffer.number), _Field("Group", buffer.group), _Field("Offset",
            buffer.offset),
            _Field("Length", buffer.length), _Field("Packing", packing),
        )  # fmt: skip

    def _code(self, code: OperatorCode) -> int:
        name = self._text(code.custom_name)
        return self._table(
            "OperatorCode", _Field("DeprecatedBuiltinCode", code.deprecated_code), _Field("CustomCode", name),
            _Field("Version", code.version), _Field("BuiltinCode", code.builtin_code),
        )  # fmt: skip

    def _signature(self, signature: Signature) -> int:
        if signature.graph not in self.graph_at:
            raise ModelError(f"Signature '{signature.key}' is of a graph that is not in the model.")
        index = {t: i for i, t in enumerate(signature.graph.tensors)}
        where = f"signature '{signature.key}'"
        inputs = [self._named(name, _index(index, t, where)) for name, t in signature.inputs.items()]
        outputs = [self._named(name, _index(index, t, where)) for name, t in signature.outputs.items()]
        input_list, output_list, key = self._tables(inputs), self._tables(outputs), self._text(signature.key)
        return self._table(
            "SignatureDef", _Field("Inputs", input_list), _Field("Outputs", output_list), _Field("SignatureKey", key),
            _Field("SubgraphIndex", self.graph_at[signature.graph]),
        )  # fmt: skip

    def _named(self, name: str, index: int) -> int:
        text = self._text(name)
        return self._table("TensorMap", _Field("Name", text), _Field("TensorIndex", index))

    def _graph(self, graph: Graph) -> int:
        index = {t: i for i, t in enumerate(graph.tensors)}
        wanted = _Wanted(graph.absent)
        where = f"graph '{graph.name}'"
        tensors = self._tables([self._tensor(t, index) for t in graph.tensors], wanted("tensors"))
        ops = self._tables([self._op(op, index) for op in graph.ops], wanted("ops"))
        inputs = self._vector(_indices(index, graph.inputs, where), "<i4", wanted("inputs"))
        outputs = self._vector(_indices(index, graph.outputs, where), "<i4", wanted("outputs"))
        name = self._text(graph.name, wanted("name"))
        return self._table(
            "SubGraph", _Field("Tensors", tensors), _Field("Inputs", inputs), _Field("Outputs", outputs),
            _Field("Operators", ops), _Field("Name", name), _Field("DebugMetadataIndex", graph.debug_metadata_index),
        )  # fmt: skip

    def _tensor(self, tensor: Tensor, index: dict[Tensor, int]) -> int:
        wanted = _Wanted(tensor.absent)
        shape = self._vector(tensor.shape, "<i4", wanted("shape"))
        name = self._text(tensor.name, wanted("name"))
        quantization = (
            None if tensor.quantization is None else self._quantization(tensor.quantization, tensor.name, index)
        )
        sparsity = None if tensor.sparsity is None else tensor.sparsity.Pack(self.builder)
        signature = None if tensor.shape_signature is None else self._vector(tensor.shape_signature, "<i4")
        variants = [v.Pack(self.builder) for v in tensor.variant_tensors]
        variant_list = self._tables(variants, wanted("variant_tensors"))
        external = 0 if tensor.external_buffer is None else tensor.external_buffer.number
        return self._table(
            "Tensor", _Field("Shape", shape), _Field("Type", tensor.dtype.value), _Field("Buffer",
            self.buffer_at[tensor.buffer]),
            _Field("Name", name), _Field("Quantization", quantization), _Field("IsVariable", tensor.is_variable),
            _Field("Sparsity", sparsity), _Field("ShapeSignature", signature), _Field("HasRank", tensor.has_rank),
            _Field("VariantTensors", variant_list), _Field("ExternalBuffer", external),
        )  # fmt: skip

    def _quantization(self, q: Quantization, name: str, index: dict[Tensor, int]) -> int:
        wanted = _Wanted(q.absent)
        low = None if q.min is None else self._vector(q.min, "<f4")
        high = None if q.max is None else self._vector(q.max, "<f4")
        scale = self._vector(q.scale, "<f4", wanted("scale"))
        zero_point = self._vector(q.zero_point, "<i8", wanted("zero_point"))
        kind = q.details_type
        details = None
        if q.details is not None:
            kind = member_number(self.schema.QuantizationDetails, q.details)
            details = _with_tensors(q, index, f"the quantization of tensor '{name}'").Pack(self.builder)
        return self._table(
            "QuantizationParameters", _Field("Min", low), _Field("Max", high), _Field("Scale", scale),
            _Field("ZeroPoint", zero_point), _Field("DetailsType", kind), _Field("Details", details),
            _Field("QuantizedDimension", q.axis),
        )  # fmt: skip

    def _op(self, op: Op, index: dict[Tensor, int]) -> int:
        wanted = _Wanted(op.absent)
        where = f"operator '{op.name}'"
        inputs = self._vector(_indices(index, op.inputs, where), "<i4", wanted("inputs"))
        outputs = self._vector(_indices(index, op.outputs, where), "<i4", wanted("outputs"))
        intermediates = self._vector(_indices(index, op.intermediates, where), "<i4", wanted("intermediates"))
        mutating = self._vector(op.mutating_variable_inputs, "?", wanted("mutating_variable_inputs"))
        first, second = options_types(self.schema, op)
        options = None if op.options is None else self._options(op)
        custom, offset = None, 0
        if op.large_options and len(op.custom_options):
            offset = self._behind(op.custom_options)
        elif len(op.custom_options) or wanted("custom_options"):
            custom = self._bytes(op.custom_options, 4)
        return self._table(
            "Operator", _Field("OpcodeIndex", self.codes[_code_of(op)]), _Field("Inputs", inputs), _Field("Outputs",
            outputs),
            _Field("BuiltinOptionsType", first), _Field("BuiltinOptions", options if first else None),
            _Field("CustomOptions", custom), _Field("CustomOptionsFormat", op.custom_options_format),
            _Field("MutatingVariableInputs", mutating), _Field("Intermediates", intermediates),
            _Field("LargeCustomOptionsOffset", offset),
            _Field("LargeCustomOptionsSize", len(op.custom_options) if offset else 0),
            _Field("BuiltinOptions2Type", second), _Field("BuiltinOptions2", options if second else None),
            _Field("DebugMetadataIndex", op.debug_metadata_index),
        )  # fmt: skip

    def _options(self, op: Op) -> int:
        """The options, a copy of which gets the indices of the graphs that the operator runs."""
        options = op.options
        names = spec_of(op).subgraph_fields
        if names:
            for graph in op.subgraphs:
                if graph not in self.graph_at:
                    raise ModelError(f"Operator '{op.name}' runs graph '{graph.name}', which is not in the model.")
            options = copy.copy(options)
            set_graphs(options, names, [self.graph_at[g] for g in op.subgraphs])
        return int(options.Pack(self.builder))


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    value: int | bool | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whether an empty vector of a field is written: unless the object says that the file had none."""

    absent: frozenset[str]

    def __call__(self, name: str) -> bool:
        return name not in self.absent


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _joined(flat: memoryview, begin: int, behind: Iterable[Bytes]) -> bytes:
    parts: list[Bytes] = [flat, b"\0" * (begin - len(flat))]
    for data in behind:
        parts += [data, b"\0" * (_aligned(len(data)) - len(data))]
    return b"".join(parts)


def _index(index: dict[Tensor, int], tensor: Tensor, where: str) -> int:
    found = index.get(tensor)
    if found is None:
        raise ModelError(f"Tensor '{tensor.name}' of {where} is not among its graph's tensors.")
    return found


def _indices(index: dict[Tensor, int], tensors: Iterable[Tensor | None], where: str) -> list[int]:
    return [-1 if t is None else _index(index, t, where) for t in tensors]


def _code_of(op: Op) -> OperatorCode:
    """The row of the operator table: the stored pair of numbers while it means this kind, else the usual one."""
    number = spec_of(op).code
    pair = op.stored_codes
    if pair is None or max(pair) != number:
        pair = (min(number, _GREATER_CODES), number)
    return OperatorCode(pair[0], pair[1], op.custom_name or None, op.version)


def _with_tensors(q: Quantization, index: dict[Tensor, int], where: str) -> Any:
    """A copy of the details with the indices of the tensors that hold scales and zero points."""
    details = copy.copy(q.details)
    if q.scales_tensor is not None:
        details.scales = _index(index, q.scales_tensor, where)
    if q.zero_points_tensor is not None:
        details.zeroPoints = _index(index, q.zero_points_tensor, where)
    return details
