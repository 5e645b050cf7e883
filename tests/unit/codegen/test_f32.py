"""float32 operators: bit for bit where the reference only adds, multiplies and divides; else within the errors that
ek_math_f32.h states for its functions, plus those of LiteRT's libm (under 1 ulp) and of what is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read, write
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels
from tests.unit.codegen.float_ops import ARITHMETIC, COMPARISONS, binary, pool, prelu, reduction, resize, unary
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.near import assert_within
from tests.unit.codegen.one_op import Spec, one_op

CLIPS = ("RELU", "RELU6", "RELU_N1_TO_1", "HARD_SWISH", "ABS", "NEG", "SQUARE")
COMPILERS = pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])


@COMPILERS
def test_elementwise_operators_are_exact(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    clips = [unary(rng, kind) for kind in CLIPS for _ in range(3)]
    leaks = [unary(rng, "LEAKY_RELU", alpha=0.1) for _ in range(3)] + [prelu(rng) for _ in range(3)]
    kinds = (*ARITHMETIC, "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM", *COMPARISONS)
    pairs = [binary(rng, kind, number) for kind in kinds for number in range(6)]
    assert_exact(side_by_side([*clips, *leaks, *pairs]), Settings(), tmp_path, compiler=compiler)


@COMPILERS
def test_windows_reductions_and_resizing_are_exact(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    pools = [pool(rng, kind, number) for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D") for number in range(8)]
    reductions = [reduction(rng, kind) for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN") for _ in range(5)]
    models = [*pools, *reductions, *(resize(rng, number) for number in range(9))]
    assert_exact(side_by_side(models), Settings(), tmp_path, compiler=compiler)


@pytest.mark.parametrize(
    ("kind", "options", "ulps", "least"),
    [
        ("EXP", {}, 2, 0.0),
        ("TANH", {}, 4, 0.0),
        ("LOGISTIC", {}, 4, 0.0),
        ("ELU", {}, 3, 0.0),
        ("GELU", {"approximate": True}, 8, 1.0),  # x * (1 + tanh) cancels below 0: absolute there
    ],
)
def test_functions_are_near(tmp_path: Path, kind: str, options: dict[str, Any], ulps: float, least: float) -> None:
    rng = np.random.default_rng(3)
    kernels = Kernels.BUILTIN if kind == "ELU" else Kernels.REFERENCE  # which lack it
    assert_within(side_by_side([unary(rng, kind, **options) for _ in range(12)]), tmp_path, ulps, least, kernels)


def test_softmax_is_near(tmp_path: Path) -> None:
    """exp 1 ulp here, 1 there; the sum of up to 5 of them and the division about 1 each."""
    rng = np.random.default_rng(4)
    models = [unary(rng, "SOFTMAX", beta=float(rng.uniform(0.5, 2))) for _ in range(12)]
    assert_within(side_by_side(models), tmp_path, 6)


def test_the_exact_gelu_is_refused() -> None:
    model = unary(np.random.default_rng(0), "GELU", approximate=False)
    with pytest.raises(ModelError, match="GELU 'out0' is the exact one; C is generated for the approximation by tanh"):
        generate(read(model), Settings())


def test_a_reshape_without_options_is_a_reshape(tmp_path: Path) -> None:
    """As converters write it: the shape stands in the second input."""
    shape = Spec((2,), DType.INT32, data=np.array([3, 4], np.int32))
    model = read(one_op("RESHAPE", [Spec((2, 6), DType.FLOAT32), shape], [Spec((3, 4), DType.FLOAT32)]))
    model.graphs[0].ops[0].options = None
    assert_exact(write(model), Settings(), tmp_path)
