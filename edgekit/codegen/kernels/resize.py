"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: where each row and column comes from is known when C is generated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.typed import source_of, suffix_of, width_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

F = np.float32
_ONE = 1 << 10
"""A share of 1 in RESIZE_BILINEAR's arithmetic on integers."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the output's elements along an axis lie over the input's."""

    source: int
    output: int
    align_corners: bool
    half_pixel_centers: bool


def lower_resize_nearest(op: Op, settings: Settings) -> Call:
    """Whole pixels of any type."""
    source, output = source_of(op), op.outputs[0]
    rows, columns = _scalings(op, source, output)
    fields: dict[str, Field] = {
        **_shape(source, output),
        "bytes": source.shape[3] * width_of(op, source),
        "rows": Constant(np.array(nearest(rows), np.uint16)),
        "columns": Constant(np.array(nearest(columns), np.uint16)),
    }
    return Call(op, "ek_resize_nearest", "ek_resize.h", fields, (source,), (output,), ahead=(None,))


def lower_resize_bilinear(op: Op, settings: Settings) -> Call:
    """int8 and int16, between four pixels."""
    source, output = source_of(op), op.outputs[0]
    suffix = suffix_of(op, source, DType.INT8, DType.INT16)
    rows, columns = (between(one) for one in _scalings(op, source, output))
    fields: dict[str, Field] = {**_shape(source, output), "channels": source.shape[3]}
    names = (("above", "below", "below_share"), ("left", "right", "right_share"))
    for axis, (first, second, share) in zip((rows, columns), names, strict=True):
        fields[first] = Constant(np.array([place[0] for place in axis], np.uint16))
        fields[second] = Constant(np.array([place[1] for place in axis], np.uint16))
        fields[share] = Constant(np.array([place[2] for place in axis], np.int16))
    return Call(op, f"ek_resize_bilinear_{suffix}", "ek_resize.h", fields, (source,), (output,), ahead=(None,))


def _scalings(op: Op, source: Tensor, output: Tensor) -> tuple[Scaling, Scaling]:
    if len(source.shape) != 4 or max(source.shape) > 65535:
        raise ModelError(f"{op.label} '{op.name}' has an input of shape {list(source.shape)}; C takes images.")
    flags = (bool(op.options.alignCorners), bool(op.options.halfPixelCenters))
    return (
        Scaling(source.shape[1], output.shape[1], *flags),
        Scaling(source.shape[2], output.shape[2], *flags),
    )


def _shape(source: Tensor, output: Tensor) -> dict[str, Field]:
    return {
        "batches": source.shape[0],
        "in_height": source.shape[1],
        "in_width": source.shape[2],
        "out_height": output.shape[1],
        "out_width": output.shape[2],
    }


def nearest(scaling: Scaling) -> list[int]:
    """As GetNearestNeighbor of tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h, in float32."""
    corners = scaling.align_corners and scaling.output > 1
    factor = (
        F(scaling.source - 1) / F(scaling.output - 1) if corners else F(scaling.source) / F(scaling.output)
    )  # fmt: skip
    offset = F(0.5) if scaling.half_pixel_centers else F(0)
    places = [float((F(i) + offset) * factor) for i in range(scaling.output)]
    whole = [math.floor(place + 0.5) if scaling.align_corners else math.floor(place) for place in places]
    return [max(0, min(place, scaling.source - 1)) for place in whole]


def between(scaling: Scaling) -> list[tuple[int, int, int]]:
    """For each of the output's elements both neighbours in the input, and 1024 times the share of the second.

    As ComputeInterpolationValues of tensorflow/lite/kernels/internal/reference/resize_bilinear.h, on integers.
    """
    source, output = scaling.source, scaling.output
    factor = (_ONE * source + output // 2) // output
    if scaling.align_corners and output > 1:
        factor = (_ONE * (source - 1) + (output - 1) // 2) // (output - 1)
    found = []
    for i in range(output):
        place = i * factor + (factor // 2 - _ONE // 2 if scaling.half_pixel_centers else 0)
        first = max(int(place / _ONE), 0)
        second = min(int((place + _ONE - 1) / _ONE), source - 1)
        found.append((first, second, place - _ONE * first))
    return found
