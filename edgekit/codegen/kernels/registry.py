"""The operators that there is C for."""

from __future__ import annotations

from edgekit.codegen.call import Call, Lower, Settings
from edgekit.core.errors import ModelError
from edgekit.core.registry import Registry
from edgekit.graph.model import Op

_HERE = "edgekit.codegen.kernels"

KERNELS: Registry[Lower] = Registry(
    "kernel",
    {
        "ADD": (f"{_HERE}.add:lower_add", "sums, an operand repeated or constant too"),
        "AVERAGE_POOL_2D": (f"{_HERE}.pool:lower_average_pool", "means of a window"),
        "CONV_2D": (f"{_HERE}.conv:lower_conv", "convolutions, dilated and grouped ones too"),
        "DEPTHWISE_CONV_2D": (f"{_HERE}.depthwise:lower_depthwise", "depthwise convolutions with any multiplier"),
        "FULLY_CONNECTED": (f"{_HERE}.fully_connected:lower_fully_connected", "matrix by vector"),
        "MAX_POOL_2D": (f"{_HERE}.pool:lower_max_pool", "the greatest of a window"),
        "RESHAPE": (f"{_HERE}.reshape:lower_reshape", "the same memory under another shape"),
        "SOFTMAX": (f"{_HERE}.softmax:lower_softmax", "along the last axis"),
        "SUB": (f"{_HERE}.add:lower_sub", "differences, an operand repeated or constant too"),
    },
)


def lower(op: Op, settings: Settings) -> Call:
    """The call that computes `op`. Raises ModelError where there is none."""
    if op.label not in KERNELS:
        known = ", ".join(KERNELS)
        raise ModelError(f"No C is generated for {op.label} ('{op.name}').", f"there is C for {known}")
    return KERNELS.load(op.kind)(op, settings)
