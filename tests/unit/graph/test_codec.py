"""Bytes to objects and back: nothing lost, nothing changed, everything aligned."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgekit.core.errors import ModelError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Buffer, Model, Op, Tensor
from edgekit.graph.types import DType
from tests import small_models
from tests.shared_data import shared
from tests.unit.graph.every_field import every_field, parsed

SHARED = [
    *(f"models/mlperf_tiny/{name}.tflite" for name in (
        "ad01_fp32", "ad01_int8", "kws_ref_model", "kws_ref_model_float32", "kws_ref_model_true_float", "pretrainedResnet",
        "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_float", "vww_96_int8")),
    "models/mobilenet_v1_025/mobilenet_v1_0.25_224_1_default_1.tflite",
]  # fmt: skip
SMALL = [
    small_models.conv_model, small_models.two_inputs_model, small_models.custom_op_model, small_models.control_flow_model,
    small_models.depthwise_model, small_models.model_with_everything,
]  # fmt: skip


def outputs(data: bytes) -> list[bytes]:
    """Output bytes of the main graph on inputs from a fixed seed."""
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        values = rng.integers(-100, 100, detail["shape"])
        interpreter.set_tensor(detail["index"], values.astype(detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]).tobytes() for d in interpreter.get_output_details()]


@pytest.mark.parametrize("name", SHARED)
def test_a_real_file_keeps_every_field_and_computes_the_same(name: str) -> None:
    data = shared(name).read_bytes()
    written = write(read(data))
    assert parsed(written) == parsed(data)
    assert write(read(written)) == written
    assert outputs(written) == outputs(data)
    check(read(data))


def test_every_field_of_the_schema_survives() -> None:
    data = every_field()
    written = write(read(data))
    assert parsed(written) == parsed(data)
    assert write(read(written)) == written


@pytest.mark.parametrize("make", SMALL)
def test_a_made_model_survives_and_is_not_changed_by_writing(make: Callable[[], Model]) -> None:
    model = make()
    first = write(model)
    assert write(model) == first == write(read(first)) == write(model.clone())
    check(read(first))


def test_what_refers_to_what() -> None:
    model = read(every_field())
    main = model.main
    assert [op.version for op in main.ops] == [1, 5, 2, 1, 1]
    assert [op.label for op in main.ops] == ["CONV_2D", "CONV_2D", "CUSTOM:Mine", "STABLEHLO_CASE", "WHILE"]
    assert main.ops[0].inputs[2] is None
    assert main.tensors[1].buffer is main.tensors[2].buffer
    assert main.ops[3].subgraphs == [model.graphs[1]] * 2 == main.ops[4].subgraphs
    assert main.ops[2].intermediates == [main.tensors[6]]
    q = main.tensors[1].quantization
    assert q is not None and q.scales_tensor is main.tensors[5] and q.zero_points_tensor is None
    assert main.tensors[4].external_buffer is model.external_buffers[0]
    assert model.metadata_buffers == [model.buffers[4], model.buffers[2]]
    assert [p.name for p in (*model.inputs(), *model.outputs())] == ["in", "out"]
    assert main.tensors[8].name == "\udcff not utf-8"


def test_references_follow_when_tensors_and_graphs_move() -> None:
    model = read(every_field())
    model.main.tensors.insert(0, Tensor("new", (1,), DType.FLOAT32))
    model.graphs.insert(1, small_models.conv_model().main)
    again = read(write(model))
    main = again.main
    q = main.tensors[2].quantization
    assert q is not None and q.scales_tensor is main.tensors[6]
    assert main.ops[3].subgraphs == [again.graphs[2]] * 2
    assert again.signatures[0].inputs == {"in": main.tensors[1]}


def test_constants_start_at_multiples_of_16() -> None:
    model = read(write(small_models.conv_model()))
    data = write(model)
    whole = np.frombuffer(data, np.uint8)
    for buffer in read(data).buffers:
        if buffer.data is not None:
            view = np.frombuffer(buffer.data, np.uint8)
            start = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
            assert start % 16 == 0


def test_the_first_buffer_stays_empty_and_new_tensors_without_data_use_it() -> None:
    raw = schema.ModelT.InitFromPackedBuf(write(small_models.conv_model()))
    assert raw.buffers[0].data is None
    assert raw.subgraphs[0].tensors[0].buffer == 0
    assert len({t.buffer for t in raw.subgraphs[0].tensors}) == 6  # five constants and none


def test_a_shared_buffer_is_written_once() -> None:
    model = small_models.two_inputs_model()
    one = small_models.constant("one", np.ones((1, 4), np.float32))
    two = replace(one, name="two")
    for tensor in (one, two):
        model.main.add_tensor(tensor)
    again = read(write(model)).main.tensors
    assert again[-1].buffer is again[-2].buffer


def test_external_constants_and_large_options_stand_behind_the_graph() -> None:
    model = small_models.conv_model()
    constants = [t for t in model.main.tensors if t.is_constant]
    for tensor in constants:
        tensor.buffer = Buffer(tensor.buffer.data, external=True)
    data = write(model)
    raw = schema.ModelT.InitFromPackedBuf(data)
    assert all(b.offset % 16 == 0 and b.offset + b.size <= len(data) for b in raw.buffers)
    assert sum(b.offset > 1 for b in raw.buffers) == len(constants)
    assert outputs(data) == outputs(write(small_models.conv_model()))
    assert write(read(data)) == data


def test_large_custom_options_survive() -> None:
    model = small_models.custom_op_model()
    model.main.ops[0].large_options = True
    data = write(model)
    raw = schema.ModelT.InitFromPackedBuf(data).subgraphs[0].operators[0]
    assert raw.customOptions is None and raw.largeCustomOptionsSize == 3
    assert data[raw.largeCustomOptionsOffset :][:3] == b"\x01\x02\x03"
    assert bytes(read(data).main.ops[0].custom_options) == b"\x01\x02\x03"
    assert write(read(data)) == data


def test_an_operator_code_that_falls_out_of_use_goes_and_an_unused_one_stays() -> None:
    model = read(every_field())
    model.main.ops[0].version = 5
    model.main.ops[0].stored_codes = model.main.ops[1].stored_codes
    codes = [(c.builtin_code, c.version, c.unused) for c in read(write(model)).operator_codes]
    assert (3, 1, False) not in codes
    assert (9, 4, True) in codes


def test_a_changed_kind_gets_its_own_codes() -> None:
    model = small_models.two_inputs_model()
    model = read(write(model))
    model.main.ops[0].kind = "SUB"
    model.main.ops[0].options = small_models.options("SubOptions")
    assert outputs(write(model))
    assert [op.kind for op in read(write(model)).main.ops] == ["SUB", "MUL"]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "empty"), (b"TFL3", "identifier"), (b"PK\3\4 zip archive", "identifier"), (b"\0\0\0\0TFL3", "damaged")],
)
def test_what_is_no_model_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read(data)


def test_a_list_longer_than_the_file_is_refused() -> None:
    data = bytearray(write(small_models.conv_model()))
    at = bytes(data).find(struct.pack("<I", 6))
    found = 0
    while at >= 0:
        damaged = data.copy()
        damaged[at : at + 4] = struct.pack("<I", 0x7FFFFFFF)
        try:
            read(bytes(damaged))
        except ModelError:
            found += 1
        at = bytes(data).find(struct.pack("<I", 6), at + 1)
    assert found


def test_a_file_that_repeats_one_graph_without_end_is_refused() -> None:
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], np.arange(0), np.arange(0)
    data = bytearray(write(small_models.conv_model()))
    model = schema.ModelT.InitFromPackedBuf(bytes(data))
    model.subgraphs = model.subgraphs * 40_000
    raw = _with_one_graph_many_times(model)
    with pytest.raises(ModelError, match="repeats itself"):
        read(raw)


def _with_one_graph_many_times(model: schema.ModelT) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    buffers = [b.Pack(builder) for b in model.buffers]
    codes = [c.Pack(builder) for c in model.operatorCodes]
    graph = model.subgraphs[0].Pack(builder)
    vectors = []
    for offsets in (buffers, codes, [graph] * len(model.subgraphs)):
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        vectors.append(builder.EndVector())
    schema.ModelStart(builder)
    schema.ModelAddBuffers(builder, vectors[0])
    schema.ModelAddOperatorCodes(builder, vectors[1])
    schema.ModelAddSubgraphs(builder, vectors[2])
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_field_of_a_newer_schema_is_refused() -> None:
    import flatbuffers

    builder = flatbuffers.Builder(64)
    builder.StartObject(11)
    builder.PrependUint32Slot(10, 1, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    with pytest.raises(ModelError, match="does not know"):
        read(bytes(builder.Output()))


def test_a_reference_out_of_the_model_is_refused_by_name() -> None:
    model = small_models.two_inputs_model()
    stranger = Tensor("stranger", (1, 4), DType.FLOAT32)
    model.main.ops[0].inputs[1] = stranger
    with pytest.raises(ModelError, match="'stranger' of operator 'c'"):
        write(model)


def test_options_of_a_wrong_type_are_refused() -> None:
    model = small_models.two_inputs_model()
    model.main.ops[0].options = Op
    with pytest.raises(ModelError, match="operator|Operator"):
        write(model)
