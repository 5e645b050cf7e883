"""A .tflite file's tables to objects: every index becomes a reference, every field is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.flat import FlatFile, Table, damaged
from edgekit.graph.model import (
    Buffer,
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
from edgekit.graph.ops import kind_of_code, spec_of
from edgekit.graph.types import DType

_OPTIONAL = -1  # the index of an input that is left out
_INLINE = 1  # offsets of 0 and 1 mean that the bytes are not behind the flatbuffer


@cache
def field_count(table: str) -> int:
    """How many fields the schema at hand knows of a table."""
    from ai_edge_litert import schema_py_generated as schema

    recorder = _Recorder()
    getattr(schema, f"{table}Start")(recorder)
    return recorder.fields


class _Recorder:
    """Stands in for a flatbuffer builder, to hear how many fields a table starts with."""

    fields = 0

    def StartObject(self, fields: int) -> None:
        self.fields = fields


@dataclass(slots=True)
class Reader:
    """One reading of one file; `model` is its only entry."""

    file: FlatFile
    buffers: list[Buffer] = field(default_factory=list)
    graphs: list[Graph] = field(default_factory=list)
    codes: list[OperatorCode] = field(default_factory=list)
    external: list[ExternalBuffer] = field(default_factory=list)

    def model(self) -> Model:
        """The whole file as a Model."""
        root = self.file.root(field_count("Model"))
        self.codes = [_code(t) for t in root.tables(1, field_count("OperatorCode"), "OperatorCode")]
        self.buffers = [self._buffer(t) for t in root.tables(4, field_count("Buffer"), "Buffer")]
        self.external = [_external(t) for t in root.tables(9, field_count("ExternalBuffer"), "ExternalBuffer")]
        tables = root.tables(2, field_count("SubGraph"), "SubGraph")
        self.graphs = [Graph() for _ in tables]
        used: set[int] = set()
        for graph, table in zip(self.graphs, tables, strict=True):
            self._graph(graph, table, used)
        codes = [
            OperatorCode(c.deprecated_code, c.builtin_code, c.custom_name, c.version, unused=i not in used)
            for i, c in enumerate(self.codes)
        ]
        metadata = [
            Metadata(t.text(0), self._buffer_at(t.get(1, "u32"), "metadata"))
            for t in root.tables(6, field_count("Metadata"), "Metadata")
        ]
        model = Model(
            graphs=self.graphs,
            signatures=[self._signature(t) for t in root.tables(7, field_count("SignatureDef"), "SignatureDef")],
            description=root.text(3),
            version=root.get(0, "u32"),
            metadata=metadata,
            metadata_buffers=[self._buffer_at(i, "metadata_buffer") for i in root.numbers(5)],
            buffers=self.buffers,
            operator_codes=codes,
            external_groups=[t.text(0) for t in root.tables(8, field_count("ExternalBufferGroup"),
            "ExternalBufferGroup")],
            external_buffers=self.external,
            absent=_absent(root, {"description": 3, "metadata_buffers": 5, "metadata": 6, "signatures": 7,
            "external_groups": 8,
                                  "external_buffers": 9}),
        )  # fmt: skip
        _mark_kept(model)
        return model

    def _buffer(self, table: Table) -> Buffer:
        offset, size = table.get(1, "u64"), table.get(2, "u64")
        if offset > _INLINE and size:
            return Buffer(self._behind(offset, size, "constants"), external=True)
        return Buffer(table.raw(0))

    def _behind(self, offset: int, size: int, what: str) -> memoryview:
        if offset + size > len(self.file.data):
            damaged(f"{what} that should follow the graph are cut off")
        return self.file.data[offset : offset + size]

    def _buffer_at(self, index: int, what: str) -> Buffer:
        if not 0 <= index < len(self.buffers):
            damaged(f"{what} refers to buffer {index} of {len(self.buffers)}")
        return self.buffers[index]

    def _graph(self, graph: Graph, table: Table, used: set[int]) -> None:
        graph.name = table.text(4)
        graph.debug_metadata_index = table.get(5, "i32", -1)
        graph.absent = _absent(table, {"tensors": 0, "inputs": 1, "outputs": 2, "ops": 3, "name": 4})
        tables = table.tables(0, field_count("Tensor"), "Tensor")
        graph.tensors = [self._tensor(t) for t in tables]
        for tensor, entry in zip(graph.tensors, tables, strict=True):
            self._detail_tensors(tensor, entry, graph)
        where = f"graph '{graph.name}'"
        graph.inputs = [_tensor_at(graph, i, where) for i in table.numbers(1)]
        graph.outputs = [_tensor_at(graph, i, where) for i in table.numbers(2)]
        graph.ops = [self._op(t, graph, used) for t in table.tables(3, field_count("Operator"), "Operator")]

    def _tensor(self, table: Table) -> Tensor:
        name = table.text(3)
        sparsity = table.table(6, field_count("SparsityParameters"), "SparsityParameters")
        variants = table.tables(9, field_count("VariantSubType"), "VariantSubType")
        return Tensor(
            name=name,
            shape=tuple(table.numbers(0)),
            dtype=DType.from_code(table.get(1, "i8")),
            buffer=self._buffer_at(table.get(2, "u32"), f"tensor '{name}'"),
            quantization=self._quantization(table),
            shape_signature=tuple(table.numbers(7)) if table.has(7) else None,
            is_variable=bool(table.get(5, "bool")),
            has_rank=bool(table.get(8, "bool")),
            sparsity=None if sparsity is None else _sparsity(sparsity),
            variant_tensors=[_foreign(t, "VariantSubType") for t in variants],
            external_buffer=self._external_at(table.get(10, "u32")),
            absent=_absent(table, {"shape": 0, "name": 3, "variant_tensors": 9}),
        )

    def _external_at(self, number: int) -> ExternalBuffer | None:
        if not number:
            return None
        found = next((e for e in self.external if e.number == number), None)
        return found or damaged(f"a tensor refers to the external buffer {number}, which is not listed")

    def _quantization(self, table: Table) -> Quantization | None:
        q = table.table(4, field_count("QuantizationParameters"), "QuantizationParameters")
        if q is None:
            return None
        scale, zero_point = q.array(2, "<f4"), q.array(3, "<i8")
        kind = q.get(4, "u8")
        return Quantization(
            scale=np.zeros(0, np.float32) if scale is None else scale,
            zero_point=np.zeros(0, np.int64) if zero_point is None else zero_point,
            axis=q.get(6, "i32"),
            min=q.array(0, "<f4"),
            max=q.array(1, "<f4"),
            details=_union(q, "QuantizationDetails", kind, 5),
            details_type=kind,
            absent=_absent(q, {"scale": 2, "zero_point": 3}),
        )

    def _detail_tensors(self, tensor: Tensor, table: Table, graph: Graph) -> None:
        """Blockwise and multi-axis details name tensors of the graph that hold scales; an index up to 0 means none."""
        q = tensor.quantization
        if q is None or not hasattr(q.details, "scales"):
            return
        where = f"the quantization of tensor '{tensor.name}'"
        q.scales_tensor = _tensor_at(graph, q.details.scales, where) if q.details.scales >= 0 else None
        q.zero_points_tensor = _tensor_at(graph, q.details.zeroPoints, where) if q.details.zeroPoints > 0 else None

    def _op(self, table: Table, graph: Graph, used: set[int]) -> Op:
        index = table.get(0, "u32")
        if index >= len(self.codes):
            damaged(f"an operator of graph '{graph.name}' refers to operator code {index} of {len(self.codes)}")
        used.add(index)
        code = self.codes[index]
        kind = kind_of_code(max(code.deprecated_code, code.builtin_code))
        where = f"operator {kind} of graph '{graph.name}'"
        options, options_type = _options(table, where)
        large = table.get(9, "u64") > _INLINE
        custom = self._behind(table.get(9, "u64"), table.get(10, "u64"), "custom options") if large else table.raw(5)
        op = Op(
            kind=kind,
            custom_name=code.custom_name or "",
            version=code.version,
            inputs=[None if i == _OPTIONAL else _tensor_at(graph, i, where) for i in table.numbers(1)],
            outputs=[_tensor_at(graph, i, where) for i in table.numbers(2)],
            options=options,
            options_type=options_type,
            custom_options=b"" if custom is None else custom,
            custom_options_format=table.get(6, "i8"),
            large_options=large,
            mutating_variable_inputs=tuple(map(bool, table.numbers(7, "u1"))),
            intermediates=[_tensor_at(graph, i, where) for i in table.numbers(8)],
            debug_metadata_index=table.get(13, "i32", -1),
            stored_codes=(code.deprecated_code, code.builtin_code),
            absent=_absent(table, {"inputs": 1, "outputs": 2, "custom_options": 5, "mutating_variable_inputs": 7,
                                   "intermediates": 8}),
        )  # fmt: skip
        op.subgraphs = [self._graph_at(i, where) for i in _subgraph_indices(op)]
        return op

    def _graph_at(self, index: int, what: str) -> Graph:
        if not 0 <= index < len(self.graphs):
            damaged(f"{what} refers to graph {index} of {len(self.graphs)}")
        return self.graphs[index]

    def _signature(self, table: Table) -> Signature:
        key = table.text(2)
        graph = self._graph_at(table.get(4, "u32"), f"signature '{key}'")
        return Signature(key, graph, _names(table, 0, graph, key), _names(table, 1, graph, key))


def _code(table: Table) -> OperatorCode:
    return OperatorCode(
        table.get(0, "i8"), table.get(3, "i32"), table.text(1) if table.has(1) else None, table.get(2, "i32", 1)
    )


def _external(table: Table) -> ExternalBuffer:
    return ExternalBuffer(
        table.get(0, "u32"), table.get(1, "u32"), table.get(2, "u64"), table.get(3, "u64"),
        table.text(4) if table.has(4) else None,
    )  # fmt: skip


def _names(table: Table, slot: int, graph: Graph, key: str) -> dict[str, Tensor]:
    maps = table.tables(slot, field_count("TensorMap"), "TensorMap")
    found = {t.text(0): _tensor_at(graph, t.get(1, "u32"), f"signature '{key}'") for t in maps}
    if len(found) != len(maps):
        raise ModelError(f"Signature '{key}' gives one name to two tensors.")
    return found


def _tensor_at(graph: Graph, index: int, where: str) -> Tensor:
    if not 0 <= index < len(graph.tensors):
        damaged(f"{where} refers to tensor {index} of {len(graph.tensors)}")
    return graph.tensors[index]


def _absent(table: Table, slots: dict[str, int]) -> frozenset[str]:
    return frozenset(name for name, slot in slots.items() if not table.has(slot))


def _options(table: Table, where: str) -> tuple[Any, int]:
    """The options of either union; an operator has one."""
    first, second = table.get(3, "u8"), table.get(11, "u8")
    if first and second:
        damaged(f"{where} has options of two kinds")
    if second:
        return _union(table, "BuiltinOptions2", second, 12), -second
    return _union(table, "BuiltinOptions", first, 4), first


def _union(table: Table, union: str, kind: int, slot: int) -> Any:
    """The schema's object of a union field, None if it has none."""
    if not kind or not table.has(slot):
        return None
    name = _members(union).get(kind)
    if name is None:
        raise ModelError(
            f"The model has {union} number {kind}, which this version of edgekit does not know.",
            "It is damaged, or was written by a newer converter: update edgekit and ai-edge-litert.",
        )
    inner = table.table(slot, field_count(name), name)
    return _foreign(inner, name)


