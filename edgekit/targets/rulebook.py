"""The rules: what a target's kernels do with an operator. A rule's docstring is the rule, the message and the manual.

A rule takes a `Case` and says None (kept) or a `Breach` (broken, with what would help).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgekit.graph.model import Tensor
from edgekit.graph.types import DType
from edgekit.targets.case import Case, Level
from edgekit.targets.kernels import (
    CUSTOM_KERNELS,
    ETHOS_U55_ACTIVATIONS,
    ETHOS_U55_KINDS,
    ETHOS_U55_WEIGHTS,
    HEAVY,
    MAX_BROADCAST_RANK,
    MAX_RANK,
    PER_CHANNEL_FAILS,
    PER_TENSOR_FAILS,
    kernels,
    xnnpack,
)
from edgekit.targets.target import Isa, Kind, RuntimeKind

_MICRO_TYPES = frozenset(
    {DType.FLOAT32, DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64, DType.BOOL, DType.INT4}
    | {DType.RESOURCE, DType.UINT32, DType.UINT16}
)
_CONSTANT_WEIGHTS = HEAVY - {"BATCH_MATMUL"}
_NAMES = {
    RuntimeKind.LITERT: "LiteRT 2.3",
    RuntimeKind.TFLITE_RUNTIME: "tflite-runtime 2.14",
    RuntimeKind.TFLM: "TFLite Micro",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken rule: how bad, what is the case here, and what would help."""

    level: Level
    message: str
    hint: str


Rule = Callable[[Case], Breach | None]


def custom_operators_are_known(case: Case) -> Breach | None:
    """A custom operator runs only where the runtime brings its kernel; TensorFlow ("Flex") operators run nowhere.

    Source: register.cc of LiteRT, python_ops_resolver.cc of TFLite Micro.
    """
    if case.kind != "CUSTOM" or case.custom_name in CUSTOM_KERNELS[case.runtime]:
        return None
    flex = case.custom_name.startswith("Flex")
    what = "a TensorFlow operator" if flex else "a custom operator"
    hint = "Export the model with TFLite's built-in operators only, or replace this layer by ones that have them."
    return Breach(Level.CANNOT, f"{case.custom_name} is {what}, for which {_name(case)} has no kernel", hint)


def operators_have_a_kernel(case: Case) -> Breach | None:
    """The runtime must have a kernel for the operator at all.

    Source: the resolvers of ai-edge-litert 2.3.0, tflite-runtime 2.14.0 and tflite-micro 0.dev20261023182759.
    """
    if case.kind == "CUSTOM" or case.kernel is not None:
        return None
    return Breach(Level.CANNOT, f"{_name(case)} has no kernel for {case.kind}", _elsewhere(case))


def versions_are_known(case: Case) -> Breach | None:
    """A runtime refuses an operator whose version is higher than the highest it knows.

    Source: the resolvers, asked with each version; TFLite Micro does not look at versions.
    """
    kernel = case.kernel
    if kernel is None or kernel.version is None or case.version <= kernel.version:
        return None
    message = f"{_name(case)} reads {case.kind} up to version {kernel.version}, this one has version {case.version}"
    return Breach(Level.CANNOT, message, "Use the runtime litert (64-bit systems), or quantize without this operator.")


def hybrid_kernels_are_not_on_micro(case: Case) -> Breach | None:
    """TFLite Micro has no dynamic-range kernels: float activations need float weights.

    Source: measured, allocation fails ("filter type: INT8 not supported"); only EMBEDDING_LOOKUP is an exception.
    """
    types = case.types
    if not case.is_micro or types is None or case.kind == "EMBEDDING_LOOKUP":
        return None
    if types.activation is not DType.FLOAT32 or types.weights is DType.FLOAT32:
        return None
    message = f"TFLite Micro has no {case.kind} for {types} (dynamic range)"
    return Breach(Level.CANNOT, message, f"{_SCHEME_INT8} Or leave it in float32.")


def float16_is_not_on_micro(case: Case) -> Breach | None:
    """TFLite Micro has no float16: not even the DEQUANTIZE that turns float16 weights back into float32.

    Source: measured, DEQUANTIZE of float16 fails to prepare in tflite-micro 0.dev20261023182759.
    """
    if not case.is_micro or not _touches(case, DType.FLOAT16):
        return None
    return Breach(Level.CANNOT, f"TFLite Micro has no float16 kernels, and this {case.kind} needs one", _SCHEME_INT8)


def element_types_fit_a_microcontroller(case: Case) -> Breach | None:
    """TFLite Micro knows no strings, complex numbers, 64-bit floats, bfloat16 or variants.

    Source: micro/micro_utils and the kernels' own checks in tensorflow/tflite-micro.
    """
    foreign = next((t for t in case.tensors() if t.dtype not in _MICRO_TYPES), None) if case.is_micro else None
    if foreign is None or foreign.dtype is DType.FLOAT16:
        return None
    message = f"TFLite Micro does not know the type {foreign.dtype.label} of tensor {foreign.name!r}"
    return Breach(Level.CANNOT, message, "Take this part out of the model, and do it in the application.")


