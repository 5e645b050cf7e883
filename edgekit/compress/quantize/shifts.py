"""Scales that are powers of two, for targets that shift where others multiply.

A layer rescales its sums by input scale · weight scale / output scale. Where each of them is a power of two, so is
that, and the integer multiplication becomes a shift. It costs up to one bit of each range, less where weights saturate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgekit.compress.ranges import Ranges, TensorRange
from edgekit.core.errors import ModelError
from edgekit.graph.model import Model

Doubles = npt.NDArray[np.float64]

_LEAST = 2.0**-40  # of a tensor or channel that is all zeros


def widened(ranges: Ranges, bits: int) -> Ranges:
    """Ranges whose grids have scales that are powers of two and whole zero points."""
    by_tensor: Mapping[str, TensorRange] = {name: widen(r, bits) for name, r in ranges.by_tensor.items()}
    return replace(ranges, by_tensor=by_tensor)


def weight_scales(values: npt.NDArray[np.float32], axis: int, most: int) -> Doubles:
    """The scale of each channel, dimensions kept: the power of two whose grid up to `most` covers the channel, or half
    of it, whichever has the smaller squared error."""
    others = tuple(a for a in range(values.ndim) if a != axis)
    wide = power_above(np.abs(values).max(axis=others, keepdims=True).astype(np.float64) / most)
    errors = [np.square(_rounded(values, scale, most) - values).sum(axis=others, keepdims=True)
              for scale in (wide, wide / 2)]  # fmt: skip
    return np.asarray(np.where(errors[1] < errors[0], wide / 2, wide))


def power_above(scale: Doubles) -> Doubles:
    """The least power of two that is not below each scale."""
    mantissa, exponent = np.frexp(np.maximum(scale, _LEAST))
    return np.asarray(np.ldexp(1.0, np.where(mantissa == 0.5, exponent - 1, exponent)), np.float64)


def audit_shifts(model: Model) -> None:
    """Raises ModelError for the first scale that is no power of two. As a layer's multiplier is a product and quotient
    of its tensors' scales, every multiplier is one then."""
    for graph in model.graphs:
        for tensor in graph.tensors:
            scale = tensor.quantization.scale if tensor.quantization is not None else np.zeros(0, np.float32)
            if not (np.frexp(scale)[0] == 0.5).all():
                what = f"the library gave {tensor.name} the scale {scale[np.frexp(scale)[0] != 0.5][0]:g}"
                raise ModelError(f"{what}, which is no power of two", "exclude its operator, or choose free scales")


def widen(found: TensorRange, bits: int) -> TensorRange:
    """A range that covers another's, with a power of two for its scale and a whole zero point."""
    if bits == 16:
        bound = float(power_above(np.asarray(max(-found.min, found.max) / 32767))) * 32767
        return replace(found, min=-bound, max=bound)
    scale = float(power_above(np.asarray((found.max - found.min) / 255)))
    zero = min(max(round(-128 - found.min / scale), -128), 127)
    return replace(found, min=(-128 - zero) * scale, max=(127 - zero) * scale)


def _rounded(values: npt.NDArray[np.float32], scale: Doubles, most: int) -> Doubles:
    return np.asarray(np.clip(np.round(values / scale), -most, most) * scale, np.float64)