@cache
def _members(union: str) -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    members = vars(getattr(schema, union))
    return {number: name for name, number in members.items() if not name.startswith("_") and number}


def _foreign(table: Table | None, name: str) -> Any:
    """The schema's own object of an inner table whose bounds were checked; its vectors are bounded by numpy."""
    from ai_edge_litert import schema_py_generated as schema

    return None if table is None else getattr(schema, f"{name}T").InitFromBuf(table.file.data, table.at)


def _sparsity(table: Table) -> Any:
    table.tables(2, field_count("DimensionMetadata"), "DimensionMetadata")
    return _foreign(table, "SparsityParameters")


def _subgraph_indices(op: Op) -> list[int]:
    """Indices of the graphs in an operator's options; a negative one means none."""
    values = (getattr(op.options, name, None) for name in spec_of(op).subgraph_fields)
    indices = (np.atleast_1d(np.asarray(value, np.int64)) for value in values if value is not None)
    return [int(index) for array in indices for index in array if index >= 0]


def _mark_kept(model: Model) -> None:
    """Buffers that nothing references are written again: a custom operator may know them by their place."""
    referenced = {t.buffer for g in model.graphs for t in g.tensors} | {m.buffer for m in model.metadata}
    referenced |= set(model.metadata_buffers)
    for buffer in model.buffers:
        buffer.keep = buffer not in referenced
