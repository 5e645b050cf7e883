"""The text form, word for word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.graph.codec import read, write
from edgekit.graph.model import Model, Quantization
from edgekit.graph.text import dump, quantization_text
from edgekit.graph.types import DType
from tests.small_models import control_flow_model, conv_model
from tests.unit.graph.every_field import every_field

GOLDEN = Path(__file__).parents[2] / "golden"


def quantized() -> Model:
    model = conv_model()
    x, weights = model.main.tensors[:2]
    x.quantization = Quantization(np.array([0.5], np.float32), np.array([-3], np.int64))
    x.shape_signature = (-1, 8, 8, 3)
    weights.quantization = Quantization(np.linspace(0.125, 0.25, 8, dtype=np.float32), np.zeros(8, np.int64))
    weights.dtype = DType.INT8
    weights.set_data(np.zeros(weights.shape, np.int8))
    return model


@pytest.mark.parametrize(
    ("name", "model"),
    [("conv", quantized()), ("control_flow", control_flow_model()), ("every_field", read(every_field()))],
)
def test_the_text_is_the_golden_one(name: str, model: Model) -> None:
    golden = (GOLDEN / f"graph_{name}.txt").read_text(encoding="utf-8")
    assert dump(model) == golden
    assert dump(read(write(model))) == golden


def test_quantization_in_short() -> None:
    assert quantization_text(None) == "" == quantization_text(Quantization())
    assert quantization_text(Quantization(np.array([0.5], np.float32), np.zeros(0, np.int64))) == "{scale 0.5}"


def test_a_name_cannot_break_a_line() -> None:
    model = conv_model()
    model.main.ops[0].outputs[0].name = "a\nb\x1b[31m"
    assert "'a\\nb\\x1b[31m'" in dump(model) and "\x1b" not in dump(model)
