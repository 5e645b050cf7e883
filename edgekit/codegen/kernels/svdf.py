"""SVDF: a fully connected layer over time, by low-rank filters whose responses are remembered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.linear_f32 import fused_range
from edgekit.codegen.kernels.quantized import multiplier_of, scale_of, zero_point_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_FUNCTIONS = {
    (DType.INT8, DType.INT16, DType.INT16): "ek_svdf_s8_wide",
    (DType.INT8, DType.INT8, DType.INT8): "ek_svdf_s8_narrow",
}


@dataclass(frozen=True, slots=True, eq=False)
class Svdf:
    """An SVDF's tensors: feature (filters, inputs), time (filters, memory), state (batches, filters * memory)."""

    source: Tensor
    output: Tensor
    feature: Tensor
    time: Tensor
    state: Tensor
    rank: int
    bias: NDArray[np.generic] | None

    @property
    def units(self) -> int:
        """Outputs of a batch."""
        return self.feature.shape[0] // self.rank

    def fields(self) -> dict[str, Field]:
        """Sizes, as every SVDF's kernel names them."""
        return {
            "batches": self.source.shape[0],
            "inputs": self.source.shape[1],
            "units": self.units,
            "rank": self.rank,
            "memory": self.time.shape[1],
        }

    def ahead(self) -> int:
        """`Call.ahead`: a batch is read before its output is written."""
        batches = self.source.shape[0]
        grows = (self.output.nbytes - self.source.nbytes) // batches
        return max(0, (batches - 1) * grows)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a run."""
        return self.source.shape[0] * (self.feature.size + self.time.size)


def svdf_of(op: Op) -> Svdf:
    """The tensors of an SVDF. Raises ModelError where weights are not constant, or the memory is missing."""
    source, feature, time, bias, state = op.inputs
    if source is None or feature is None or time is None or state is None:
        raise ModelError(f"{op.label} '{op.name}' lacks an input, its weights or its memory.")
    if not feature.is_constant or not time.is_constant:
        raise ModelError(f"{op.label} '{op.name}' has weights that are computed while it runs; C needs constant ones.")
    values = np.asarray(bias.data) if bias is not None and bias.data is not None else None
    return Svdf(source, op.outputs[0], feature, time, state, int(op.options.rank), values)


def lower_svdf(op: Op, settings: Settings) -> Call:
    """int8, as EvalIntegerSVDF of tensorflow/lite/kernels/internal/reference/svdf.h; with an int8 memory as TFLite
    Micro's EvalInt8SvdfReference, which LiteRT lacks."""
    svdf = svdf_of(op)
    types = (svdf.feature.dtype, svdf.time.dtype, svdf.state.dtype)
    if types not in _FUNCTIONS or zero_point_of(svdf.state):
        labels = ", ".join(dtype.label for dtype in types)
        raise ModelError(
            f"{op.label} '{op.name}' has weights, time weights and memory of {labels} (zero point "
            f"{zero_point_of(svdf.state)}): C is generated for int8, int16, int16 or int8 throughout with the zero "
            "point 0, and for float32."
        )
    return Call(
        op,
        _FUNCTIONS[types],
        "ek_svdf_s8.h",
        {**svdf.fields(), **_weights(svdf), **_scales(svdf)},
        inputs=(svdf.source,),
        outputs=(svdf.output,),
        states=(svdf.state,),
        ahead=(svdf.ahead(),),
        macs=svdf.macs,
    )


def lower_svdf_f32(op: Op, settings: Settings) -> Call:
    """float32 throughout."""
    svdf = svdf_of(op)
    if svdf.feature.dtype is not DType.FLOAT32 or svdf.time.dtype is not DType.FLOAT32:
        raise ModelError(f"{op.label} '{op.name}' has a float32 input and {svdf.feature.dtype.label} weights: no C.")
    low, high = fused_range(op)
    fields: dict[str, Field] = {
        **svdf.fields(),
        "feature_weights": Constant(np.asarray(svdf.feature.data)),
        "time_weights": Constant(np.asarray(svdf.time.data)),
        "bias": Constant(np.zeros(svdf.units, np.float32) if svdf.bias is None else svdf.bias),
        "low": low,
        "high": high,
    }
    return Call(
        op,
        "ek_svdf_f32",
        "ek_svdf_f32.h",
        fields,
        inputs=(svdf.source,),
        outputs=(svdf.output,),
        states=(svdf.state,),
        ahead=(svdf.ahead(),),
        macs=svdf.macs,
    )


def _weights(svdf: Svdf) -> dict[str, Field]:
    feature = np.asarray(svdf.feature.data)
    feature_bias = -zero_point_of(svdf.source) * feature.astype(np.int64).sum(axis=1)
    return {
        "feature_weights": Constant(feature),
        "feature_bias": Constant(feature_bias.astype(np.int32)),
        "time_weights": Constant(np.asarray(svdf.time.data)),
        "bias": Constant(np.zeros(svdf.units, np.int32) if svdf.bias is None else svdf.bias),
    }


def _scales(svdf: Svdf) -> dict[str, Field]:
    state, output = scale_of(svdf.state), svdf.output
    feature = multiplier_of(scale_of(svdf.source) * scale_of(svdf.feature) / state)
    result = multiplier_of(state * scale_of(svdf.time) / scale_of(output))
    return {
        "feature_mantissa": feature.mantissa,
        "feature_shift": feature.shift,
        "output_mantissa": result.mantissa,
        "output_shift": result.shift,
        "output_zero_point": zero_point_of(output),
    }
