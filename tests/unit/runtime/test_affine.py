"""Affine arithmetic, by hand-worked numbers."""

from __future__ import annotations

import numpy as np

from edgekit.runtime.affine import dequantize, integer_range, quantize


def test_values_land_on_the_grid_and_ties_go_to_even() -> None:
    stored = quantize([0.0, 0.25, 0.75, -1.0, 100.0, -100.0], 0.5, 10, np.int8)
    assert stored.tolist() == [10, 10, 12, 8, 127, -128]
    assert stored.dtype == np.int8


def test_dequantize_is_the_definition() -> None:
    real = dequantize(np.array([-128, 0, 127], np.int8), 0.1, -128)
    assert np.allclose(real, [0.0, 12.8, 25.5]) and real.dtype == np.float32


def test_scales_follow_their_axis() -> None:
    stored = quantize([[1.0, 1.0], [1.0, 1.0]], [0.5, 0.25], [0, 1], np.int8, axis=1)
    assert stored.tolist() == [[2, 5], [2, 5]]
    assert dequantize(stored, [0.5, 0.25], [0, 1], axis=1).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_four_bits_are_clipped_to_four_bits() -> None:
    assert quantize([9.0, -9.0], 1.0, 0, np.int8, bits=4).tolist() == [7, -8]
    assert integer_range(np.uint8) == (0, 255) and integer_range(np.int8, 4) == (-8, 7)
