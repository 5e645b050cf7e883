"""The step "quantize"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgekit.compress.calibrate import CalibrateOptions, RangeMethod, calibrate
from edgekit.compress.clip import ranges_by_output
from edgekit.compress.finite import FLOAT16_MAX, require_finite
from edgekit.compress.quantize import library
from edgekit.compress.quantize.audit import audit
from edgekit.compress.quantize.casting import cast_constants, quantize_tables
from edgekit.compress.quantize.islands import allow_any_scale, fold
from edgekit.compress.quantize.library import Treatment
from edgekit.compress.quantize.options import Boundary, QuantizeOptions, Scales, Scheme
from edgekit.compress.quantize.plan import Assignment, By, Precision, QuantizePlan
from edgekit.compress.quantize.prepare import Prepared, prepare, restore, with_unique_names
from edgekit.compress.quantize.select import WEIGHTED, assign, has_float, weights
from edgekit.compress.quantize.shifts import audit_shifts, widened
from edgekit.compress.quantize.statistics import gather, hessian_inputs
from edgekit.compress.ranges import Ranges
from edgekit.compress.step import Aim, Setting
from edgekit.core.errors import ModelError, UnsupportedError, UsageError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Model
from edgekit.graph.types import DType


@dataclass(frozen=True, slots=True)
class Quantize:
    """Fewer bits for weights and activations. See `QuantizeOptions` for what can be chosen."""

    name: str = "quantize"
    aim: Aim = Aim.SMALLER

    def options(self, mapping: Mapping[str, object]) -> QuantizeOptions:
        """Options from plain values. Raises UsageError."""
        return QuantizeOptions.from_mapping(mapping)

    def default_options(self) -> QuantizeOptions:
        """int8 weights and activations, int8 at the boundary."""
        return QuantizeOptions()

    def requires(self, model: Model, options: QuantizeOptions, setting: Setting) -> None:
        """Samples for a static scheme, something to quantize, and kernels on the target for what will come out."""
        model = with_unique_names(model)
        if not any(has_float(op) for graph in model.graphs for op in graph.ops):
            raise ModelError(
                f"nothing in the model can become {options.scheme.value}: it has no float operator",
                "one that is quantized already is built as it is with --recipe float32",
            )
        if options.needs_calibration and setting.samples is None and setting.ranges is None:
            raise UsageError(
                f"{options.scheme.value} needs calibration samples, and there are none",
                "give --calibration, or choose the scheme dynamic or float16",
            )
        _require_dense(model)
        _require_one_graph(model, options)
        if options.scheme is Scheme.FLOAT16:
            require_finite(model, FLOAT16_MAX)
        assignments = assign(model, options, setting.target)
        if all(a.precision is Precision.FLOAT for a in assignments):
            raise ModelError(f"nothing in the model can become {options.scheme.value}: {assignments[0].why}")
        _require_four_bits(assignments, options, setting)
        _require_kernels(assignments, model, setting)

    def plan(self, model: Model, options: QuantizeOptions, setting: Setting) -> QuantizePlan:
        """Decide what each operator becomes, and calibrate where activations become integers."""
        self.requires(model, options, setting)
        model = with_unique_names(model)
        assignments = assign(model, options, setting.target)
        ranges = _ranges(model, options, assignments, setting) if options.needs_calibration else None
        if ranges is not None and options.scales is Scales.POWER_OF_TWO:
            ranges = widened(ranges, calibration_options(options).bits)
        before, after = _weight_bytes(model, assignments)
        return QuantizePlan(options, assignments, ranges, before, after)

    def apply(self, model: Model, plan: QuantizePlan) -> Model:
        """The quantized clone. Raises ModelError where the library does not deliver what the plan says."""
        prepared = prepare(model)
        result = read(_through_library(prepared, plan))
        short = prepared.short()
        ours = frozenset(short[a.op] for a in plan.assignments if a.by is By.EDGEKIT)
        if plan.options.scheme is Scheme.FLOAT16:
            cast_constants(result.main, ours)
        elif plan.options.scheme is Scheme.DYNAMIC:
            quantize_tables(result.main, ours)
        elif plan.ranges is not None:
            fold(result.main, ours, {short[n]: r for n, r in plan.ranges.by_tensor.items() if n in short})
        if plan.options.scheme is Scheme.INT16X8:
            allow_any_scale(result.main)
        audit(result, plan.assignments, prepared.original)
        if plan.options.scales is Scales.POWER_OF_TWO:
            audit_shifts(result)
        restore(result, prepared)
        check(result)
        return result

    def read_plan(self, plain: Mapping[str, object]) -> QuantizePlan:
        """The plan that `plain` stands for."""
        return QuantizePlan.from_json(plain)


QUANTIZE = Quantize()


def calibration_options(options: QuantizeOptions) -> CalibrateOptions:
    """How a scheme calibrates: the options' own, with the bits of its activations.

    At 16 bits a step is so small that cutting off anything costs more than it gains, so the extremes are taken.
    """
    if options.scheme is not Scheme.INT16X8:
        return replace(options.calibration, bits=8)
    method = options.calibration.method
    return replace(options.calibration, bits=16, method=RangeMethod.MINMAX if method is RangeMethod.MSE else method)


def _ranges(model: Model, options: QuantizeOptions, plan: tuple[Assignment, ...], setting: Setting) -> Ranges:
    how, wanted = calibration_options(options), hessian_inputs(model.main, plan)
    if how.method is RangeMethod.OUTPUT and setting.samples is not None:
        return ranges_by_output(model, how, setting, lambda one: _by_method(model, one, wanted, setting))
    return _by_method(model, how, wanted, setting)


def _by_method(model: Model, how: CalibrateOptions, wanted: frozenset[str], setting: Setting) -> Ranges:
    """Ranges by a method that looks at each tensor alone."""
    if setting.ranges is not None and not wanted:
        return setting.ranges(model, how)
    if setting.samples is None:
        raise UsageError("this algorithm needs calibration samples, and there are none", "give --calibration")
    total = min(how.limit or setting.samples.count, setting.samples.count)
    return calibrate(model, setting.samples.feeds(how.limit), how, setting.progress, total, wanted)


def _through_library(prepared: Prepared, plan: QuantizePlan) -> bytes:
    """The bytes that the library makes of the operators that are its own, or the model's where there are none."""
    by_op = {a.op: a for a in plan.assignments if a.by is By.LIBRARY and a.precision is not Precision.FLOAT}
    groups: dict[Treatment, list[str]] = {}
    for op in prepared.model.main.ops:
        if found := by_op.get(prepared.original[op.name]):
            scope = "".join(f"{t.name};" for t in op.outputs)
            groups.setdefault(Treatment(found.precision, found.algorithm), []).append(scope)
    data = write(prepared.model)
    if not groups:
        return data
    statistics = {}
    if plan.ranges is not None:
        shifts = plan.options.scales is Scales.POWER_OF_TWO
        statistics = gather(prepared.model.main, prepared.original, plan.ranges, plan.assignments, shifts)
    float_boundary = plan.options.boundary is Boundary.FLOAT
    return library.quantize(data, list(groups.items()), statistics, float_boundary)


