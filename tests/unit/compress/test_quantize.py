"""The step "quantize": claims kept, reasons given, quality."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.calibrate import RangeMethod
from edgekit.compress.quantize.layers import report_layers
from edgekit.compress.quantize.options import QuantizeOptions
from edgekit.compress.quantize.plan import Precision, QuantizePlan
from edgekit.compress.quantize.step import QUANTIZE, calibration_options
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UnsupportedError, UsageError
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from edgekit.targets.load import load_target
from tests.unit.compress.small import conv_net, samples, text_net, two_inputs


def quantized(model: Model, **mapping: object) -> tuple[Model, QuantizePlan]:
    plan = QUANTIZE.plan(model, QUANTIZE.options(mapping), Setting(samples=samples(model, 64)))
    return QUANTIZE.apply(model, plan), plan


def sqnr_db(before: Model, after: Model) -> float:
    first, second = LiteRT(write(before)), LiteRT(write(after))
    signal = error = 0.0
    for feed in samples(before, 32, seed=9).arrays:
        for name, values in first.run(feed).items():
            signal += float(np.square(values).sum())
            error += float(np.square(values - second.run_float(feed)[name]).sum())
    return 10 * np.log10(signal / error)


@pytest.mark.parametrize(
    ("scheme", "least_db"), [("float16", 50), ("dynamic", 25), ("int8", 25), ("int16x8", 28), ("int4", 5)]
)
@pytest.mark.parametrize("make", [conv_net, two_inputs, text_net])
def test_each_scheme_stays_close_to_float(make: object, scheme: str, least_db: float) -> None:
    # 8 bits of weights give some 40 dB a layer on normal weights, 4 bits some 17; two to four layers add up
    model = make()  # type: ignore[operator]
    assert sqnr_db(model, quantized(model, scheme=scheme)[0]) > least_db


def test_int8_is_integer_throughout() -> None:
    result, plan = quantized(conv_net())
    assert not plan.left
    assert [op.kind for op in result.main.ops] == [op.kind for op in conv_net().main.ops]
    assert {t.dtype for t in result.main.tensors} == {DType.INT8, DType.INT32}


def test_a_float_boundary_is_float() -> None:
    result, _ = quantized(conv_net(), boundary="float")
    assert [p.tensor.dtype for p in (*result.inputs(), *result.outputs())] == [DType.FLOAT32] * 2


def test_int4_weights_are_packed_and_the_rest_is_int8() -> None:
    result, _ = quantized(conv_net(), scheme="int4")
    weights = {op.kind: op.inputs[1] for op in result.main.ops if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")}
    assert weights["CONV_2D"].dtype is DType.INT4 and weights["DEPTHWISE_CONV_2D"].dtype is DType.INT8
    assert weights["CONV_2D"].nbytes == 16 * 27 // 2


def test_dynamic_makes_the_embedding_int8() -> None:
    result, _ = quantized(text_net(), scheme="dynamic")
    gather = next(op for op in result.main.ops if op.kind == "GATHER")
    assert gather.inputs[0] is not None and gather.inputs[0].dtype is DType.INT8


@pytest.mark.parametrize("algorithm", ["octav", "mse", "gptq", "hadamard", "oscar"])
@pytest.mark.parametrize("scheme", ["dynamic", "int8", "int4"])
def test_every_algorithm_gives_a_model_that_keeps_its_claims(scheme: str, algorithm: str) -> None:
    model = conv_net()
    result, plan = quantized(model, scheme=scheme, algorithm=algorithm)
    assert sqnr_db(model, result) > 5
    assert plan.explain()


def test_gptq_really_runs_behind_an_operator_that_keeps_the_scale() -> None:
    plain, _ = quantized(conv_net(), scheme="int4")
    other, _ = quantized(conv_net(), scheme="int4", algorithms={"FULLY_CONNECTED": "gptq"})
    dense = [next(op for op in m.main.ops if op.kind == "FULLY_CONNECTED").inputs[1] for m in (plain, other)]
    assert dense[1] is not None and dense[1].dtype is DType.INT4
    assert not np.array_equal(dense[0].data, dense[1].data)  # type: ignore[union-attr]


def test_exclusions_take_names_and_patterns_and_refuse_what_is_not_there() -> None:
    result, plan = quantized(conv_net(), exclude=["dense", "prob*"])
    assert {a.op for a in plan.left} == {"dense", "probabilities"}
    assert next(op for op in result.main.ops if op.kind == "FULLY_CONNECTED").inputs[1].dtype is DType.FLOAT32  # type: ignore[union-attr]
    assert any("dense stays float: excluded" in line for line in plan.explain())
    with pytest.raises(UsageError, match="no operator is called 'dens'; did you mean dense"):
        quantized(conv_net(), exclude=["dens"])


def test_an_algorithm_that_a_kind_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match="no gptq for CONV_2D"):
        quantized(conv_net(), algorithms={"CONV_2D": "gptq"})


def test_what_is_quantized_already_is_said_to_be() -> None:
    """Before samples are asked for, which would not help."""
    model = conv_net()
    model.main.ops.clear()
    with pytest.raises(ModelError, match="it has no float operator") as caught:
        QUANTIZE.plan(model, QuantizeOptions(), Setting())
    assert caught.value.hint == "one that is quantized already is built as it is with --recipe float32"


def test_static_without_samples_says_what_to_give() -> None:
    with pytest.raises(UsageError, match="int8 needs calibration samples"):
        QUANTIZE.plan(conv_net(), QuantizeOptions(), Setting())


def test_the_bias_of_a_dead_channel_survives() -> None:
    model = conv_net()
    conv = model.main.ops[0]
    weights, bias = conv.inputs[1], conv.inputs[2]
    assert weights is not None and bias is not None
    dead, level = np.array(weights.data), np.array(bias.data)
    dead[3], level[3] = 0, 2.0
    weights.set_data(dead)
    bias.set_data(level)
    result, _ = quantized(model)
    runtime = LiteRT(write(result), keep_all=True)
    runtime.invoke(samples(model, 1).arrays[0])
    index = next(i for i, t in enumerate(result.main.tensors) if t.name == "conv")
    grid = result.main.tensors[index].quantization
    assert grid is not None
    real = (runtime.tensor(index)[..., 3].astype(int) - int(grid.zero_point[0])) * float(grid.scale[0])
    assert np.abs(real - 2.0).max() <= float(grid.scale[0])


def test_equal_names_are_no_trouble() -> None:
    model = conv_net()
    for tensor in model.main.tensors[1:-1]:
        tensor.name = "same"
    result, _ = quantized(model)
    assert [p.name for p in result.inputs()] == ["image"] and sqnr_db(model, result) > 25


def test_the_layer_report_covers_weights_and_activations() -> None:
    model = conv_net()
    result, _ = quantized(model)
    report = report_layers(model, result, samples(model, 8).arrays)
    rows = {layer.tensor: layer for layer in report.layers}
    assert rows["conv/w"].is_weight and rows["conv/w"].saturation == 0 and rows["conv/w"].dtype == "int8"
    for name in ("image", "conv", "depth", "dense"):
        row = rows[name]
        assert row.sqnr_db is not None and row.sqnr_db > 20 and row.saturation < 0.05 and row.mse > 0
    assert report.to_json()["samples"] == 8


def test_precisions_say_their_bits() -> None:
    assert (Precision.W4_A8.weight_bits, Precision.W4_A8.activation_bits) == (4, 8)
    assert (Precision.FLOAT16.weight_bits, Precision.DYNAMIC.activation_bits) == (16, 32)


def test_int4_is_refused_where_the_target_has_no_int4_kernel() -> None:
    model, target = conv_net(), load_target("corstone-300-u55")
    with pytest.raises(UnsupportedError, match="has no int4 kernel"):
        QUANTIZE.plan(model, QUANTIZE.options({"scheme": "int4"}), Setting(target=target, samples=samples(model)))


def test_int4_takes_int8_for_the_operators_whose_int4_kernel_the_target_lacks() -> None:
    model, target = conv_net(), load_target("nucleo-h743zi")
    plan = QUANTIZE.plan(model, QUANTIZE.options({"scheme": "int4"}), Setting(target=target, samples=samples(model)))
    by_kind = {a.kind: a.precision for a in plan.assignments}
    assert by_kind["CONV_2D"] is Precision.W4_A8 and by_kind["FULLY_CONNECTED"] is Precision.W8_A8


def test_int16_additions_take_scales_that_are_no_powers_of_two() -> None:
    model = two_inputs()
    add = model.main.ops[-1]
    assert add.kind == "ADD" and add.options.potScaleInt16, "as converters write it"
    result, _ = quantized(model, scheme="int16x8")
    assert [op.options.potScaleInt16 for op in result.main.ops if op.kind == "ADD"] == [False]


def test_at_16_bits_nothing_is_cut_off() -> None:
    method = {m: calibration_options(QUANTIZE.options({"scheme": "int16x8", "calibration": {"method": m.value}})).method
              for m in RangeMethod}  # fmt: skip
    assert method == {m: RangeMethod.MINMAX if m is RangeMethod.MSE else m for m in RangeMethod}
