from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Settings
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


def test_a_bias_with_which_sums_can_overflow_is_refused() -> None:
    bias = Spec((1,), DType.INT32, scale=0.001, data=np.array([2**31 - 100], np.int32))
    weights = Spec((1, 4), scale=0.1, data=np.full((1, 4), 3, np.int8))
    model = one_op("FULLY_CONNECTED", [Spec((1, 4), scale=0.1), weights, bias], [Spec((1, 1), scale=0.1)])
    with pytest.raises(ModelError, match="bias in output channel 0 with which its sums can leave int32"):
        generate(read(model), Settings())
