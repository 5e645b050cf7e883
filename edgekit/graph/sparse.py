"""Sparse constants: dense arrays to and from the schema's SparsityParameters.

A sparse tensor is walked level by level in `traversalOrder`: the axes of its dense shape, then, where it has blocks,
the axes within a block. A level is dense (every index) or compressed (`arraySegments` says how many, `arrayIndices`
which). What is written here is dense in all axes but the last, whose blocks that hold anything but zeros are kept.

Source: tensorflow/lite/schema/schema.fbs (SparsityParameters), tensorflow/lite/kernels/internal/utils/
sparsity_format_converter.cc; the encoding is that of http://tensor-compiler.org/kjolstad-oopsla17-tensor-compiler.pdf
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.core.errors import ModelError
from edgekit.graph.tensor import Buffer, Tensor

Ints = npt.NDArray[np.int64]

_DENSE, _COMPRESSED = 0, 1  # DimensionType of the schema
_SMALLEST = ((1 << 8, 3, "Uint8VectorT"), (1 << 16, 2, "Uint16VectorT"), (1 << 31, 1, "Int32VectorT"))


def set_sparse(tensor: Tensor, array: npt.NDArray[Any], block: tuple[int, ...] = ()) -> None:
    """Makes `tensor` a constant that holds `array` sparsely; `tensor.data` is then refused, see `dense_data`.

    Args:
        array: of the tensor's type, one byte or more an element.
        block: sizes of a block along each axis of `array`; () is blocks of single elements.

    Raises ModelError for another type, and for a shape that blocks do not divide.
    """
    if tensor.dtype.bits < 8 or array.dtype != tensor.dtype.numpy:
        raise ModelError(f"Tensor '{tensor.name}' is {tensor.dtype.label} and cannot hold {array.dtype} sparsely.")
    sizes = block or (1,) * array.ndim
    if not array.ndim or len(sizes) != array.ndim or any(n % b for n, b in zip(array.shape, sizes, strict=True)):
        shape = f"of the shape {list(array.shape)}"
        raise ModelError(f"Blocks of {list(sizes)} do not divide tensor '{tensor.name}' {shape}.")
    blocks, inner = _in_blocks(array, sizes)
    kept: npt.NDArray[np.bool_] = np.asarray(blocks.reshape(*blocks.shape[: array.ndim], -1).any(axis=-1))
    if not kept.any():
        kept.flat[0] = True  # a tensor without bytes is no constant
    tensor.buffer = Buffer(np.ascontiguousarray(blocks[kept]).tobytes())
    tensor.shape, tensor.shape_signature, tensor.external_buffer = tuple(array.shape), None, None
    tensor.sparsity = _parameters(kept, inner, sizes)


def dense_data(tensor: Tensor) -> npt.NDArray[Any] | None:
    """A constant's value in its shape, sparse or not; None if it is no constant. Raises ModelError as `Tensor.data`,
    and for a sparsity that fits neither the shape nor the bytes."""
    if tensor.sparsity is None or not tensor.is_constant:
        return tensor.data
    values = np.frombuffer(tensor.buffer.data or b"", tensor.dtype.numpy)
    places = _places(tensor)
    if any(p.size != values.size or (p.size and int(p.max()) >= n) for p, n in zip(places, tensor.shape, strict=True)):
        raise ModelError(f"The sparsity of tensor '{tensor.name}' does not fit its shape and bytes.")
    dense = np.zeros(tensor.shape, values.dtype)
    dense[tuple(places)] = values
    return dense


def _in_blocks(array: npt.NDArray[Any], sizes: tuple[int, ...]) -> tuple[npt.NDArray[Any], tuple[int, ...]]:
    """The array as (blocks along each axis …, elements along each axis that has blocks …), and those axes."""
    split = array.reshape([n for size, b in zip(array.shape, sizes, strict=True) for n in (size // b, b)])
    inner = tuple(axis for axis, b in enumerate(sizes) if b > 1)
    order = [2 * axis for axis in range(array.ndim)] + [2 * axis + 1 for axis in inner]
    flat = [2 * axis + 1 for axis in range(array.ndim) if axis not in inner]
    return split.transpose(order + flat).reshape([split.shape[a] for a in order]), inner


def _parameters(kept: npt.NDArray[np.bool_], inner: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    rank = kept.ndim
    rows = kept.reshape(-1, kept.shape[-1])
    last = schema.DimensionMetadataT(_COMPRESSED)
    segments = np.concatenate([[0], np.cumsum(rows.sum(axis=1))])
    last.arraySegmentsType, last.arraySegments = _vector(schema, segments)
    last.arrayIndicesType, last.arrayIndices = _vector(schema, np.nonzero(rows)[1])
    dense = [schema.DimensionMetadataT(_DENSE, int(n)) for n in kept.shape[:-1]]
    inside = [schema.DimensionMetadataT(_DENSE, sizes[axis]) for axis in inner]
    return schema.SparsityParametersT(list(range(rank + len(inner))), list(inner), [*dense, last, *inside])


def _vector(schema: Any, numbers: Ints) -> tuple[int, Any]:
    """The numbers in the smallest of the schema's types, and that type's number."""
    most = int(numbers.max(initial=0))
    kind, name = next((k, n) for limit, k, n in _SMALLEST if most < limit)
    return kind, getattr(schema, name)([int(n) for n in numbers])


def _places(tensor: Tensor) -> list[Ints]:
    """Where each stored value belongs: its index along each axis."""
    sparsity, rank = tensor.sparsity, len(tensor.shape)
    blocked = [int(axis) for axis in _list(sparsity.blockMap)]
    positions: Ints = np.zeros(1, np.int64)
    found: dict[int, Ints] = {}
    for axis, level in zip(_list(sparsity.traversalOrder), sparsity.dimMetadata or [], strict=True):
        positions, source, index = _descend(level, positions)
        found = {a: i[source] for a, i in found.items()} | {int(axis): index}
    if sorted(found) != list(range(rank + len(blocked))):
        raise ModelError(f"The sparsity of tensor '{tensor.name}' names other axes than the tensor has.")
    sizes = {axis: int(sparsity.dimMetadata[_list(sparsity.traversalOrder).index(rank + n)].denseSize)
             for n, axis in enumerate(blocked)}  # fmt: skip
    outer = [found[axis] * sizes.get(axis, 1) for axis in range(rank)]
    for n, axis in enumerate(blocked):
        outer[axis] = outer[axis] + found[rank + n]
    order = np.argsort(positions, kind="stable")
    return [o[order] for o in outer]


def _descend(level: Any, positions: Ints) -> tuple[Ints, Ints, Ints]:
    """One level down: positions there, from which position above each came, and its index along the level's axis."""
    if level.format == _DENSE:
        size = int(level.denseSize)
        source = np.repeat(np.arange(positions.size), size)
        index = np.tile(np.arange(size), positions.size)
        return positions[source] * size + index, source, index
    segments = np.asarray(_list(level.arraySegments.values), np.int64)
    indices = np.asarray(_list(level.arrayIndices.values), np.int64)
    if positions.size and (int(positions.max()) + 1 >= segments.size or int(segments.max()) > indices.size):
        raise ModelError("A level of a sparse tensor has too few segments or indices.")
    counts = segments[positions + 1] - segments[positions]
    source = np.repeat(np.arange(positions.size), counts)
    starts = np.repeat(segments[positions] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    below = starts + np.arange(source.size)
    return below, source, indices[below]


def _list(numbers: Any) -> list[Any]:
    return [] if numbers is None else list(numbers)
