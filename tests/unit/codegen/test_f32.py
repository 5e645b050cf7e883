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
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.near import assert_within
from tests.unit.codegen.one_op import Spec, one_op

Shape = tuple[int, ...]
COMPILERS = pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])


def real(shape: Shape, data: Any = None) -> Spec:
    return Spec(shape, DType.FLOAT32, data=data)


def normal(rng: np.random.Generator, shape: Shape) -> Spec:
    return real(shape, rng.normal(0, 1, shape).astype(np.float32))


def any_shape(rng: np.random.Generator) -> Shape:
    """Of one to four axes, every other with a batch of one."""
    shape = tuple(int(n) for n in rng.integers(1, 6, int(rng.integers(1, 5))))
    return (1, *shape[1:]) if rng.random() < 0.5 else shape


def unary(rng: np.random.Generator, kind: str, **options: Any) -> bytes:
    shape = any_shape(rng)
    return one_op(kind, [real(shape)], [real(shape)], **options)


def binary(rng: np.random.Generator, kind: str, number: int) -> bytes:
    """Operands of one shape, or repeated, or constant on either side."""
    shape = any_shape(rng)
    thin = tuple(n if rng.random() < 0.5 else 1 for n in shape) if number % 2 else shape
    operands = [real(shape), normal(rng, thin) if number % 3 == 0 else real(thin)]
    options = {} if kind == "SQUARED_DIFFERENCE" else {"fusedActivationFunction": number % 4}
    return one_op(kind, operands[::-1] if number % 5 == 0 else operands, [real(shape)], **options)


def prelu(rng: np.random.Generator) -> bytes:
    shape = (int(rng.integers(1, 3)), 3, 4, int(rng.integers(1, 5)))
    return one_op("PRELU", [real(shape), normal(rng, (1, 1, shape[3]))], [real(shape)])


@COMPILERS
def test_elementwise_operators_are_exact(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    clips = [unary(rng, kind) for kind in ("RELU", "RELU6", "RELU_N1_TO_1", "HARD_SWISH") for _ in range(3)]
    leaks = [unary(rng, "LEAKY_RELU", alpha=0.1) for _ in range(3)] + [prelu(rng) for _ in range(3)]
    kinds = ("ADD", "SUB", "MUL", "DIV", "SQUARED_DIFFERENCE")
    pairs = [binary(rng, kind, number) for kind in kinds for number in range(6)]
    assert_exact(side_by_side([*clips, *leaks, *pairs]), Settings(), tmp_path, compiler=compiler)


def pool(rng: np.random.Generator, kind: str, number: int) -> bytes:
    batches, height, width, depth = (int(n) for n in rng.integers((1, 3, 3, 1), (3, 8, 8, 5)))
    kernel, stride = rng.integers(1, 4, 2), rng.integers(1, 4, 2)
    same = bool(number % 2)
    sizes = zip((height, width), kernel, stride, strict=True)
    out = [int(-(-size // s) if same else (size - k) // s + 1) for size, k, s in sizes]
    options = {"strideH": stride[0], "strideW": stride[1], "filterHeight": kernel[0], "filterWidth": kernel[1]}
    options |= {"padding": 0 if same else 1, "fusedActivationFunction": number % 4}
    return one_op(kind, [real((batches, height, width, depth))], [real((batches, *out, depth))], **options)


def reduction(rng: np.random.Generator, kind: str) -> bytes:
    shape = any_shape(rng)
    axes = tuple(axis for axis in range(len(shape)) if rng.random() < 0.5) or (0,)
    keep = bool(rng.random() < 0.5)
    kept = [(1 if axis in axes else n) for axis, n in enumerate(shape)]
    out = tuple(n for axis, n in enumerate(kept) if keep or axis not in axes)
    which = Spec((len(axes),), DType.INT32, data=np.array(axes, np.int32))
    return one_op(kind, [real(shape), which], [real(out)], keepDims=keep)


def resize(rng: np.random.Generator, number: int) -> bytes:
    batches, height, width, depth, rows, columns = (int(n) for n in rng.integers(1, 8, 6))
    size = Spec((2,), DType.INT32, data=np.array([rows, columns], np.int32))
    options = {"alignCorners": number % 3 == 1, "halfPixelCenters": number % 3 == 2}
    inputs = [real((batches, height, width, depth)), size]
    return one_op("RESIZE_BILINEAR", inputs, [real((batches, rows, columns, depth))], 3, **options)


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
