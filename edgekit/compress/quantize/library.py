"""The door to litert-quantizer: what it supports, and one call that quantizes bytes.

Source: litert-quantizer 0.11.0, `algorithm_manager.py` (what is registered), `default_policy.py` (what is allowed).
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.quantize.options import Algorithm
from edgekit.compress.quantize.plan import Precision
from edgekit.core.errors import ModelError

_KEYS = {
    Algorithm.MIN_MAX: "MIN_MAX_UNIFORM_QUANT",
    Algorithm.OCTAV: "OCTAV",
    Algorithm.MSE: "MSE",
    Algorithm.GPTQ: "GPTQ",
    Algorithm.HADAMARD: "DECOMPOSED_HADAMARD_ROTATION",  # the plain one makes a custom operator that no target runs
    Algorithm.OSCAR: "OSCAR",
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a group of operators gets."""

    precision: Precision
    algorithm: Algorithm


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What the library is told of a tensor: bounds (a number, or one for each channel with dimensions kept), X'X."""

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    hessian: npt.NDArray[np.float32] | None = None


def supports(kind: str, treatment: Treatment) -> bool:
    """Whether the library quantizes operators of this kind in this way."""
    from litert_quantizer import algorithm_manager

    name = _operator(kind)
    key = _key(treatment)
    if name is None or not algorithm_manager.is_op_registered(key, name):
        return False
    try:
        algorithm_manager.check_op_quantization_config(key, name, _config(treatment.precision))
    except ValueError:
        return False
    return True


def quantize(
    model: bytes,
    groups: Sequence[tuple[Treatment, Sequence[str]]],
    statistics: Mapping[str, Statistics],
    float_boundary: bool,
) -> bytes:
    """Quantize a model's bytes.

    Args:
        model: with a signature, builtin codes, and tensor names that differ.
        groups: operators by the names of all their outputs, each followed by ";", and how they are treated.
        statistics: by tensor name; empty where nothing is static.
        float_boundary: whether inputs and outputs stay float.

    Raises ModelError with the library's reason.
    """
    from litert_quantizer import qtyping, quantizer

    try:
        # The library loses enable_progress_bar on its way and shows a bar of its own for 100 tensors and more.
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # it warns of tensors that are quantized already: the plan says so
            engine = quantizer.Quantizer(bytearray(model))
            for treatment, scopes in groups:
                everything, config = qtyping.TFLOperationName.ALL_SUPPORTED, _config(treatment.precision)
                engine.update_quantization_recipe(_exactly(scopes), everything, config, _key(treatment))
            static = [t.precision for t, _ in groups if t.precision.activation_bits < 32]
            if static:
                _treat_boundary(engine, None if float_boundary else _config(static[0]))
            found = {name: _qsv(s) for name, s in statistics.items()}
            result = engine.quantize(found or None, enable_progress_bar=False, enable_progress_report=False)
    except (ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError, AssertionError) as error:
        raise ModelError(f"litert-quantizer cannot quantize the model: {_reason(error)}") from error
    return bytes(result.quantized_model)


def _treat_boundary(engine: Any, config: Any) -> None:
    """Inputs and outputs as `config` says; None leaves them float.

    That has to be said, because the library takes an output for an operator of the name of the one that makes it.
    """
    from litert_quantizer import qtyping
    from litert_quantizer.algorithm_manager import AlgorithmName

    algorithm = AlgorithmName.NO_QUANTIZE if config is None else AlgorithmName.MIN_MAX_UNIFORM_QUANT
    for name in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        engine.update_quantization_recipe(".*", name, config, algorithm)


def _operator(kind: str) -> Any:
    """The library's name for an operator of the schema, or None."""
    from litert_quantizer import qtyping
    from litert_quantizer.utils import tfl_flatbuffer_utils

    code = getattr(qtyping.BuiltinOperator, kind, None)
    return tfl_flatbuffer_utils.TFL_OP_CODE_TO_NAME.get(code)


def _key(treatment: Treatment) -> Any:
    from litert_quantizer.algorithm_manager import AlgorithmName

    name = "FLOAT_CASTING" if treatment.precision is Precision.FLOAT16 else _KEYS[treatment.algorithm]
    return AlgorithmName[name]


def _config(precision: Precision) -> Any:
    """The library's words for a precision."""
    from litert_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        TensorDataType,
        TensorQuantizationConfig,
    )

    kind = TensorDataType.FLOAT if precision is Precision.FLOAT16 else TensorDataType.INT
    channelwise = _channelwise()
    weights = TensorQuantizationConfig(precision.weight_bits, symmetric=True, granularity=channelwise, dtype=kind)
    if precision is Precision.FLOAT16:
        return OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=ComputePrecision.FLOAT, explicit_dequantize=True
        )
    bits = precision.activation_bits
    activations = TensorQuantizationConfig(bits, symmetric=bits == 16) if bits < 32 else None
    return OpQuantizationConfig(
        activation_tensor_config=activations,
        weight_tensor_config=weights,
        compute_precision=ComputePrecision.INTEGER,
        explicit_dequantize=False,
    )


def _channelwise() -> Any:
    from litert_quantizer.qtyping import QuantGranularity

    return QuantGranularity.CHANNELWISE


def _exactly(scopes: Iterable[str]) -> str:
    """A pattern that matches these operators' scopes and no others."""
    return f"^(?:{'|'.join(re.escape(s) for s in scopes)})$"


def _qsv(statistics: Statistics) -> dict[str, Any]:
    found: dict[str, Any] = {"min": statistics.low, "max": statistics.high}
    if statistics.hessian is not None:
        hessian = statistics.hessian.copy()  # the library works on it in place
        found |= {"hessian": hessian, "mu2": np.diag(hessian) / 2, "num_samples": 1}
    return found


def _reason(error: BaseException) -> str:
    """The sentence of the innermost cause, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:400] or type(error).__name__
