"""Scales that are powers of two: exact grids, every multiplier a shift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.compress.quantize.shifts import audit_shifts, power_above, weight_scales, widen
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.ranges import TensorRange
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.model import Model
from edgekit.graph.ops import activation_of, spec_of, weights_of
from tests.unit.compress.small import ZOO, samples


def _is_power(scale: object) -> bool:
    return bool((np.frexp(np.asarray(scale))[0] == 0.5).all())


@given(st.floats(2.0**-30, 2.0**30))
def test_the_power_above_is_the_least_one(scale: float) -> None:
    power = float(power_above(np.asarray(scale)))
    assert _is_power(power) and power / 2 < scale <= power


@given(st.floats(-1e4, 0), st.floats(0, 1e4), st.sampled_from([8, 16]))
def test_a_widened_range_covers_the_old_one_on_a_whole_grid(low: float, high: float, bits: int) -> None:
    wide = widen(TensorRange(low, high, low, high), bits)
    steps = 255 if bits == 8 else 65534
    scale = (wide.max - wide.min) / steps
    assert _is_power(scale)
    zero = -128 - wide.min / scale if bits == 8 else 0
    assert zero == round(zero) and -128 <= zero <= 127
    # the zero point is rounded, which may cut half a step off one end
    assert wide.min <= low + scale / 2 and wide.max >= high - scale / 2


def test_a_channel_may_saturate_where_that_loses_less() -> None:
    values = np.full((2, 4), 0.1, np.float32)
    values[0, 0], values[1, 0] = 1.27, 1.271  # the second is just above 127/100
    scales = weight_scales(values * 100 / 64, 0, 127)
    assert _is_power(scales) and scales.tolist() == [[2.0**-6], [2.0**-6]]


@pytest.mark.parametrize("scheme", ["int8", "int16x8", "int4"])
@pytest.mark.parametrize("name", ZOO)
def test_every_multiplier_is_a_power_of_two(scheme: str, name: str) -> None:
    model = ZOO[name]()
    result = _quantized(model, scheme, "power-of-two")
    multipliers = []
    for op in result.main.ops:
        data, held, made = activation_of(op), weights_of(op), op.outputs[0]
        if spec_of(op).is_compute and data is not None and held is not None:
            scales = [t.quantization.scale.astype(np.float64) for t in (data, held, made) if t.quantization]
            multipliers.append(scales[0] * scales[1] / scales[2])
    assert multipliers and all(_is_power(m) for m in multipliers)


def test_free_scales_are_found_out() -> None:
    with pytest.raises(ModelError, match="no power of two"):
        audit_shifts(_quantized(ZOO["conv_net"](), "int8", "free"))


@pytest.mark.parametrize("mapping", [{"scheme": "dynamic"}, {"algorithm": "hadamard"}])
def test_what_does_not_go_with_shifts_is_refused(mapping: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="powers of two"):
        QUANTIZE.options({**mapping, "scales": "power-of-two"})


def _quantized(model: Model, scheme: str, scales: str) -> Model:
    plan = QUANTIZE.plan(model, QUANTIZE.options({"scheme": scheme, "scales": scales}), Setting(samples=samples(model)))
    return QUANTIZE.apply(model, plan)
