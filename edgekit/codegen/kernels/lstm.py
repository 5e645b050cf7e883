"""UNIDIRECTIONAL_SEQUENCE_LSTM: four gates, the last output and the cell kept from run to run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, scale_of, zero_point_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES = slice(1, 5), slice(5, 9), slice(12, 16)
_HIDDEN, _CELL = 18, 19
_ABSENT = {"peephole weights": slice(9, 12), "a projection": slice(16, 18), "layer normalization": slice(20, 24)}
_OUTPUT_SCALE_AT = 4
_TANH = 4
"""The schema's ActivationFunctionType."""
_GATE_SCALE = np.float32(2.0**-12)


@dataclass(frozen=True, slots=True, eq=False)
class Lstm:
    """An LSTM's tensors; gates in the order input, forget, cell, output.

    Attributes:
        input_weights: four of (cells, inputs).
        recurrent_weights: four of (cells, cells).
        biases: four of (cells,).
        hidden, cell: the states, (batches, cells).
    """

    source: Tensor
    output: Tensor
    input_weights: tuple[Tensor, ...]
    recurrent_weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    hidden: Tensor
    cell: Tensor
    time_major: bool

    def fields(self) -> dict[str, Field]:
        """Sizes and strides, as every LSTM's kernel names them."""
        first, second = self.source.shape[:2]
        steps, batches = (first, second) if self.time_major else (second, first)
        inputs, cells = self.source.shape[2], self.hidden.shape[-1]
        step, batch = (batches, 1) if self.time_major else (1, steps)
        return {
            "batches": batches, "steps": steps, "inputs": inputs, "cells": cells, "input_step": step * inputs,
            "input_batch": batch * inputs, "output_step": step * cells, "output_batch": batch * cells,
        }  # fmt: skip

    def ahead(self) -> int | None:
        """`Call.ahead`: a step's output is written while its input is still read, steps follow each other."""
        if self.time_major and self.source.shape[1] != 1:
            return None
        rows = self.source.shape[0] * self.source.shape[1]
        read, written = self.source.nbytes // rows, self.output.nbytes // rows
        return max(written, rows * written - (rows - 1) * read)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all steps."""
        rows = self.source.shape[0] * self.source.shape[1]
        return rows * sum(weights.size for weights in (*self.input_weights, *self.recurrent_weights))


def lstm_of(op: Op) -> Lstm:
    """The tensors of a plain LSTM. Raises ModelError where it has an input gate coupled to the forget gate, peepholes,
    a projection or layer normalization."""
    for what, place in _ABSENT.items():
        if any(tensor is not None for tensor in op.inputs[place]):
            raise ModelError(f"{op.label} '{op.name}' has {what}, which C is not generated for.")
    source, hidden, cell = op.inputs[0], op.inputs[_HIDDEN], op.inputs[_CELL]
    if source is None or hidden is None or cell is None or len(source.shape) != 3:
        raise ModelError(f"{op.label} '{op.name}' has not the three axes of input and the two states of an LSTM.")
    return Lstm(
        source,
        op.outputs[0],
        _four(op, _INPUT_WEIGHTS),
        _four(op, _RECURRENT_WEIGHTS),
        _four(op, _BIASES),
        hidden,
        cell,
        bool(op.options.timeMajor),
    )


def _four(op: Op, place: slice) -> tuple[Tensor, ...]:
    found = tuple(tensor for tensor in op.inputs[place] if tensor is not None and tensor.is_constant)
    if len(found) != 4:
        raise ModelError(
            f"{op.label} '{op.name}' has gates that are coupled, without a bias, or with weights computed while it "
            "runs, which C is not generated for."
        )
    return found


def stacked(tensors: tuple[Tensor, ...]) -> NDArray[np.generic]:
    """The four gates' constants as one array."""
    return np.stack([np.asarray(tensor.data) for tensor in tensors])


def lower_lstm(op: Op, settings: Settings) -> Call:
    """int8 with an int16 cell, as the integer kernel of LiteRT (lstm_eval.cc, the 8x8_16 functions)."""
    lstm = lstm_of(op)
    types = (lstm.source.dtype, lstm.input_weights[0].dtype, lstm.hidden.dtype, lstm.cell.dtype)
    if types != (DType.INT8, DType.INT8, DType.INT8, DType.INT16) or len(op.intermediates) <= _OUTPUT_SCALE_AT:
        labels = ", ".join(dtype.label for dtype in types)
        raise ModelError(
            f"{op.label} '{op.name}' has input, weights, hidden state and cell of {labels}: C is generated for int8, "
            "int8, int8, int16 with the scales of five intermediate tensors, and for float32."
        )
    return Call(
        op,
        "ek_lstm_s8",
        "ek_lstm_s8.h",
        {**lstm.fields(), **_weights(lstm), **_scales(op, lstm)},
        inputs=(lstm.source,),
        outputs=(lstm.output,),
        states=(lstm.hidden, lstm.cell),
        ahead=(lstm.ahead(),),
        macs=lstm.macs,
    )


