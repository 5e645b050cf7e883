"""Layers that the kernels for Helium are held against LiteRT with: on this machine, and on an emulated Cortex-M55."""

from __future__ import annotations

import numpy as np

from tests.unit.codegen.linear_cases import Layers
from tests.unit.codegen.one_op import Spec, one_op

SHAPES = [(1, 4, 5, 16), (1, 3, 5, 3), (7,), (2, 3, 4), (33,)]
SCALES = [(0.5, 0.5, 1.0), (0.25, 0.125, 0.3), (0.1, 0.1, 0.001), (0.02, 1e-9, 0.02), (0.031, 0.7, 2.0)]


def layers(kind: str, count: int, seed: int) -> list[bytes]:
    """`count` random layers of a kind that linear_cases knows, each a model; odd sizes, and some that are wide."""
    models = []
    for number in range(count):
        one = Layers(seed=1000 * seed + number)
        getattr(one, kind)()
        models.append(one.bytes())
    return models


def wide_depthwise() -> list[bytes]:
    """Windows of more than four words, and channels that fill vectors exactly, nearly, and more than once."""
    models = []
    for number, (height, width, channels) in enumerate([(5, 5, 16), (7, 3, 18), (1, 6, 33), (15, 1, 8), (9, 2, 5)]):
        one = Layers(seed=number)
        shapes = ((1, 17, 9, channels), (1, height, width, channels), (1, 17, 9, channels))
        options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        one.add("DEPTHWISE_CONV_2D", shapes, height * width, 3, padding=0, depthMultiplier=1, **options)
        models.append(one.bytes())
    return models


def deep_conv() -> list[bytes]:
    """Sums of many steps, even and odd in number, with and without padding."""
    models = []
    for number, (kernel, depth, channels) in enumerate([(1, 64, 20), (1, 80, 6), (3, 16, 5), (3, 33, 8), (1, 7, 9)]):
        one = Layers(seed=number)
        shapes = ((1, 7, 5, depth), (channels, kernel, kernel, depth), (1, 7, 5, channels))
        options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        one.add("CONV_2D", shapes, kernel * kernel * depth, 0, padding=0, **options)
        models.append(one.bytes())
    return models


def sums() -> list[bytes]:
    """ADD and SUB of operands whose scales are equal, distant, and neither."""
    models = []
    for number, (a, b, out) in enumerate(SCALES):
        shape = SHAPES[number]
        inputs = [Spec(shape, scale=a, zero_point=-128), Spec(shape, scale=b, zero_point=13)]
        for kind in ("ADD", "SUB"):
            models.append(one_op(kind, inputs, [Spec(shape, scale=out, zero_point=-128)], fusedActivationFunction=1))
            models.append(one_op(kind, inputs[::-1], [Spec(shape, scale=out, zero_point=27)]))
    return models


def pools() -> list[bytes]:
    """Means of windows inside and over the edge, of channels that fill vectors and that do not."""
    models = []
    for kernel, stride, channels in [(2, 2, 8), (3, 1, 6), (5, 2, 3), (4, 4, 16)]:
        options = {"filterHeight": kernel, "filterWidth": kernel, "strideH": stride, "strideW": stride}
        out = -(-7 // stride)
        source, result = Spec((1, 7, 7, channels), scale=0.1), Spec((1, out, out, channels), scale=0.1)
        models.append(one_op("AVERAGE_POOL_2D", [source], [result], padding=0, fusedActivationFunction=1, **options))
    return models


def coarse_outputs() -> list[bytes]:
    """FULLY_CONNECTED with factors from a quarter to 8: sums are shifted to the left before they are rounded."""
    models = []
    for factor in (0.25, 0.4, 0.5, 0.9, 1.0, 3.0, 8.0):
        inputs = [
            Spec((2, 19), scale=factor, zero_point=3),
            Spec((6, 19), scale=1.0, data=np.random.default_rng(3).integers(-2, 3, (6, 19), np.int8)),
        ]
        models.append(one_op("FULLY_CONNECTED", [*inputs, None], [Spec((2, 6), scale=1.0, zero_point=-5)]))
    return models
