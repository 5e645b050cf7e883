"""ADD and SUB."""

from __future__ import annotations

from edgekit.codegen.call import Build, Call, Field, Settings
from edgekit.codegen.kernels.add_dsp import with_dsp
from edgekit.codegen.kernels.add_s16 import lower_add_s16
from edgekit.codegen.kernels.binary import Operands, binary_call, operands_of
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, output_range, scale_of, zero_point_of
from edgekit.codegen.kernels.typed import same_type
from edgekit.codegen.kernels.vectorized_mve import vectorized
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_FRACTION_BITS = 20
"""Of the sum's operands: tensorflow/lite/kernels/add.cc, left_shift."""


def lower_add(op: Op, settings: Settings) -> Call:
    """a + b with a fused activation."""
    return _lower(op, settings, sign_of_b=1)


def lower_sub(op: Op, settings: Settings) -> Call:
    """a - b with a fused activation."""
    return _lower(op, settings, sign_of_b=-1)


def _lower(op: Op, settings: Settings, sign_of_b: int) -> Call:
    operands = operands_of(op)
    suffix = same_type(op, (operands.a, operands.b, op.outputs[0]), DType.INT8, DType.INT16)
    signs = (sign_of_b, 1) if operands.swapped else (1, sign_of_b)
    if suffix == "s16":
        return lower_add_s16(op, operands, signs)
    call = binary_call(op, "ek_add_s8", "ek_add_s8.h", operands, _fields(op, operands, signs))
    if settings.build is Build.MVE:
        return vectorized(call)
    return with_dsp(call) if settings.build is Build.DSP else call


def _fields(op: Op, operands: Operands, signs: tuple[int, int]) -> dict[str, Field]:
    near_is_b = scale_of(operands.b) > scale_of(operands.a)
    near, far = (operands.b, operands.a) if near_is_b else (operands.a, operands.b)
    near_sign, far_sign = reversed(signs) if near_is_b else signs
    output = op.outputs[0]
    twice = 2 * scale_of(near)
    far_multiplier = multiplier_of(scale_of(far) / twice)
    out_multiplier = multiplier_of(twice / ((1 << _FRACTION_BITS) * scale_of(output)))
    if out_multiplier.shift >= 0 or far_multiplier.mantissa == 0:
        raise ModelError(f"{op.label} '{op.name}' has scales too far apart for its fixed-point arithmetic.")
    low, high = output_range(int(op.options.fusedActivationFunction), output)
    return {
        "near_is_b": int(near_is_b),
        **_place("near", near, near_sign * (1 << _FRACTION_BITS)),
        **_far(far, far_multiplier, far_sign),
        "out_mantissa": out_multiplier.mantissa,
        "out_half": _half(out_multiplier),
        "out_shift": -out_multiplier.shift,
        "out_zero_point": zero_point_of(output),
        "low": low,
        "high": high,
    }


def _far(tensor: Tensor, multiplier: Multiplier, sign: int) -> dict[str, Field]:
    # Exactly 1/2 has the shift 0; twice the value shifted by 1 gives the same, and the kernel shifts always.
    exact = int(multiplier.shift == 0)
    shifted = Multiplier(multiplier.mantissa, multiplier.shift - exact)
    return {
        **_place("far", tensor, 1 << (_FRACTION_BITS + 1 + exact)),
        "far_mantissa": shifted.mantissa,
        "far_half": _half(shifted),
        "far_shift": -shifted.shift,
        "far_sign": 2 * sign,
    }


def _place(name: str, tensor: Tensor, coefficient: int) -> dict[str, Field]:
    return {f"{name}_coef": coefficient, f"{name}_offset": -zero_point_of(tensor) * coefficient}


def _half(multiplier: Multiplier) -> int:
    return 1 << (-multiplier.shift - 1)
