"""Functions of one float32 element, and SOFTMAX."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Field, Rows, Settings
from edgekit.codegen.kernels.typed import source_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op

_GREATEST = float(np.finfo(np.float32).max)
_FUNCTIONS: dict[str, tuple[str, dict[str, Field]]] = {
    "ABS": ("ek_abs_f32", {}),
    "ELU": ("ek_elu_f32", {}),
    "EXP": ("ek_exponential_f32", {}),
    "HARD_SWISH": ("ek_hard_swish_f32", {}),
    "LOGISTIC": ("ek_logistic_f32", {}),
    "NEG": ("ek_neg_f32", {}),
    "RELU": ("ek_clip_f32", {"low": 0.0, "high": _GREATEST}),
    "RELU6": ("ek_clip_f32", {"low": 0.0, "high": 6.0}),
    "RELU_0_TO_1": ("ek_clip_f32", {"low": 0.0, "high": 1.0}),
    "RELU_N1_TO_1": ("ek_clip_f32", {"low": -1.0, "high": 1.0}),
    "SQUARE": ("ek_square_f32", {}),
    "TANH": ("ek_tanh_f32", {}),
}


def lower_activation_f32(op: Op, settings: Settings) -> Call:
    """Any of the functions without parameters."""
    return _call(op, *_FUNCTIONS[op.kind])


def lower_leaky_relu_f32(op: Op, settings: Settings) -> Call:
    """One slope for all negative values."""
    return _call(op, "ek_leaky_relu_f32", {"slope": float(np.float32(op.options.alpha))})


def lower_gelu_f32(op: Op, settings: Settings) -> Call:
    """The approximation by tanh. Raises ModelError for the exact one, which needs the error function."""
    if not op.options.approximate:
        raise ModelError(f"GELU '{op.name}' is the exact one; C is generated for the approximation by tanh.")
    return _call(op, "ek_gelu_f32", {})


def _call(op: Op, function: str, fields: dict[str, Field]) -> Call:
    """In place, by rows where there are some."""
    source = source_of(op)
    by_rows = len(source.shape) == 4 and source.shape[0] == 1
    return Call(
        op,
        f"{function}_rows" if by_rows else f"{function}_all",
        "ek_activations_f32.h",
        {"count": source.size // source.shape[1] if by_rows else source.size, **fields},
        inputs=(source,),
        outputs=(op.outputs[0],),
        ahead=(0,),
        rows=Rows() if by_rows else None,
    )


def lower_softmax_f32(op: Op, settings: Settings) -> Call:
    """Along the last axis, in place."""
    source = source_of(op)
    depth = source.shape[-1]
    fields: dict[str, Field] = {
        "rows": source.size // depth,
        "depth": depth,
        "beta": float(np.float32(op.options.beta)),
    }
    return Call(op, "ek_softmax_f32", "ek_softmax_f32.h", fields, (source,), (op.outputs[0],), ahead=(0,))
