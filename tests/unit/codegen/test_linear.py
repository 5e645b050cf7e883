from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Constant, Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.linear_cases import Layers
from tests.unit.codegen.one_op import Spec, one_op

LAYERS = 40
"""In a program."""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("build", list(Build))
@pytest.mark.parametrize("kind", ["conv", "depthwise", "depthwise_3x3", "fully_connected"])
def test_random_layers_are_exact(tmp_path: Path, kind: str, build: Build, compiler: str) -> None:
    layers = Layers(seed=1 if compiler == "gcc" else 2)
    for _ in range(LAYERS):
        getattr(layers, kind)()
    assert_exact(layers.bytes(), Settings(build), tmp_path, compiler=compiler)


@pytest.mark.parametrize("build", list(Build))
@pytest.mark.parametrize("kind", ["conv", "depthwise", "fully_connected"])
def test_weights_of_4_bits_are_exact(tmp_path: Path, kind: str, build: Build) -> None:
    layers = Layers(seed=4, bits=4)
    for _ in range(LAYERS):
        getattr(layers, kind)()
    model = layers.bytes()
    assert_exact(model, Settings(build), tmp_path)


@pytest.mark.parametrize("build", list(Build))
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_weights_of_4_bits_take_half_a_byte(kind: str, build: Build) -> None:
    layers = Layers(seed=6, bits=4)
    shape = {
        "CONV_2D": ((1, 5, 5, 32), (16, 1, 1, 32), (1, 5, 5, 16)),
        "DEPTHWISE_CONV_2D": ((1, 5, 5, 32), (1, 1, 1, 32), (1, 5, 5, 32)),
        "FULLY_CONNECTED": ((1, 32), (16, 32), (1, 16)),
    }[kind]
    window = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    layers.add(
        kind, shape, 32, 3 if kind == "DEPTHWISE_CONV_2D" else 0, **({} if kind == "FULLY_CONNECTED" else window)
    )
    (call,) = generate(read(layers.bytes()), Settings(build)).plan.calls
    weights = call.fields["weights"]
    assert isinstance(weights, Constant)
    assert weights.nbytes == np.prod(shape[1]) // 2


@pytest.mark.parametrize("build", list(Build))
@pytest.mark.parametrize("kind", ["conv", "depthwise"])
def test_several_images_are_exact(tmp_path: Path, kind: str, build: Build) -> None:
    layers = Layers(seed=5, batches=3)
    for _ in range(12):
        getattr(layers, kind)()
    assert_exact(layers.bytes(), Settings(build), tmp_path)


def test_a_bias_with_which_sums_can_overflow_is_refused() -> None:
    bias = Spec((1,), DType.INT32, scale=0.001, data=np.array([2**31 - 100], np.int32))
    weights = Spec((1, 4), scale=0.1, data=np.full((1, 4), 3, np.int8))
    model = one_op("FULLY_CONNECTED", [Spec((1, 4), scale=0.1), weights, bias], [Spec((1, 1), scale=0.1)])
    with pytest.raises(ModelError, match="bias in output channel 0 with which its sums can leave int32"):
        generate(read(model), Settings())


@pytest.mark.parametrize("build", [Build.PORTABLE, Build.DSP])
@pytest.mark.parametrize("kind", ["conv", "depthwise", "depthwise_3x3"])
def test_outputs_laid_over_their_inputs_are_exact(tmp_path: Path, kind: str, build: Build) -> None:
    tried = 0
    for seed in range(100, 115):
        layers = Layers(seed)
        getattr(layers, kind)()
        model = layers.bytes()
        plan = generate(read(model), Settings(build)).plan
        source, output = plan.calls[0].inputs[0], plan.calls[0].outputs[0]
        distance = plan.offsets[source] - plan.offsets[output]
        if -source.nbytes < distance < output.nbytes and tried < 4:
            tried += 1
            (tmp_path / str(seed)).mkdir()
            assert_exact(model, Settings(build), tmp_path / str(seed), count=4)
    assert tried == 4
