"""What was learnt, as constants of the graph: floats as they are, integers with their scales and biases that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.distill.learned import weight_range
from edgekit.compress.distill.parameters import Parameter, Role, parameters_of, scale_groups
from edgekit.graph.model import Model, Tensor
from edgekit.graph.ops import activation_of, weights_of
from edgekit.runtime.affine import integer_range

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A tensor's new content: `data` for a constant, `scale` where its grid has changed."""

    index: int
    data: Array | None
    scale: Array | None


def stored(model: Model, arrays: Mapping[str, Array]) -> tuple[Stored, ...]:
    """Every tensor of the main graph that changes. `arrays` is what the training left (see `child`)."""
    scales = _new_scales(model, arrays)
    found = [_constant(p, arrays[f"value{p.index}"], scales) for p in parameters_of(model)]
    numbers = {tensor: number for number, tensor in enumerate(model.main.tensors)}
    constants = {p.tensor for p in parameters_of(model)}
    found += [Stored(numbers[t], None, s) for t, s in scales.items() if t not in constants]
    return tuple(one for one in found if _differs(model.main.tensors[one.index], one))


def _new_scales(model: Model, arrays: Mapping[str, Array]) -> dict[Tensor, Array]:
    """The scales that were learnt, by tensor."""
    scales = {p.tensor: arrays[f"scale{p.index}"] for p in parameters_of(model) if f"scale{p.index}" in arrays}
    for tensor, group in scale_groups(model).items():
        grid = tensor.quantization
        if f"group{group}" in arrays and grid is not None:
            scales[tensor] = (grid.scale * arrays[f"group{group}"]).astype(np.float32)
    return scales


def _constant(parameter: Parameter, value: Array, scales: Mapping[Tensor, Array]) -> Stored:
    tensor, grid = parameter.tensor, parameter.tensor.quantization
    if grid is None or not grid.scale.size or not tensor.dtype.is_integer:
        return Stored(parameter.index, value.astype(tensor.dtype.numpy), None)
    if parameter.role is Role.BIAS:
        return _bias(parameter, value, scales)
    scale = scales.get(tensor, grid.scale)
    low, high = weight_range(tensor)
    zero = grid.zero_point if grid.zero_point.size == 1 else 0
    counted = np.clip(np.rint(value / _along(scale, tensor, grid.axis)), low, high)
    return Stored(parameter.index, (counted + zero).astype(tensor.dtype.numpy), scales.get(tensor))


def _bias(parameter: Parameter, value: Array, scales: Mapping[Tensor, Array]) -> Stored:
    """A bias counts in the product of the scales of data and weights, which is what the kernels add it to."""
    tensor, grid = parameter.tensor, parameter.tensor.quantization
    data, weights = activation_of(parameter.op), weights_of(parameter.op)
    assert grid is not None and data is not None and weights is not None
    scale = grid.scale
    if data in scales or weights in scales:
        factors = (_scale_of(t, scales) for t in (data, weights))
        scale = np.multiply(*factors).astype(np.float32)
    low, high = integer_range(tensor.dtype.numpy)
    counted = np.clip(np.rint(value.astype(np.float64) / scale), low, high)
    changed = not np.array_equal(scale, grid.scale)
    return Stored(parameter.index, counted.astype(tensor.dtype.numpy), scale if changed else None)


def _scale_of(tensor: Tensor, scales: Mapping[Tensor, Array]) -> Array:
    grid = tensor.quantization
    assert grid is not None
    return scales.get(tensor, grid.scale)


def _along(scale: Array, tensor: Tensor, axis: int) -> Array:
    if scale.size == 1:
        return scale.reshape(())
    return scale.reshape([-1 if a == axis else 1 for a in range(len(tensor.shape))])


def _differs(tensor: Tensor, one: Stored) -> bool:
    grid = tensor.quantization
    same_scale = one.scale is None or (grid is not None and np.array_equal(grid.scale, one.scale))
    return not same_scale or (one.data is not None and not np.array_equal(one.data, np.asarray(tensor.data)))


def put(model: Model, changes: tuple[Stored, ...]) -> None:
    """Write `changes` into the main graph of `model`."""
    for one in changes:
        tensor = model.main.tensors[one.index]
        if one.data is not None:
            shape = tensor.shape_signature
            tensor.set_data(one.data)
            tensor.shape_signature = shape
        if one.scale is not None and tensor.quantization is not None:
            tensor.quantization.scale = one.scale
