"""Constants as arrays, whatever their width."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import ModelError
from edgekit.graph.model import Buffer, Tensor
from edgekit.graph.packing import pack, packed_size, unpack
from edgekit.graph.types import DType


@pytest.mark.parametrize(("dtype", "low", "high"), [(DType.INT4, -8, 7), (DType.INT2, -2, 1), (DType.UINT4, 0, 15)])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
def test_narrow_elements_round_trip(dtype: DType, low: int, high: int, count: int) -> None:
    values = np.resize(np.arange(low, high + 1), count).astype(dtype.numpy)
    tensor = Tensor("t", values.shape, dtype)
    tensor.set_data(values)
    assert tensor.buffer.nbytes == tensor.nbytes == packed_size(count, dtype.bits)
    assert np.array_equal(tensor.data, values) and tensor.data.dtype == dtype.numpy


def test_the_low_bits_come_first() -> None:
    assert pack(np.array([1, -2], np.int8), 4).tobytes() == b"\xe1"
    assert unpack(np.array([0xE1], np.uint8), 2, 4, signed=True).tolist() == [1, -2]


@pytest.mark.parametrize("name", ["float32", "float16", "int64", "bool", "complex64", "uint16"])
def test_wide_elements_round_trip(name: str) -> None:
    values = np.array([[0, 1], [1, 0]]).astype(name)
    tensor = Tensor("t", (), DType.of(name))
    tensor.set_data(values)
    assert tensor.shape == (2, 2) and np.array_equal(tensor.data, values)


def test_data_of_another_size_or_type_is_refused() -> None:
    tensor = Tensor("t", (3,), DType.INT8, Buffer(b"12"))
    with pytest.raises(ModelError, match=r"'t' of int8\[3\] needs 3 bytes, its buffer has 2"):
        _ = tensor.data
    with pytest.raises(ModelError, match="'t' is int8"):
        tensor.set_data(np.zeros(3, np.float32))


def test_types_without_numpy_form_say_so() -> None:
    with pytest.raises(ModelError, match="bfloat16"):
        _ = DType.BFLOAT16.numpy
    with pytest.raises(ModelError, match="99"):
        DType.from_code(99)
    with pytest.raises(ModelError, match="datetime64"):
        DType.of("datetime64[s]")


def test_an_activation_has_no_data() -> None:
    tensor = Tensor("t", (2, 3), DType.INT16)
    assert tensor.data is None and not tensor.is_constant and tensor.nbytes == 12 and tensor.size == 6
    assert Tensor("scalar", (), DType.INT4).nbytes == 1


def test_integer_ranges() -> None:
    assert DType.INT8.integer_range == (-128, 127) and DType.UINT4.integer_range == (0, 15)
    assert DType.FLOAT32.integer_range is None and DType.INT4.is_integer and DType.BFLOAT16.is_float
