"""TensorFlow Lite Micro itself, in its child process."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from edgekit.core.errors import MissingError, ModelError
from edgekit.graph.codec import write
from edgekit.graph.model import Op
from edgekit.runtime.litert import Kernels, LiteRT
from edgekit.runtime.tflm import run_tflm
from tests.small_models import activation, assemble, conv_model, signed
from tests.tools import package
from tests.unit.verify.small_models import int8_chain

DENSE = int8_chain((1 / 127, 1 / 64), np.random.default_rng(0).normal(0, 1, (5, 7)))


def test_the_arena_is_the_least_and_the_outputs_are_tflms() -> None:
    package("tflite_micro", "tflm")
    inputs = np.random.default_rng(1).integers(-128, 128, (4, 1, 7)).astype(np.int8)
    found = run_tflm(DENSE, (inputs,))
    assert 256 < found.arena_bytes < 4096 and found.arena_bytes % 16 == 0
    assert found.version.startswith("0.dev")
    runner = LiteRT(DENSE, kernels=Kernels.REFERENCE)
    expected = np.stack([runner.run({"x": sample})["layer0"] for sample in inputs])
    assert found.outputs[0].shape == expected.shape
    assert np.max(np.abs(found.outputs[0].astype(int) - expected)) <= 1  # it rounds twice
    assert run_tflm(DENSE).outputs == ()
    assert run_tflm(DENSE).arena_bytes == found.arena_bytes


def test_a_float_model_is_computed_too() -> None:
    package("tflite_micro", "tflm")
    model = write(conv_model())
    sample = np.random.default_rng(2).normal(0, 1, (1, 1, 8, 8, 3)).astype(np.float32)
    found = run_tflm(model, (sample,)).outputs[0][0]
    # Sums of 27 and 512 products in another order.
    np.testing.assert_allclose(found, LiteRT(model).run({"x": sample[0]})["y"], rtol=1e-5, atol=1e-6)


def test_a_model_that_tflm_does_not_take() -> None:
    package("tflite_micro", "tflm")
    x, y = activation("x", 1, 4), activation("y", 1, 4)
    model = write(signed(assemble([Op("CUSTOM", [x], [y], custom_name="mine")], [x], [y])))
    with pytest.raises(ModelError, match="TensorFlow Lite Micro does not take the model: .*op code CUSTOM"):
        run_tflm(model)


def test_without_the_package_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    with pytest.raises(MissingError) as caught:
        run_tflm(DENSE)
    assert caught.value.hint == "pip install 'edgekit[tflm]'"