def _require_dense(model: Model) -> None:
    """Sparse constants are written last: nothing quantizes them."""
    sparse = next((t for graph in model.graphs for t in graph.tensors if t.sparsity is not None), None)
    if sparse is not None:
        hint = "leave quantize out, or give sparsify goal=download and encoding=zeros"
        raise ModelError(f"the constant '{sparse.name}' is sparse, and quantize takes dense ones alone", hint)


def _require_one_graph(model: Model, options: QuantizeOptions) -> None:
    """Calibration sees the main graph alone."""
    others = [s.key for s in model.signatures if s.graph is not model.main]
    if options.scheme.is_static and others:
        raise ModelError(
            f"the signature {others[0]!r} has a graph of its own, for which there are no calibration samples",
            "export the model with one signature, or choose the scheme dynamic or float16",
        )


def _require_four_bits(assignments: tuple[Assignment, ...], options: QuantizeOptions, setting: Setting) -> None:
    """A model without one int4 weight must not be called int4."""
    if options.scheme is not Scheme.INT4 or any(a.precision is Precision.W4_A8 for a in assignments):
        return
    hint = "choose the scheme int8"
    if setting.target is None:
        raise ModelError("the model has no operator that takes int4 weights", hint)
    raise UnsupportedError(f"{setting.target.name} has no int4 kernel for any operator of the model", hint)


def _require_kernels(assignments: tuple[Assignment, ...], model: Model, setting: Setting) -> None:
    """Raises UnsupportedError for the first operator that the target could not run as it will be."""
    if setting.target is None:
        return
    from edgekit.targets.case import Level
    from edgekit.targets.rules import supports

    held = {op.name: weights(op) is not None for op in model.main.ops}
    for a in assignments:
        if a.precision.activation_bits == 32:
            continue  # require_support judges float operators as they are
        activation = DType.INT8 if a.precision.activation_bits == 8 else DType.INT16
        stored = {4: DType.INT4, 8: DType.INT8}[a.precision.weight_bits] if held[a.op] else None
        verdict = supports(setting.target, a.kind, activation, stored, per_channel=_per_channel(a))
        if verdict.level is Level.CANNOT:
            raise UnsupportedError(f"{a.kind} {a.op} as {a.precision.value}: {verdict.message}", verdict.hint)


def _per_channel(assignment: Assignment) -> bool | None:
    """Whether the weights get a scale for each channel; None where there are none."""
    return True if assignment.kind in WEIGHTED else None


def _weight_bytes(model: Model, assignments: tuple[Assignment, ...]) -> tuple[int, int]:
    """Bytes of constants now, and about how many there will be."""
    bits = {a.op: a.precision.weight_bits for a in assignments}
    before = after = 0
    seen: set[int] = set()
    for op in model.main.ops:
        for tensor in op.inputs:
            if tensor is None or not tensor.is_constant or id(tensor) in seen:
                continue
            seen.add(id(tensor))
            before += tensor.nbytes
            is_weight = tensor.dtype is DType.FLOAT32 and len(tensor.shape) > 1
            after += tensor.size * bits.get(op.name, 32) // 8 if is_weight else tensor.nbytes
    return before, after
