"""Layers of int16 activations with int8 weights, of float32, and transposed ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Settings
from edgekit.codegen.generate import generate, the_graph
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact, random_samples, reference
from tests.unit.codegen.layers import layer, weights
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
CASES = [(kind, dtype) for kind in KINDS for dtype in (DType.INT16, DType.FLOAT32)] + [("TRANSPOSE_CONV", DType.INT8)]


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
@pytest.mark.parametrize(("kind", "dtype"), CASES)
def test_layers_are_exact(tmp_path: Path, kind: str, dtype: DType, seed: int, compiler: str) -> None:
    """float32 too: sums are taken in the reference's order, and the host contracts nothing."""
    rng = np.random.default_rng(seed)
    makes = [layer(rng, kind, number, dtype) for number in range(24)]
    assert_exact(side_by_side(makes), Settings(), tmp_path, compiler=compiler)


@pytest.mark.parametrize(("build", "compiler"), [(Build.DSP, "gcc"), (Build.DSP, "clang"), (Build.MVE, "gcc")])
@pytest.mark.parametrize("kind", ["CONV_2D", "FULLY_CONNECTED"])
def test_wide_layers_of_other_builds_are_exact(tmp_path: Path, kind: str, build: Build, compiler: str) -> None:
    rng = np.random.default_rng(3)
    makes = [layer(rng, kind, number, DType.INT16) for number in range(24)]
    assert_exact(side_by_side(makes), Settings(build), tmp_path, compiler=compiler)


@pytest.mark.parametrize("kind", KINDS)
def test_most_outputs_of_these_layers_are_within_their_range(kind: str) -> None:
    """A test of saturated outputs would show nothing."""
    rng = np.random.default_rng(1)
    model = side_by_side([layer(rng, kind, number, DType.INT16) for number in range(24)])
    (results,) = reference(model, random_samples(the_graph(read(model)), 1))
    values = np.concatenate([result.reshape(-1) for result in results])
    assert np.mean((values > -32768) & (values < 32767) & (values != 0)) > 0.3


def test_a_zero_point_of_int16_is_refused() -> None:
    rng = np.random.default_rng(0)
    inputs = [Spec((1, 4), DType.INT16, 0.1, zero_point=3), weights(rng, (2, 4), 0, DType.INT16)]
    model = one_op("FULLY_CONNECTED", inputs, [Spec((1, 2), DType.INT16, 0.1)], 11)
    with pytest.raises(ModelError, match="FULLY_CONNECTED 'out0' is int16 with a zero point"):
        generate(read(model), Settings())


def test_float_activations_with_int8_weights_are_refused() -> None:
    rng = np.random.default_rng(0)
    inputs = [Spec((1, 4), DType.FLOAT32), weights(rng, (2, 4), 0, DType.INT16)]
    model = one_op("FULLY_CONNECTED", inputs, [Spec((1, 2), DType.FLOAT32)], 3)
    with pytest.raises(ModelError, match="FULLY_CONNECTED 'out0' has float32 activations and int8 weights"):
        generate(read(model), Settings())
