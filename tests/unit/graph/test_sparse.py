"""Sparse constants: round trips over shapes and blocks, and LiteRT reads what is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import ModelError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Buffer, Graph, Model, Op, Tensor
from edgekit.graph.sparse import dense_data, set_sparse
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels, LiteRT


def _array(shape: tuple[int, ...], share: float, seed: int, block: tuple[int, ...] = ()) -> Any:
    rng = np.random.default_rng(seed)
    sizes = block or (1,) * len(shape)
    kept = rng.random([n // b for n, b in zip(shape, sizes, strict=True)]) >= share
    for axis, size in enumerate(sizes):
        kept = kept.repeat(size, axis)
    return (rng.normal(size=shape) * kept).astype(np.float32)


@st.composite
def arrays(draw: Any) -> tuple[Any, tuple[int, ...]]:
    rank = draw(st.integers(1, 4))
    block = tuple(draw(st.sampled_from([1, 1, 2, 4])) for _ in range(rank))
    shape = tuple(b * draw(st.integers(1, 4)) for b in block)
    return _array(shape, draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])), draw(st.integers(0, 99)), block), block


@given(arrays())
def test_what_is_written_sparsely_is_read_again(case: tuple[Any, tuple[int, ...]]) -> None:
    array, block = case
    tensor = Tensor("w", (), DType.FLOAT32)
    set_sparse(tensor, array, block)
    assert tensor.is_constant and np.array_equal(dense_data(tensor), array)  # type: ignore[arg-type]
    assert tensor.buffer.nbytes <= array.nbytes


@pytest.mark.parametrize("shape", [(12, 1, 1, 700), (3, 70_000)])
def test_indices_take_the_smallest_type_that_holds_them(shape: tuple[int, ...]) -> None:
    array, tensor = _array(shape, 0.9, 1), Tensor("w", (), DType.FLOAT32)
    set_sparse(tensor, array)
    level = tensor.sparsity.dimMetadata[-1]
    assert level.arrayIndicesType == (2 if shape[-1] < 1 << 16 else 1)
    assert np.array_equal(dense_data(tensor), array)  # type: ignore[arg-type]


@pytest.mark.parametrize("block", [(), (1, 4), (4, 4), (2, 1)])
@pytest.mark.parametrize("kernels", list(Kernels))
def test_litert_computes_the_same_from_the_sparse_file(block: tuple[int, ...], kernels: Kernels) -> None:
    array = _array((8, 16), 0.7, 2, block)
    x = np.random.default_rng(3).normal(size=(1, 16)).astype(np.float32)
    found = LiteRT(write(read(write(_dense(array, block)))), kernels=kernels).run({"x": x})["y"]
    expected = LiteRT(write(_dense(array, None)), kernels=kernels).run({"x": x})["y"]
    assert np.array_equal(found, expected)


def test_blocks_that_do_not_divide_the_shape_are_refused() -> None:
    with pytest.raises(ModelError, match="do not divide"):
        set_sparse(Tensor("w", (), DType.FLOAT32), np.ones((3, 5), np.float32), (1, 4))


def test_another_type_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot hold float64"):
        set_sparse(Tensor("w", (), DType.FLOAT32), np.ones((4, 4)))


def test_a_sparsity_that_does_not_fit_is_named() -> None:
    tensor = Tensor("w", (), DType.FLOAT32)
    set_sparse(tensor, _array((8, 16), 0.5, 4))
    tensor.buffer = Buffer(b"\0" * 4)
    with pytest.raises(ModelError, match="'w' does not fit"):
        dense_data(tensor)


def test_a_dense_constant_is_its_data() -> None:
    tensor = Tensor("w", (), DType.FLOAT32)
    tensor.set_data(np.ones((2, 2), np.float32))
    assert np.array_equal(dense_data(tensor), np.ones((2, 2)))  # type: ignore[arg-type]


def _dense(array: Any, block: tuple[int, ...] | None) -> Model:
    """x ─ FULLY_CONNECTED ─ y, the weights dense, or through a DENSIFY."""
    from ai_edge_litert import schema_py_generated as schema

    graph = Graph("main")
    x, y = (graph.add_tensor(Tensor(n, (1, s), DType.FLOAT32)) for n, s in (("x", 16), ("y", 8)))
    w = graph.add_tensor(Tensor("w", array.shape, DType.FLOAT32))
    held = w
    if block is None:
        w.set_data(array)
    else:
        set_sparse(w, array, block)
        held = graph.add_tensor(Tensor("dense", array.shape, DType.FLOAT32))
        graph.ops.append(Op("DENSIFY", [w], [held], schema.DensifyOptionsT()))
    graph.ops.append(Op("FULLY_CONNECTED", [x, held, None], [y], schema.FullyConnectedOptionsT()))
    graph.inputs, graph.outputs = [x], [y]
    model = Model(graphs=[graph], buffers=[Buffer()])
    check(model)
    return model
