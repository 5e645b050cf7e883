"""The step "sparsify"."""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from edgekit.compress.closeness import BEST_DB, decibels, output_sqnr_db
from edgekit.compress.layer_moments import Layer, layer_moments
from edgekit.compress.linear import groups_of, is_linear, to_matrix, to_weights
from edgekit.compress.moments import Fit, Moments
from edgekit.compress.options import read_options
from edgekit.compress.parts import kept
from edgekit.compress.sharing import Candidate, damage_curve, share_out
from edgekit.compress.sparsity.options import Encoding, Goal, SparsifyOptions
from edgekit.compress.sparsity.path import sparse_path
from edgekit.compress.sparsity.pays import block_of, kernels_pay
from edgekit.compress.sparsity.plan import Packed, SparseLayer, SparsifyPlan
from edgekit.compress.sparsity.prune import prune
from edgekit.compress.sparsity.rewrite import encode, mirror
from edgekit.compress.step import Aim, Change, Samples, Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.progress import tracked
from edgekit.graph.check import check
from edgekit.graph.codec import write
from edgekit.graph.cost import weight_bytes
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.ops import bias_of, is_float, weights_of
from edgekit.graph.types import DType

Doubles = npt.NDArray[np.float64]

_UNITS = 20  # of a layer's weights, which the shares are whole numbers of
_TRIED = (1, 2, 4, 6, 10)  # units that stay, of which the effect on the outputs is tried
_TRIALS = 32  # samples of such a trial
_MOST_TAPS = 2048  # its moments are then three matrices of 32 MiB, of which there is one layer's at a time
_FEW = 256  # weights that are not worth it
_INDEX_BYTES = 1.5  # of a weight that stays, about


@dataclass(frozen=True, slots=True)
class Sparsify:
    """Zeros where somebody gains by them. See `SparsifyOptions` for what can be chosen."""

    name: str = "sparsify"
    aim: Aim = Aim.SMALLER

    def options(self, mapping: Mapping[str, object]) -> SparsifyOptions:
        """Options from plain values. Raises UsageError."""
        return read_options(SparsifyOptions, mapping, self.name)

    def default_options(self) -> SparsifyOptions:
        """Seven tenths of the weights, for kernels that skip zeros."""
        return SparsifyOptions()

    def requires(self, model: Model, options: SparsifyOptions, setting: Setting) -> None:
        """Samples, and a float model."""
        if setting.samples is None:
            raise UsageError("sparsify needs calibration samples, and there are none", "give --calibration")
        if not is_float(model):
            raise ModelError("sparsify works on a float model, and this one is quantized", "put it before quantize")

    def plan(self, model: Model, options: SparsifyOptions, setting: Setting) -> SparsifyPlan:
        """Find out whether zeros pay, share them out among layers, and fit what stays in graph order."""
        self.requires(model, options, setting)
        assert setting.samples is not None
        path, note, why = sparse_path(model.main), "", ""
        if options.goal is Goal.LATENCY:
            finding = kernels_pay(model, path, options, setting)
            note, why = finding.note, finding.why_not
        wanted = set(path.pointwise) if options.goal is Goal.LATENCY else set(model.main.ops)
        reasons = {op.name: why or _why_not(op, op in wanted, options) for op in model.main.ops if weights_of(op)}
        layers = [op for op in model.main.ops if reasons.get(op.name) == ""]
        choices = _choices(model, layers, options, setting) if layers else []
        made = _fit(model, [c for c in choices if c.units is not None], options, setting)
        done = {s.op for s in made}
        left = tuple(Change(op.name, op.kind, "left as it is", reasons[op.name] or "the others can spare more")
                     for op in model.main.ops if op.name in reasons and op.name not in done)  # fmt: skip
        before = weight_bytes(model)
        saved = sum(4 * s.weights.size - (4 + _INDEX_BYTES) * np.count_nonzero(s.weights) for s in made)
        sparse = options.goal is Goal.LATENCY or options.encoding is Encoding.SPARSE
        damage = sum(float(c.candidate.damage[c.units]) for c in choices if c.units is not None)
        size = packed(model)
        plan = SparsifyPlan(
            goal=options.goal,
            layers=made,
            left=left or _nothing(model),
            encoding=Encoding.SPARSE if sparse else Encoding.ZEROS,
            mirrored=options.goal is Goal.LATENCY and bool(made),
            bytes_before=before,
            predicted_bytes=round(before - saved) if sparse else before,
            predicted_db=decibels(1.0, damage),
            measured_db=BEST_DB,
            before=size,
            after=size,
            notes=(note,) if note and made else (),
        )
        return _measured(model, plan, setting.samples, options) if made else plan

    def apply(self, model: Model, plan: SparsifyPlan) -> Model:
        """The clone with sparse weights. Raises ModelError where the plan is another model's."""
        result = model.clone()
        for layer in plan.layers:
            _put(result.main, _named(result, layer), layer)
        if plan.mirrored:
            mirror(result.main, sparse_path(result.main))
        if plan.encoding is Encoding.SPARSE:
            for layer in plan.layers:
                encode(result.main, _named(result, layer), layer.block)
        check(result)
        return result

    def read_plan(self, plain: Mapping[str, object]) -> SparsifyPlan:
        """The plan that `plain` stands for."""
        return SparsifyPlan.from_json(plain)


