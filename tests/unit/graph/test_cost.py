"""Costs, exactly: the published numbers of the shared models, and operators counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.graph.codec import read
from edgekit.graph.cost import Peak, activation_peak_bytes, model_macs, op_macs, parameter_count, weight_bytes
from edgekit.graph.model import Graph, Op, Tensor
from tests.shared_data import shared
from tests.small_models import activation, constant, control_flow_model, conv_model, depthwise_model, options


@pytest.mark.parametrize(
    ("name", "macs", "peak"),
    [
        ("kws_ref_model", 2_656_768, 16_000),
        ("vww_96_int8", 7_489_664, 55_296),
        ("pretrainedResnet_quant", 12_501_632, 49_152),
        ("ad01_int8", 264_192, 768),
        ("str_ww_ref_model", 826_368, 6_656),
    ],
)
def test_the_shared_models_cost_what_was_measured(name: str, macs: int, peak: int) -> None:
    model = read(shared(f"models/mlperf_tiny/{name}.tflite").read_bytes())
    assert model_macs(model) == macs
    assert activation_peak_bytes(model.main).bytes == peak


def ones(*shape: int) -> Tensor:
    return constant("w", np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("op", "macs"),
    [
        (Op("CONV_2D", [activation("x", 1, 8, 8, 4), ones(6, 3, 3, 4)], [activation("y", 1, 8, 8, 6)]), 64 * 6 * 36),
        (Op("CONV_2D", [activation("x", 1, 8, 8, 4), ones(6, 3, 3, 2)], [activation("y", 1, 8, 8, 6)]), 64 * 6 * 18),
        (Op("DEPTHWISE_CONV_2D", [activation("x", 1, 8, 8, 4), ones(1, 3, 3, 8)], [activation("y", 1, 6, 6, 8)]), 36 * 8 * 9),
        (Op("TRANSPOSE_CONV", [None, ones(6, 3, 3, 4), activation("x", 1, 5, 5, 4)], [activation("y", 1, 10, 10, 6)]),
         25 * 6 * 9 * 4),
        (Op("FULLY_CONNECTED", [activation("x", 7, 5), ones(3, 5), None], [activation("y", 7, 3)]), 7 * 15),
        (Op("BATCH_MATMUL", [activation("a", 2, 3, 4), activation("b", 2, 4, 5)], [activation("y", 2, 3, 5)]), 2 * 3 * 4 * 5),
        (Op("BATCH_MATMUL", [activation("a", 2, 4, 3), activation("b", 2, 4, 5)], [activation("y", 2, 3, 5)],
            options("BatchMatMulOptions", adjX=True)), 2 * 3 * 4 * 5),
        (Op("CONV_3D", [activation("x", 1, 4, 4, 4, 2), ones(3, 3, 3, 2, 6)], [activation("y", 1, 4, 4, 4, 6)]), 64 * 6 * 54),
        (Op("UNIDIRECTIONAL_SEQUENCE_LSTM", [activation("x", 2, 9, 4), ones(5, 4), ones(5, 5), None], [activation("y", 2, 9, 5)]),
         18 * 45),
        (Op("SVDF", [activation("x", 1, 4), ones(6, 4), ones(6, 10)], [activation("y", 1, 6)]), 24 + 60),
        (Op("ADD", [activation("a", 4), activation("b", 4)], [activation("y", 4)]), 0),
        (Op("CUSTOM", [activation("a", 4)], [], custom_name="Mine"), 0),
        (Op("CONV_2D", [activation("x", 1, 8, 8, 4)], [activation("y", 1, 8, 8, 6)]), 0),
    ],
)  # fmt: skip
def test_operators_counted_by_hand(op: Op, macs: int) -> None:
    assert op_macs(op) == macs


def test_totals_of_small_models() -> None:
    conv, deep = conv_model(), depthwise_model()
    assert model_macs(conv) == 64 * 8 * 27 + 512 * 4
    assert parameter_count(conv) == 8 * 27 + 8 + 2 + 512 * 4 + 4
    assert weight_bytes(conv) == 4 * parameter_count(conv)
    assert model_macs(deep) == 64 * 4 * 9 + 64 * 8 * 4
    assert activation_peak_bytes(deep.main) == Peak(4 * 64 * (4 + 8), "wide")


def test_a_shared_constant_counts_once() -> None:
    model = conv_model()
    twin = model.clone().main.tensors[1]
    twin.buffer = model.main.tensors[1].buffer
    model.main.ops[0].inputs.append(model.main.add_tensor(twin))
    assert parameter_count(model) == parameter_count(conv_model())
    assert weight_bytes(model) == weight_bytes(conv_model())


def test_graphs_of_control_flow_are_counted_and_recursion_ends() -> None:
    model = control_flow_model()
    dense: Any = conv_model().main
    model.main.ops[0].subgraphs.append(dense)
    assert model_macs(model) == model_macs(conv_model())
    model.main.ops[0].subgraphs.append(model.main)
    assert model_macs(model) == model_macs(conv_model())


def test_lifetimes() -> None:
    """a(4 B) -> b(8 B) -> c(16 B), a read again at the end: a + b + c live together; a variable lives always."""
    a, b, c, d = activation("a", 1), activation("b", 2), activation("c", 4), activation("d", 1)
    ops = [Op("NEG", [a], [b]), Op("NEG", [b], [c]), Op("ADD", [c, a], [d])]
    graph = Graph("g", [a, b, c, d], [a], [d], ops)
    assert activation_peak_bytes(graph) == Peak(4 + 8 + 16, "c")
    state = activation("state", 100)
    state.is_variable = True
    ops[2].inputs.append(state)
    assert activation_peak_bytes(graph) == Peak(428, "c")
    assert activation_peak_bytes(Graph()) == Peak(0, "")
