"""ADD on int8 with the DSP extension: csource/ek_add_s8_dsp.h."""

from __future__ import annotations

from dataclasses import replace

from edgekit.codegen.call import Call, Field

_KEPT = ("far_coef", "far_offset", "far_mantissa", "far_shift", "out_mantissa", "out_shift")
_FRACTION_BITS = 20


def with_dsp(call: Call) -> Call:
    """The call by the DSP kernel, where operands have one shape, the result has the whole range of int8 and what is
    added to every element fits in 32 bits; else as it is."""
    numbers = {name: value for name, value in call.fields.items() if isinstance(value, int)}
    is_plain = call.function in ("ek_add_s8", "ek_add_s8_rows")
    is_sum = numbers["near_coef"] == 1 << _FRACTION_BITS and numbers["far_sign"] == 2
    is_full = (numbers["low"], numbers["high"]) == (-128, 127)
    if not (is_plain and is_sum and is_full) or numbers["far_shift"] > 4 or numbers["out_shift"] > 22:
        return call
    fields: dict[str, Field] = {
        "count": numbers["pairs.count"],
        **{name: numbers[name] for name in _KEPT},
        "far_half": numbers["far_half"] + (numbers["near_offset"] // 2 << numbers["far_shift"]),
        "out_half": numbers["out_half"] + (numbers["out_zero_point"] << numbers["out_shift"]),
    }
    near_first = call.inputs[::-1] if numbers["near_is_b"] else call.inputs
    function = call.function.replace("ek_add_s8", "ek_add_s8_dsp")
    return replace(call, function=function, header="ek_add_s8_dsp.h", fields=fields, inputs=near_first)
