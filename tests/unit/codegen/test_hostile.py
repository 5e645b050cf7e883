"""Files that state what cannot be: each gets one sentence, and no C."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgekit.codegen.call import Build, Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.one_op import Spec, one_op

IMAGE = Spec((1, 5, 5, 3), scale=0.1)
MATRIX = Spec((3, 4), scale=0.1)


def numbers(*values: int) -> Spec:
    return Spec((len(values),), DType.INT32, data=np.array(values, np.int32))


def weights(*shape: int, scale: float | tuple[float, ...] = 0.01) -> Spec:
    return Spec(shape, scale=scale, data=np.ones(shape, np.int8))


def conv(
    source: Spec = IMAGE, kernel: Spec | None = None, result: Spec | None = None, biases: int = 4, **options: Any
) -> bytes:
    kernel, result = kernel or weights(4, 3, 3, 3), result or Spec((1, 5, 5, 4), scale=0.1)
    bias = replace(numbers(*range(biases)), scale=0.001)
    given = {"strideH": 1, "strideW": 1, "padding": 0, "dilationHFactor": 1, "dilationWFactor": 1, **options}
    return one_op("CONV_2D", [source, kernel, bias], [result], **given)


def pool(**options: Any) -> bytes:
    given = {"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2, "padding": 0, **options}
    return one_op("MAX_POOL_2D", [Spec((1, 4, 4, 2), scale=0.1)], [Spec((1, 2, 2, 2), scale=0.1)], **given)


HOSTILE = {
    "CONV_2D 'out0' has 4 output channels and 3 biases": conv(biases=3),
    "has an input of 3 channels and weights for 2": conv(kernel=weights(4, 3, 3, 2)),
    "computes [1, 5, 5, 5], and its output 'out0' is [1, 5, 5, 4]": conv(kernel=weights(5, 3, 3, 3), biases=5),
    "computes [1, 5, 5, 4], and its output 'out0' is [5, 5, 4]": conv(result=Spec((5, 5, 4), scale=0.1)),
    "computes [1, 5, 5, 4], and its output 'out0' is [1, 2, 2, 4]": conv(result=Spec((1, 2, 2, 4), scale=0.1)),
    "computes [2, 5, 5, 4], and its output": conv(source=Spec((2, 5, 5, 3), scale=0.1)),
    "has no weights of 4 axes": conv(kernel=weights(4, 3, 3)),
    "a window of [3, 3], strides of [0, 1] and dilations of [1, 1]": conv(strideH=0),
    "a window of [3, 3], strides of [1, 1] and dilations of [1073741824, 1]": conv(dilationHFactor=1 << 30),
    "a window of [-1, 2], strides of [2, 2]": pool(filterHeight=-1),
    "has 3 scales, which do not fit axis 0 of its shape [4, 3, 3, 3]": conv(
        kernel=weights(4, 3, 3, 3, scale=(0.1, 0.2, 0.3))
    ),
    "has a scale that is not greater than zero": conv(source=replace(IMAGE, scale=0.0)),
    "has a scale that is not a finite number": conv(source=replace(IMAGE, scale=float("nan"))),
    "has a zero point outside of int8": conv(source=replace(IMAGE, zero_point=1000)),
    "'out0' has shapes, scales or options that no C can have: scales are a factor of 1e+28 apart": conv(
        source=replace(IMAGE, scale=1e29)
    ),
    "has the empty tensor 'in0'": conv(source=Spec((1, 0, 5, 3), scale=0.1), result=Spec((1, 0, 5, 4), scale=0.1)),
    "has the impossible shape [1, 32768, 65536, 1]": one_op("RELU", [Spec((1, 1 << 15, 1 << 16, 1), scale=0.1)], [MATRIX]),
    "has operands of [3, 4] and [3, 3], which do not fit": one_op("ADD", [MATRIX, Spec((3, 3), scale=0.1)], [MATRIX]),
    "RELU 'out0' computes [3, 4], and its output": one_op("RELU", [MATRIX], [Spec((3, 5), scale=0.1)]),
    "RELU 'out0' has no inputs or no outputs": one_op("RELU", [None], [MATRIX]),
    "ADD 'out0' has no input 1": one_op("ADD", [MATRIX], [MATRIX]),
    "RESHAPE 'out0' computes [3, 4], and its output": one_op("RESHAPE", [MATRIX, numbers(24)], [Spec((24,), scale=0.1)]),
    "has an input of int8 and an output of int16": one_op(
        "RESHAPE", [MATRIX, numbers(12)], [Spec((12,), DType.INT16, 0.1)]
    ),
    "has an order of [0, 0] for 2 axes": one_op("TRANSPOSE", [MATRIX, numbers(0, 0)], [MATRIX]),
    "has a box from [-1, 0] of [2, 2] that leaves its tensor": one_op(
        "SLICE", [MATRIX, numbers(-1, 0), numbers(2, 2)], [Spec((2, 2), scale=0.1)]
    ),
    "has paddings of [0, 0, -1, 1]": one_op("PAD", [MATRIX, Spec((2, 2), DType.INT32, data=np.array([[0, 0], [-1, 1]], np.int32))],
                                            [MATRIX]),
    "ARG_MAX 'out0' computes [4], and its output": one_op(
        "ARG_MAX", [MATRIX, Spec((), DType.INT32, data=np.array(0, np.int32))], [Spec((9,), DType.INT32)], outputType=2
    ),
    "has an input of [3, 4] and weights for 5": one_op(
        "FULLY_CONNECTED", [MATRIX, weights(2, 5), None], [Spec((3, 2), scale=0.1)], 4
    ),
    "no C can have: cannot convert float infinity": one_op("LEAKY_RELU", [MATRIX], [MATRIX], alpha=float("inf")),
}  # fmt: skip


@pytest.mark.parametrize("sentence", HOSTILE)
@pytest.mark.parametrize("build", list(Build))
def test_is_refused_in_one_sentence(sentence: str, build: Build) -> None:
    with pytest.raises(ModelError) as caught:
        generate(read(HOSTILE[sentence]), Settings(build))
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_operator_without_options_is_refused() -> None:
    model = read(pool())
    model.main.ops[0].options = None
    with pytest.raises(ModelError, match="MAX_POOL_2D 'out0' has no options"):
        generate(model, Settings())


@pytest.mark.parametrize("name", ["*/ int x; /*", '"; int x; //', "a\nb\n#error no", '??/\n??"', "\\", "ä\u202e\x00"])
def test_names_stay_inside_their_quotes(name: str) -> None:
    model = read(one_op("RELU", [MATRIX], [MATRIX]))
    model.main.outputs[0].name = name
    source = generate(model, Settings()).files["ek_model.c"].decode()
    (line,) = [line for line in source.splitlines() if "RELU" in line]
    assert line.startswith('    "RELU ')
    assert line.endswith('",')
    assert line.isascii()
    assert line.count('"') == 2
    assert "\\" not in line
    assert "??" not in line


def test_what_computes_a_shape_that_is_known_is_not_needed() -> None:
    """Keras' Flatten where the number of images was open: SHAPE, and what is made of it, before RESHAPE."""
    model = read(one_op("RESHAPE", [MATRIX, Spec((1,), DType.INT32)], [Spec((12,), scale=0.1)]))
    shape = model.main.ops[0].inputs[1]
    other = read(one_op("SHAPE", [MATRIX], [Spec((1,), DType.INT32)], outType=2)).main.ops[0]
    assert shape is not None
    other.inputs, other.outputs = [model.main.ops[0].inputs[0]], [shape]
    model.main.inputs.remove(shape)
    model.main.ops.insert(0, other)
    assert [call.op.kind for call in generate(model, Settings()).plan.calls] == []
