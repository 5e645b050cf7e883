"""The operator table against the schema it describes."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekit.core.errors import ModelError
from edgekit.graph.model import Op
from edgekit.graph.ops import OPS, activation_of, bias_of, kind_of_code, spec_of, weights_of
from edgekit.graph.types import DType
from tests.small_models import conv_model


def members(enumeration: type) -> dict[str, int]:
    return {name: number for name, number in vars(enumeration).items() if not name.startswith("_")}


def test_every_builtin_operator_is_there_with_its_number() -> None:
    assert {name: spec.code for name, spec in OPS.items()} == members(schema.BuiltinOperator)


def test_every_element_type_is_there_with_its_number() -> None:
    assert {d.name: d.value for d in DType} == members(schema.TensorType)


def test_options_are_the_schemas_and_none_is_forgotten() -> None:
    known = set(members(schema.BuiltinOptions)) | set(members(schema.BuiltinOptions2))
    named = {spec.options for spec in OPS.values() if spec.options}
    assert known - named == {"NONE"} and named <= known


def test_fields_that_hold_graphs_exist_and_none_is_forgotten() -> None:
    for spec in OPS.values():
        fields = vars(getattr(schema, f"{spec.options}T")()) if spec.options else {}
        expected = {f for f in fields if "subgraph" in f.lower() or f == "calledComputations"}
        assert set(spec.subgraph_fields) == expected, spec.name


def test_roles() -> None:
    conv, reshape, dense, _ = conv_model().main.ops
    assert [t.name for t in (activation_of(conv), weights_of(conv), bias_of(conv)) if t] == [
        "x",
        "conv/weights",
        "conv/bias",
    ]
    assert weights_of(reshape) is None and OPS["RESHAPE"].keeps_quantization and not OPS["RESHAPE"].is_compute
    assert OPS["DEPTHWISE_CONV_2D"].channel_axis == 3 and spec_of(dense).channel_axis == 0


def test_unknown_operators_are_refused() -> None:
    with pytest.raises(ModelError, match="9999"):
        kind_of_code(9999)
    with pytest.raises(ModelError, match="CONV_9D"):
        spec_of(Op("CONV_9D", [], []))
