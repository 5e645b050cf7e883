"""How a target would run a layer under each choice, by its kernels' rules."""

from __future__ import annotations

from edgekit.compress.analysis.choice import Choice
from edgekit.compress.analysis.layers import Weighted
from edgekit.graph.ops import Compute, spec_of
from edgekit.graph.types import DType
from edgekit.targets.kernels import WEIGHTS_INPUT
from edgekit.targets.rules import Level, Verdict, supports
from edgekit.targets.target import Target

_RECURRENT = frozenset({Compute.LSTM, Compute.RNN})


def kernels_for(layer: Weighted, choice: Choice, target: Target | None) -> Verdict:
    """The worst verdict on the operators of the layer; without a target everything runs.

    With fewer channels it runs as it did before, in whatever type that is.
    """
    if choice.cut:
        return Verdict(Level.RUNS)
    kinds = dict.fromkeys(op.kind for op in layer.ops)
    verdicts = [_verdict(kind, layer, choice, target) for kind in kinds]
    return max(verdicts, key=lambda v: v.level.severity)


def _verdict(kind: str, layer: Weighted, choice: Choice, target: Target | None) -> Verdict:
    if spec_of(layer.ops[0]).compute in _RECURRENT and choice.weight_bits == 4:
        return Verdict(Level.CANNOT, "", f"no runtime has a kernel for {kind} with int4 weights")
    if target is None:
        return Verdict(Level.RUNS)
    if choice is Choice.FLOAT16:
        loads = supports(target, "DEQUANTIZE", DType.FLOAT16)
        return loads if loads.level is Level.CANNOT else _float(kind, target)
    if choice.weight_bits == 32:
        return _float(kind, target)
    weights = DType.INT4 if choice is Choice.INT4 else DType.INT8
    if kind not in WEIGHTS_INPUT:  # what it reads is stored as what it gives
        return supports(target, kind, weights if choice is Choice.INT4 else choice.activation_type)
    return supports(target, kind, choice.activation_type, weights, per_channel=layer.scale_axis is not None)


def _float(kind: str, target: Target) -> Verdict:
    return supports(target, kind, DType.FLOAT32, DType.FLOAT32)
