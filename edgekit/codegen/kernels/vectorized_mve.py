"""Functions that have a version for Helium which takes the same parameters."""

from __future__ import annotations

from dataclasses import replace

from edgekit.codegen.call import Call

_VERSIONS = {
    "ek_add_s8": ("ek_add_s8_mve", "ek_add_s8_mve.h"),
    "ek_add_s8_rows": ("ek_add_s8_mve_rows", "ek_add_s8_mve.h"),
    "ek_average_pool_s8_rows": ("ek_average_pool_s8_mve_rows", "ek_pool_mve.h"),
}


def vectorized(call: Call) -> Call:
    """The call of the Helium version, or the same where there is none."""
    function, header = _VERSIONS.get(call.function, (call.function, call.header))
    return replace(call, function=function, header=header)