def lower_lstm_f32(op: Op, settings: Settings) -> Call:
    """float32 throughout, with tanh as its activation."""
    lstm = lstm_of(op)
    if any(weights.dtype is not DType.FLOAT32 for weights in (*lstm.input_weights, *lstm.recurrent_weights)):
        dtype = lstm.input_weights[0].dtype
        raise ModelError(f"{op.label} '{op.name}' has a float32 input and {dtype.label} weights: no C is generated.")
    if int(op.options.fusedActivationFunction) != _TANH:
        raise ModelError(f"{op.label} '{op.name}' has another activation than tanh, which C is not generated for.")
    fields: dict[str, Field] = {
        **lstm.fields(),
        "input_weights": Constant(stacked(lstm.input_weights)),
        "recurrent_weights": Constant(stacked(lstm.recurrent_weights)),
        "bias": Constant(stacked(lstm.biases)),
        "cell_clip": float(np.float32(op.options.cellClip)),
    }
    return Call(
        op,
        "ek_lstm_f32",
        "ek_lstm_f32.h",
        fields,
        inputs=(lstm.source,),
        outputs=(lstm.output,),
        states=(lstm.hidden, lstm.cell),
        ahead=(lstm.ahead(),),
        macs=lstm.macs,
    )


def _weights(lstm: Lstm) -> dict[str, Field]:
    from_input, from_hidden = stacked(lstm.input_weights), stacked(lstm.recurrent_weights)
    biases = stacked(lstm.biases).astype(np.int64)
    input_bias = biases - zero_point_of(lstm.source) * from_input.astype(np.int64).sum(axis=2)
    recurrent_bias = -zero_point_of(lstm.hidden) * from_hidden.astype(np.int64).sum(axis=2)
    return {
        "input_weights": Constant(from_input),
        "recurrent_weights": Constant(from_hidden),
        "input_bias": Constant(input_bias.astype(np.int32)),
        "recurrent_bias": Constant(recurrent_bias.astype(np.int32)),
    }


def _scales(op: Op, lstm: Lstm) -> dict[str, Field]:
    """From sums to gates of 12 fraction bits, and from gate times cell to the output; float32, as LiteRT's."""
    source, hidden = np.float32(scale_of(lstm.source)), np.float32(scale_of(lstm.hidden))
    first = [_multiplier(np.float32(scale_of(w)) * source / _GATE_SCALE) for w in lstm.input_weights]
    second = [_multiplier(np.float32(scale_of(w)) * hidden / _GATE_SCALE) for w in lstm.recurrent_weights]
    result = op.intermediates[_OUTPUT_SCALE_AT]
    last = _multiplier(np.float32(2.0**-15 / float(np.float32(scale_of(result))) * 2.0**-15))
    return {
        "input_mantissas": tuple(m.mantissa for m in first), "input_shifts": tuple(m.shift for m in first),
        "recurrent_mantissas": tuple(m.mantissa for m in second), "recurrent_shifts": tuple(m.shift for m in second),
        "cell_bits": _cell_bits(op, lstm.cell), "cell_clip": _cell_clip(op, lstm.cell),
        "output_mantissa": last.mantissa, "output_shift": last.shift, "output_zero_point": zero_point_of(result),
    }  # fmt: skip


def _multiplier(real: np.float32) -> Multiplier:
    return multiplier_of(float(real))


def _cell_bits(op: Op, cell: Tensor) -> int:
    """Integer bits of the cell: its scale is a power of two."""
    fraction, exponent = math.frexp(scale_of(cell))
    bits = exponent - 1 + 15
    if fraction != 0.5 or not 0 <= bits <= 6:
        raise ModelError(f"{op.label} '{op.name}' has a cell scale of {scale_of(cell)}, not of 2^-15 to 2^-9.")
    return bits


def _cell_clip(op: Op, cell: Tensor) -> int:
    clip = float(op.options.cellClip)
    return int(min(np.float32(clip) / np.float32(scale_of(cell)), np.float32(32767.0))) if clip > 0 else 0