def types_have_a_kernel(case: Case) -> Breach | None:
    """The runtime's kernel must take the types of the operator's activations and weights.

    Source: one-operator models of each type, run in each runtime; models that run and give wrong values count as not
    taken (int16 activations with int4 weights in DEPTHWISE_CONV_2D, for one).
    """
    kernel, types = case.kernel, case.types
    if kernel is None or types is None or kernel.takes(types):
        return None
    known = ", ".join(sorted(map(str, kernel.types or ())))
    message = f"{_name(case)} has no {case.kind} for {types}"
    return Breach(Level.CANNOT, message, f"It takes: {known}. {_leave_out(case)}")


def scales_per_channel_are_computed(case: Case) -> Breach | None:
    """A kernel that ignores or refuses per-channel scales must not get weights that have them.

    Some run and give wrong values without a word: DEQUANTIZE of weights in TFLite Micro (so every weight-only model),
    and dynamic-range FULLY_CONNECTED in tflite-runtime 2.14. Source: one-operator models with two different scales,
    compared with float.
    """
    if case.types is None or not case.per_channel or (case.kind, case.types) not in PER_CHANNEL_FAILS[case.runtime]:
        return None
    what = f"{case.kind} with {case.types} wrongly, or not at all, when scales are per channel"
    hint = f"Quantize these weights per tensor, or use the scheme int8. {_leave_out(case)}"
    return Breach(Level.CANNOT, f"{_name(case)} computes {what}", hint)


def scales_per_channel_are_needed(case: Case) -> Breach | None:
    """Dynamic-range depthwise convolutions are computed with per-channel scales only.

    Source: measured, LiteRT 2.3 and tflite-runtime 2.14 fail to prepare the per-tensor one.
    """
    if case.types is None or case.per_channel is not False:
        return None
    if (case.kind, case.types) not in PER_TENSOR_FAILS[case.runtime]:
        return None
    message = f"{_name(case)} computes {case.kind} with {case.types} only when scales are per channel"
    return Breach(Level.CANNOT, message, "Quantize these weights per channel.")


def ranks_are_within_reach(case: Case) -> Breach | None:
    """Each kernel has a highest rank; above it the runtime refuses, aborts, or gives wrong values.

    Source: one-operator models of rank 4 to 9 in each runtime.
    """
    limit, rank = _rank_limit(case), max((len(tensor.shape) for tensor in case.tensors()), default=0)
    if limit is None or rank <= limit:
        return None
    message = f"{_name(case)} computes {case.kind} up to rank {limit}, this one has rank {rank}"
    return Breach(Level.CANNOT, message, "Reshape it to fewer dimensions before this operator and back after it.")


def shapes_are_fixed_on_micro(case: Case) -> Breach | None:
    """TFLite Micro plans its memory once: every shape must be known when the model is built.

    Source: tensorflow/tflite-micro, docs/memory_management.md; a shape with -1 cannot be planned.
    """
    open_ended = next((t for t in case.tensors() if -1 in t.shape), None) if case.is_micro else None
    if open_ended is None:
        return None
    message = f"the shape {list(open_ended.shape)} of tensor {open_ended.name!r} is not known before it runs"
    return Breach(Level.CANNOT, message, "Fix the shape with --input-shape when importing.")


def four_bit_weights_crash_vela(case: Case) -> Breach | None:
    """Vela, which compiles for the Ethos-U, crashes on int4 weights wherever they are in the model.

    Source: measured, ethos-u-vela 5.2 ends with SIGFPE on every such file.
    """
    four_bit = case.types is not None and case.types.weights is DType.INT4
    if not _has_ethos_u(case) or not (four_bit or _touches(case, DType.INT4)):
        return None
    message = f"Vela, the compiler for the Ethos-U, crashes on the int4 weights of {case.kind}"
    return Breach(Level.CANNOT, message, _SCHEME_INT8)


def sixteen_bit_activations_are_slow(case: Case) -> Breach | None:
    """On phones and Linux boards int16 activations run on reference kernels, 20 to 50 times slower than int8.

    Source: measured, ResNet8 4,477 µs as int16x8 and 132 µs as int8 with XNNPACK; LiteRT#4383.
    """
    if case.is_micro or case.kind not in HEAVY or case.types is None or case.types.activation is not DType.INT16:
        return None
    message = f"{_name(case)} computes {case.kind} with int16 activations on reference kernels, 20 to 50 times slower"
    return Breach(Level.SLOW, message, "Use the scheme int8, and int16x8 only for the operators that need it.")