SPARSIFY = Sparsify()


def packed(model: Model) -> Packed:
    """A model's bytes, plain and deflated."""
    data = write(model)
    return Packed(len(data), len(zlib.compress(data, 9)))


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """A layer, what its zeros do, and how many units of its weights stay; None is all."""

    op: Op
    candidate: Candidate
    units: int | None


def _why_not(op: Op, wanted: bool, options: SparsifyOptions) -> str:
    """Why a layer stays dense, or ""."""
    if any(fnmatch.fnmatchcase(op.name, pattern) for pattern in options.exclude):
        return "it is excluded"
    if not wanted:
        return "sparse kernels are for 1x1 convolutions alone"
    held = weights_of(op)
    if op.kind not in ("CONV_2D", "FULLY_CONNECTED") or not is_linear(op) or held is None or groups_of(op) != 1:
        return "it is no plain convolution or fully connected layer"
    if held.size < _FEW:
        return f"it has fewer than {_FEW} weights"
    taps = held.size // held.shape[0]
    return "" if taps <= _MOST_TAPS else f"its outputs see {taps} numbers, more than the {_MOST_TAPS} kept in memory"


def _choices(model: Model, layers: Sequence[Op], options: SparsifyOptions, setting: Setting) -> list[_Choice]:
    curves = []
    for number, op in enumerate(tracked(layers, "what zeros do", len(layers), setting.progress)):
        found = kept(setting.workspace, f"zeros-{number}", partial(_tried, model, op, options, setting))
        size = _held(op).size
        curve = damage_curve({int(units): damage for units, damage in found.items()}, _UNITS - 1)
        curves.append(Candidate(size // _UNITS, size, curve))
    chosen = share_out(curves, (1 - options.share) * sum(c.whole for c in curves))
    return [_Choice(op, c, units) for op, c, units in zip(layers, curves, chosen, strict=True)]


def _tried(model: Model, op: Op, options: SparsifyOptions, setting: Setting) -> dict[str, object]:
    """What some numbers of zeros in one layer do to the model's outputs."""
    assert setting.samples is not None
    moments = layer_moments(model, None, [Layer(op, op)], setting.samples.feeds(options.limit))[0]
    return {str(units): _damage(model, op, moments, units, options, setting.samples) for units in _TRIED}


def _damage(model: Model, op: Op, moments: Moments, units: int, options: SparsifyOptions, samples: Samples) -> float:
    """Error over signal of the model's outputs with one layer sparse."""
    changed = model.clone()
    fit = Fit(_matrix(op), _bias(op)[None].astype(np.float64))
    _put(changed.main, changed.main.ops[model.main.ops.index(op)], _sparse(op, moments, fit, units, options))
    return float(10 ** (-output_sqnr_db(model, changed, samples.feeds(_TRIALS)) / 10))


def _fit(
    model: Model, choices: Sequence[_Choice], options: SparsifyOptions, setting: Setting
) -> tuple[SparseLayer, ...]:
    """Layers in graph order, each fitted to the original's outputs on the inputs that those before it leave."""
    changed, made = model.clone(), []
    for number, choice in enumerate(tracked(choices, "fitting what stays", len(choices), setting.progress)):
        op = changed.main.ops[model.main.ops.index(choice.op)]
        work = partial(_fitted, model, changed, Layer(op, choice.op), choice, options, setting)
        made.append(SparseLayer.from_json(kept(setting.workspace, f"layer-{number}", work)))
        _put(changed.main, op, made[-1])
    return tuple(made)


def _fitted(
    model: Model, changed: Model, layer: Layer, choice: _Choice, options: SparsifyOptions, setting: Setting
) -> dict[str, object]:
    assert setting.samples is not None and choice.units is not None
    moments = layer_moments(changed, model, [layer], setting.samples.feeds(options.limit))[0]
    matrix = _matrix(choice.op)
    fit = moments.refit(matrix, _bias(choice.op)[None].astype(np.float64), near=matrix)
    return _sparse(choice.op, moments, fit, choice.units, options).to_json()


def _sparse(op: Op, moments: Moments, fit: Fit, units: int, options: SparsifyOptions) -> SparseLayer:
    """The layer with so many units of a fit's weights; the bias takes what is left of the original's mean."""
    block = block_of(op, options)
    weights = prune(fit.weights[0], moments.damped(1e-3)[0], 1 - units / _UNITS, block)[None]
    bias = moments.bias_for(weights, _matrix(op), _bias(op)[None].astype(np.float64))[0]
    return SparseLayer(op.name, op.kind, to_weights(op, weights).astype(np.float32), bias.astype(np.float32), block)


def _put(graph: Graph, op: Op, layer: SparseLayer) -> None:
    """Give a layer its weights and bias, in constants of its own."""
    for place, values in enumerate((layer.weights, layer.bias), start=1):
        tensor = op.inputs[place] if place < len(op.inputs) else None
        if tensor is None or len(graph.consumers(tensor)) > 1:
            wish = tensor.name if tensor is not None else f"{op.name}_bias"
            tensor = graph.add_tensor(Tensor(graph.unique_name(wish), values.shape, DType.FLOAT32))
        tensor.set_data(values)
        op.inputs = [*op.inputs[:place], tensor, *op.inputs[place + 1 :]]


def _named(model: Model, layer: SparseLayer) -> Op:
    op = next((op for op in model.main.ops if op.name == layer.op and op.kind == layer.kind), None)
    held = weights_of(op) if op is not None else None
    if op is None or held is None or held.shape != layer.weights.shape:
        raise ModelError(f"the plan's {layer.kind} '{layer.op}' is not in the model", "plan again for this model")
    return op


def _measured(model: Model, plan: SparsifyPlan, samples: Samples, options: SparsifyOptions) -> SparsifyPlan:
    """The plan with what it brings; without layers where the download does not become smaller."""
    result = SPARSIFY.apply(model, plan)
    after = packed(result)
    if plan.goal is Goal.DOWNLOAD and after.deflated >= plan.before.deflated:
        why = f"the file is {plan.before} as it is, and would be {after}"
        left = tuple(Change(c.op, c.kind, "left as it is", why) for c in plan.changes)
        return replace(plan, layers=(), left=left, mirrored=False, predicted_bytes=plan.bytes_before)
    kept = output_sqnr_db(model, result, samples.feeds(options.limit))
    return replace(plan, after=after, measured_db=kept)


def _nothing(model: Model) -> tuple[Change, ...]:
    return tuple(Change(op.name, op.kind, "left as it is", "the model has no weights") for op in model.main.ops[:1])


def _held(op: Op) -> npt.NDArray[np.float32]:
    held = weights_of(op)
    assert held is not None and held.data is not None  # `is_linear` says so
    return held.data


def _matrix(op: Op) -> Doubles:
    return np.asarray(to_matrix(op, _held(op)), np.float64)


def _bias(op: Op) -> npt.NDArray[np.float32]:
    held = bias_of(op)
    values = held.data if held is not None else None
    return np.zeros(_held(op).shape[0], np.float32) if values is None else values
