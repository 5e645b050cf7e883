"""Rules: every one is written down, and the verdicts are what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import UnsupportedError
from edgekit.graph.model import Graph, Model, Op, Quantization, Tensor
from edgekit.graph.types import DType
from edgekit.targets.load import load_target
from edgekit.targets.manual import PAGE, manual
from edgekit.targets.rulebook import RULES, rule_name, rule_sentence
from edgekit.targets.rules import Level, check_support, require_support, supports

F32, F16, I4, I8, I16 = DType.FLOAT32, DType.FLOAT16, DType.INT4, DType.INT8, DType.INT16
PI, ZERO32, M4, NPU, M0 = (
    "raspberry-pi-5",
    "raspberry-pi-zero-2w-32bit",
    "nucleo-l4r5zi",
    "corstone-300-u55",
    "raspberry-pi-pico",
)
RUNS, SLOW, CANNOT = Level.RUNS, Level.SLOW, Level.CANNOT


@pytest.mark.parametrize("rule", RULES, ids=rule_name)
def test_a_rule_says_what_it_is_and_how_we_know(rule: object) -> None:
    assert rule_sentence(rule).endswith(".")  # type: ignore[arg-type]
    assert "Source: " in (rule.__doc__ or "") or "source: " in (rule.__doc__ or "")


def test_rule_names_are_different() -> None:
    assert len({rule_name(rule) for rule in RULES}) == len(RULES)


def test_the_manual_is_current() -> None:
    assert PAGE.read_text() == manual(), "write it again with `python -m edgekit.targets.manual`"


# Each row is a measurement: the page of facts, or one-operator models in the runtimes that kernels.py names.
MEASURED = [
    (PI, "CONV_2D", F32, F32, None, RUNS),
    (PI, "CONV_2D", I8, I8, True, RUNS),
    (PI, "CONV_2D", I16, I8, True, SLOW),
    (PI, "CONV_2D", F32, I8, True, RUNS),
    (PI, "CONV_2D", I8, I4, True, SLOW),
    (PI, "FULLY_CONNECTED", I8, I4, True, RUNS),
    (PI, "FULLY_CONNECTED", I16, I8, True, SLOW),
    (PI, "DEPTHWISE_CONV_2D", F32, I8, True, SLOW),
    (PI, "DEPTHWISE_CONV_2D", F32, I8, False, CANNOT),
    (PI, "DEPTHWISE_CONV_2D", F32, I4, True, CANNOT),
    (PI, "DEPTHWISE_CONV_2D", I16, I4, True, CANNOT),
    (PI, "CONV_3D", I8, I8, True, CANNOT),
    (PI, "DEQUANTIZE", F16, F16, None, RUNS),
    (PI, "HARD_SWISH", I16, I16, None, CANNOT),
    (PI, "EMBEDDING_LOOKUP", F32, I8, True, RUNS),
    (ZERO32, "FULLY_CONNECTED", F32, I8, True, CANNOT),
    (ZERO32, "FULLY_CONNECTED", F32, I8, False, RUNS),
    (ZERO32, "FULLY_CONNECTED", I8, I8, True, RUNS),
    (ZERO32, "CONV_2D", I16, I4, True, CANNOT),
    (ZERO32, "CONV_2D", I8, I8, True, RUNS),
    (ZERO32, "TRANSPOSE_CONV", F32, I8, True, CANNOT),
    (M4, "CONV_2D", I8, I8, True, RUNS),
    (M4, "CONV_2D", F32, F32, None, RUNS),
    (M4, "CONV_2D", I16, I8, True, RUNS),
    (M4, "CONV_2D", I8, I4, True, RUNS),
    (M4, "CONV_2D", F32, I8, True, CANNOT),
    (M4, "FULLY_CONNECTED", I8, I4, True, CANNOT),
    (M4, "FULLY_CONNECTED", I8, I4, False, RUNS),
    (M4, "DEQUANTIZE", F16, F16, None, CANNOT),
    (M4, "DEQUANTIZE", I8, I8, True, CANNOT),
    (M4, "DEQUANTIZE", I8, I8, False, RUNS),
    (M4, "EMBEDDING_LOOKUP", F32, I8, True, CANNOT),
    (M4, "TOPK_V2", F32, F32, None, CANNOT),
    (M4, "WHILE", F32, F32, None, RUNS),
    (M0, "CONV_2D", F32, F32, None, SLOW),
    (M0, "CONV_2D", I8, I8, True, RUNS),
    (NPU, "CONV_2D", I8, I8, True, RUNS),
    (NPU, "CONV_2D", I16, I8, True, RUNS),
    (NPU, "CONV_2D", F32, F32, None, SLOW),
    (NPU, "CONV_2D", I8, I4, True, CANNOT),
    (NPU, "GATHER", I8, I8, None, SLOW),
    (NPU, "SQUEEZE", I8, I8, None, RUNS),
]


@pytest.mark.parametrize(("target", "kind", "activation", "weights", "per_channel", "level"), MEASURED)
def test_verdicts_are_what_was_measured(
    target: str, kind: str, activation: DType, weights: DType, per_channel: bool | None, level: Level
) -> None:
    verdict = supports(load_target(target), kind, activation, weights, per_channel=per_channel)
    assert verdict.level is level, verdict
    assert bool(verdict.rule) == bool(verdict.hint) == (level is not RUNS)


def test_without_a_word_on_scales_the_scales_are_left_out_of_it() -> None:
    assert supports(load_target(M4), "DEQUANTIZE", I8).level is RUNS


def _tensor(name: str, shape: tuple[int, ...], dtype: DType = F32, scales: int = 0) -> Tensor:
    quantization = Quantization(np.full(scales, 0.1, np.float32), np.zeros(scales, np.int64)) if scales else None
    return Tensor(name, shape, dtype, quantization=quantization)


def _model(op: Op) -> Model:
    inputs = [tensor for tensor in op.inputs if tensor is not None]
    return Model(graphs=[Graph(tensors=[*inputs, *op.outputs], inputs=inputs, outputs=op.outputs, ops=[op])])


def _op(kind: str, inputs: list[Tensor | None], output: Tensor, version: int = 1, custom: str = "") -> Op:
    return Op(kind, inputs, [output], version=version, custom_name=custom)


def _finding(op: Op, target: str) -> tuple[Level, str]:
    (finding,) = check_support(_model(op), load_target(target)).findings
    assert finding.op_name == op.outputs[0].name
    return finding.level, finding.rule


def test_types_are_read_from_the_right_tensors() -> None:
    index, data = _tensor("axis", (), DType.INT32), _tensor("x", (1, 4), I8, 1)
    assert _finding(_op("SPLIT", [index, data], _tensor("y", (1, 2), I8)), M4) == (RUNS, "")
    conv = _op("CONV_2D", [data, _tensor("w", (4, 1, 1, 4), I4, 4), None], _tensor("y", (1, 4), I8, 1))
    assert _finding(conv, M4) == (RUNS, "")
    assert _finding(conv, NPU) == (CANNOT, "four bit weights crash vela")
    index = _tensor("i", (1,), DType.INT32)
    embed = _op("EMBEDDING_LOOKUP", [index, _tensor("w", (4, 4), I8, 4)], _tensor("y", (1, 4)))
    assert _finding(embed, M4) == (CANNOT, "scales per channel are computed")


def test_weight_only_models_are_refused_on_micro() -> None:
    op = _op("DEQUANTIZE", [_tensor("w", (4, 4), I8, 4)], _tensor("y", (4, 4)))
    assert _finding(op, M4) == (CANNOT, "scales per channel are computed")
    assert _finding(op, PI) == (RUNS, "")


def test_custom_and_flex_operators() -> None:
    x, y = _tensor("x", (1, 4)), _tensor("y", (1, 4))
    assert _finding(_op("CUSTOM", [x], y, custom="FlexErf"), PI) == (CANNOT, "custom operators are known")
    assert _finding(_op("CUSTOM", [x], y, custom="Mine"), M4) == (CANNOT, "custom operators are known")
    assert _finding(_op("CUSTOM", [x], y, custom="TFLite_Detection_PostProcess"), M4) == (RUNS, "")
    assert _finding(_op("CUSTOM", [x], y, custom="ethos-u"), NPU) == (RUNS, "")


def test_versions() -> None:
    x, w, y = _tensor("x", (1, 4)), _tensor("w", (4, 4)), _tensor("y", (1, 4))
    newest = _op("FULLY_CONNECTED", [x, w, None], y, version=14)
    assert _finding(newest, PI) == (RUNS, "")
    assert _finding(newest, M4) == (RUNS, "")
    assert _finding(newest, ZERO32) == (CANNOT, "versions are known")


def test_ranks() -> None:
    def transpose(rank: int) -> Op:
        shape = (1,) * rank
        return _op("TRANSPOSE", [_tensor("x", shape), _tensor("p", (rank,), DType.INT32)], _tensor("y", shape))

    assert [_finding(transpose(rank), M4)[0] for rank in (5, 6)] == [RUNS, CANNOT]
    assert [_finding(transpose(rank), PI)[0] for rank in (8, 9)] == [RUNS, CANNOT]


def test_ranks_of_elementwise_operators_count_when_they_broadcast() -> None:
    wide, thin, y = _tensor("a", (1, 1, 1, 2, 4)), _tensor("b", (1, 1, 1, 1, 4)), _tensor("y", (1, 1, 1, 2, 4))
    assert _finding(_op("MUL", [wide, thin], y), ZERO32) == (CANNOT, "ranks are within reach")
    assert _finding(_op("MUL", [wide, wide], y), ZERO32) == (RUNS, "")
    assert _finding(_op("MUL", [wide, thin], y), PI) == (RUNS, "")


def test_open_shapes_and_foreign_types_on_micro() -> None:
    open_ended = _op("RELU", [_tensor("x", (-1, 4))], _tensor("y", (-1, 4)))
    assert _finding(open_ended, M4) == (CANNOT, "shapes are fixed on micro")
    assert _finding(open_ended, PI) == (RUNS, "")
    text = _op("RESHAPE", [_tensor("x", (1, 4), DType.STRING)], _tensor("y", (4,), DType.STRING))
    assert _finding(text, M4) == (CANNOT, "element types fit a microcontroller")


def test_a_refusal_names_target_operator_rule_and_help() -> None:
    op = _op("TOPK_V2", [_tensor("x", (1, 4)), _tensor("k", (), DType.INT32)], _tensor("best/values", (1, 2)))
    require_support(_model(op), load_target(PI))
    with pytest.raises(UnsupportedError) as caught:
        require_support(_model(op), load_target(M4))
    for word in (M4, "best/values", "TOPK_V2", "operators have a kernel"):
        assert word in caught.value.message
    assert "LiteRT 2.3" in caught.value.hint


def test_a_slow_operator_is_no_refusal() -> None:
    op = _op("RELU", [_tensor("x", (1, 4))], _tensor("y", (1, 4)))
    require_support(_model(op), load_target(M0))
    assert _finding(op, M0) == (SLOW, "float needs a floating point unit")


def test_weights_that_no_flash_holds_are_noted() -> None:
    weights = _tensor("w", (1024, 1024))
    weights.set_data(np.zeros((1024, 1024), np.float32))
    model = _model(_op("FULLY_CONNECTED", [_tensor("x", (1, 1024)), weights, None], _tensor("y", (1, 1024))))
    assert check_support(model, load_target("nrf52840-dk")).notes[0].startswith("the weights alone take")
    assert check_support(model, load_target(PI)).notes == ()