def xnnpack_takes_the_heavy_operators(case: Case) -> Breach | None:
    """Convolutions and matrix products that XNNPACK does not take stay on LiteRT's built-in kernels, often slower.

    Source: measured: dynamic-range int8 depthwise 415 µs against 133 µs in float (visual wake words), int4 convolutions
    253 µs against 132 µs in int8 (ResNet8); which types it takes is read from the delegated graph.
    """
    types = case.types
    if case.target.runtime is not RuntimeKind.LITERT or case.kind not in HEAVY or types is None:
        return None
    taken = xnnpack().get(case.kind)
    if types.activation is DType.INT16 or (taken is not None and taken.takes(types)):
        return None
    message = f"XNNPACK does not take {case.kind} for {types}, which then runs on LiteRT's slower built-in kernel"
    return Breach(Level.SLOW, message, "Measure it, and compare with the scheme int8.")


def float_needs_a_floating_point_unit(case: Case) -> Breach | None:
    """On a microcontroller without a floating-point unit every float operation is a call of a software routine.

    Source: Arm's Cortex-M0+ and M3 have no FPU; the compiler emits __aeabi_fmul and its kin (Arm RTABI, 4.1.2).
    """
    target, types = case.target, case.types
    if target.kind is not Kind.MCU or target.cpu.has(Isa.FPU) or types is None:
        return None
    if types.activation is not DType.FLOAT32:
        return None
    message = f"{target.cpu.soc} has no floating-point unit, so {case.kind} in float32 is computed in software"
    return Breach(Level.SLOW, message, "Use the scheme int8.")


def ethos_u_leaves_the_rest_to_the_cpu(case: Case) -> Breach | None:
    """The Ethos-U55 computes the operators of Vela's list with int8, uint8 or int16 activations and 8-bit weights.

    Everything else stays on the Cortex-M beside it. Source: `vela --supported-ops-report` of ethos-u-vela 5.2.0.
    """
    types = case.types
    if not _has_ethos_u(case) or case.custom_name == "ethos-u":
        return None
    listed = case.kind in ETHOS_U55_KINDS and types is not None and types.activation in ETHOS_U55_ACTIVATIONS
    if listed and types is not None and (case.kind not in _CONSTANT_WEIGHTS or types.weights in ETHOS_U55_WEIGHTS):
        return None
    what = f"{case.kind} for {types}" if types is not None else case.kind
    return Breach(Level.SLOW, f"the Ethos-U55 does not compute {what}, which stays on the CPU", _SCHEME_INT8)


RULES: tuple[Rule, ...] = (
    custom_operators_are_known,
    operators_have_a_kernel,
    versions_are_known,
    float16_is_not_on_micro,
    element_types_fit_a_microcontroller,
    hybrid_kernels_are_not_on_micro,
    four_bit_weights_crash_vela,
    types_have_a_kernel,
    scales_per_channel_are_computed,
    scales_per_channel_are_needed,
    ranks_are_within_reach,
    shapes_are_fixed_on_micro,
    sixteen_bit_activations_are_slow,
    xnnpack_takes_the_heavy_operators,
    float_needs_a_floating_point_unit,
    ethos_u_leaves_the_rest_to_the_cpu,
)

_SCHEME_INT8 = "Use the scheme int8, which needs calibration samples."


def rule_name(rule: Rule) -> str:
    """A rule's name in text: its function's, in words."""
    return rule.__name__.replace("_", " ")


def rule_sentence(rule: Rule) -> str:
    """The rule itself: the first paragraph of its docstring, on one line."""
    return " ".join((rule.__doc__ or "").split("\n\n")[0].split())


def _name(case: Case) -> str:
    return _NAMES[case.runtime]


def _touches(case: Case, dtype: DType) -> bool:
    types = case.types
    return any(t.dtype is dtype for t in case.tensors()) or (
        types is not None and dtype in {types.activation, types.weights}
    )


def _has_ethos_u(case: Case) -> bool:
    return any(unit.name.startswith("Ethos-U") for unit in case.target.accelerators)


def _rank_limit(case: Case) -> int | None:
    limit = MAX_RANK[case.runtime].get(case.kind)
    shapes = {tensor.shape for tensor in _inputs(case)}
    if limit is None and len(shapes) > 1:
        return MAX_BROADCAST_RANK[case.runtime].get(case.kind)
    return limit


def _inputs(case: Case) -> list[Tensor]:
    return [tensor for tensor in case.op.inputs if tensor is not None] if case.op is not None else []


def _elsewhere(case: Case) -> str:
    """What to do about an operator without a kernel: name the runtimes that have one."""
    others = [_NAMES[runtime] for runtime in _NAMES if runtime is not case.runtime and case.kind in kernels(runtime)]
    if not others:
        return "Express this layer with other operators before exporting the model."
    return f"{' and '.join(others)} would run it; for this target, express the layer with other operators."


def _leave_out(case: Case) -> str:
    return f"Or exclude {case.op.name!r} from quantization." if case.op is not None else "Or exclude it by name."
