"""The step "low-rank"."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from edgekit.compress.closeness import BEST_DB, decibels, output_sqnr_db
from edgekit.compress.layer_moments import Layer, layer_moments
from edgekit.compress.linear import groups_of, is_linear, positions, to_matrix
from edgekit.compress.lowrank.factor import most_rank, rank_for_loss, spectrum
from edgekit.compress.lowrank.options import Goal, LowRankOptions
from edgekit.compress.lowrank.plan import Factors, LowRankPlan
from edgekit.compress.lowrank.rewrite import split_layer
from edgekit.compress.moments import Fit, Moments
from edgekit.compress.options import read_options
from edgekit.compress.parts import kept
from edgekit.compress.sharing import Candidate, damage_curve, share_out
from edgekit.compress.step import Aim, Change, Samples, Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.progress import tracked
from edgekit.graph.check import check
from edgekit.graph.cost import weight_bytes
from edgekit.graph.model import Model, Op
from edgekit.graph.ops import bias_of, is_float, weights_of

Doubles = npt.NDArray[np.float64]

_MOST_TAPS = 2048  # its moments are then three matrices of 32 MiB, of which there is one layer's at a time
_TRIALS = 32  # samples that tell how much of a layer's error reaches the outputs


@dataclass(frozen=True, slots=True)
class LowRank:
    """Layers as two smaller ones. See `LowRankOptions` for what can be chosen."""

    name: str = "low-rank"
    aim: Aim = Aim.SMALLER

    def options(self, mapping: Mapping[str, object]) -> LowRankOptions:
        """Options from plain values. Raises UsageError."""
        return read_options(LowRankOptions, mapping, self.name)

    def default_options(self) -> LowRankOptions:
        """Half of the layers' weights."""
        return LowRankOptions()

    def requires(self, model: Model, options: LowRankOptions, setting: Setting) -> None:
        """Samples, and a float model."""
        if setting.samples is None:
            raise UsageError("low-rank needs calibration samples, and there are none", "give --calibration")
        if not is_float(model):
            raise ModelError("low-rank works on a float model, and this one is quantized", "put it before quantize")

    def plan(self, model: Model, options: LowRankOptions, setting: Setting) -> LowRankPlan:
        """Find what each rank of each layer loses, share the ranks out, and fit the factors in graph order."""
        self.requires(model, options, setting)
        assert setting.samples is not None
        reasons = {op.name: _why_not(op, options) for op in model.main.ops if is_linear(op)}
        layers = [op for op in model.main.ops if reasons.get(op.name) == ""]
        choices = _choices(model, layers, options, setting) if layers else []
        chosen = [c for c in choices if c.rank is not None]
        factors = _fit(model, chosen, options, setting)
        done = {f.op for f in factors}
        left = tuple(
            Change(op.name, op.kind, "left as it is", reasons[op.name] or "smaller ranks cost more than they save")
            for op in model.main.ops
            if op.name in reasons and op.name not in done
        )
        saved = sum(4 * (f.before - f.after - f.first.shape[1]) for f in factors)
        before = weight_bytes(model)
        damage = sum(float(c.candidate.damage[c.rank or 0]) for c in chosen)
        count = min(setting.samples.count, options.limit or setting.samples.count)
        plan = LowRankPlan(factors, left, before, before - saved, decibels(1.0, damage), BEST_DB, count)
        return _measured(model, plan, setting.samples, options)

    def apply(self, model: Model, plan: LowRankPlan) -> Model:
        """The clone with its layers in two. Raises ModelError where the plan is another model's."""
        result = model.clone()
        for factors in plan.factors:
            op = next((op for op in result.main.ops if op.name == factors.op and op.kind == factors.kind), None)
            if op is None:
                raise ModelError(f"the plan factorizes {factors.kind} '{factors.op}', which the model has not")
            split_layer(result.main, op, factors)
        check(result)
        return result

    def read_plan(self, plain: Mapping[str, object]) -> LowRankPlan:
        """The plan that `plain` stands for."""
        return LowRankPlan.from_json(plain)


LOW_RANK = LowRank()


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """A layer, what its ranks lose, and the rank that it gets."""

    op: Op
    candidate: Candidate
    rank: int | None


def _why_not(op: Op, options: LowRankOptions) -> str:
    """Why a layer cannot be factorized, or ""."""
    if any(fnmatch.fnmatchcase(op.name, pattern) for pattern in options.exclude):
        return "it is excluded"
    weights = _weights(op)
    if op.kind == "CONV_2D" and (weights.shape[1:3] != (1, 1) or groups_of(op) != 1):
        return "only 1x1 convolutions without groups can be made two smaller ones"
    if op.kind == "CONV_2D" and not options.convolutions:
        return "convolutions are not wanted"
    if op.kind not in ("CONV_2D", "FULLY_CONNECTED"):
        return f"a {op.kind} cannot be made two smaller layers"
    if op.kind == "FULLY_CONNECTED" and op.options is not None and op.options.weightsFormat:
        return "its weights are shuffled"
    if weights.shape[-1] > _MOST_TAPS:
        return f"it has {weights.shape[-1]} inputs, more than the {_MOST_TAPS} whose covariance is kept in memory"
    return "" if _most(op) else "it is too small to save anything"


def _choices(model: Model, layers: Sequence[Op], options: LowRankOptions, setting: Setting) -> list[_Choice]:
    curves, least = [], []
    for number, op in enumerate(tracked(layers, "what each rank loses", len(layers), setting.progress)):
        found = kept(setting.workspace, f"ranks-{number}", partial(_tried, model, op, options, setting))
        least.append(found["least"])
        uses = positions(op) if options.goal is Goal.MACS else 1
        taps, outputs = _matrix(op).shape
        curve = damage_curve({int(rank): damage for rank, damage in found["damage"].items()}, _most(op))
        curves.append(Candidate((taps + outputs) * uses, taps * outputs * uses, curve))
    shared = share_out(curves, options.level * sum(c.whole for c in curves))
    ranks = least if options.goal is Goal.ERROR else shared
    return [_Choice(op, c, r) for op, c, r in zip(layers, curves, ranks, strict=True)]


def _tried(model: Model, op: Op, options: LowRankOptions, setting: Setting) -> dict[str, object]:
    """What single ranks do to the model's outputs, and the least rank that loses no more than the level."""
    assert setting.samples is not None
    moments = layer_moments(model, None, [Layer(op, op)], setting.samples.feeds(options.limit))[0]
    least = rank_for_loss(spectrum(_matrix(op), moments.covariance[0]), options.level, _most(op))
    damage = {str(rank): _damage(model, op, moments, rank, setting.samples) for rank in _trial_ranks(op)}
    return {"least": least, "damage": damage}


def _trial_ranks(op: Op) -> list[int]:
    """From the largest that saves down to 1, each half of the one before."""
    return sorted({max(_most(op) >> halvings, 1) for halvings in range(_most(op).bit_length())})


def _damage(model: Model, op: Op, moments: Moments, rank: int, samples: Samples) -> float:
    """Error over signal of the model's outputs with one layer at a rank."""
    changed, matrix = model.clone(), _matrix(op)
    fit = Fit(matrix[None], _bias(op)[None])
    split_layer(changed.main, _same(changed, op), _factors(op, matrix, moments, fit, rank))
    return float(10 ** (-output_sqnr_db(model, changed, samples.feeds(_TRIALS)) / 10))


def _most(op: Op) -> int:
    return most_rank(*_matrix(op).shape)


def _fit(model: Model, choices: Sequence[_Choice], options: LowRankOptions, setting: Setting) -> tuple[Factors, ...]:
    """Factors in graph order, each fitted to the original's outputs on the inputs that the factors before it leave."""
    changed, made = model.clone(), []
    for number, choice in enumerate(tracked(choices, "fitting factors", len(choices), setting.progress)):
        work = partial(_fitted, model, changed, choice, options, setting)
        made.append(Factors.from_json(kept(setting.workspace, f"factors-{number}", work)))
        split_layer(changed.main, _same(changed, choice.op), made[-1])
    return tuple(made)


def _fitted(
    model: Model, changed: Model, choice: _Choice, options: LowRankOptions, setting: Setting
) -> dict[str, object]:
    assert setting.samples is not None and choice.rank is not None
    layer, matrix = Layer(_same(changed, choice.op), choice.op), _matrix(choice.op)
    moments = layer_moments(changed, model, [layer], setting.samples.feeds(options.limit))[0]
    fit = moments.refit(matrix[None], _bias(choice.op)[None], near=matrix[None])
    return _factors(choice.op, matrix, moments, fit, choice.rank).to_json()


def _factors(op: Op, matrix: Doubles, moments: Moments, fit: Fit, rank: int) -> Factors:
    """The best factors of a fitted layer; the bias takes what is left of the original's mean."""
    found = spectrum(fit.weights[0], moments.covariance[0])
    second = found.directions[:, :rank].T
    first = fit.weights[0] @ second.T
    bias = moments.bias_for((first @ second)[None], matrix[None], _bias(op)[None])[0]
    return Factors(op.name, op.kind, _single(first), _single(second), _single(bias), found.lost(rank))


def _single(values: Doubles) -> npt.NDArray[np.float32]:
    return values.astype(np.float32)


def _same(clone: Model, op: Op) -> Op:
    """The operator of that name in a changed clone: a layer's second factor keeps it."""
    return next(o for o in clone.main.ops if o.name == op.name and o.kind == op.kind)


def _measured(model: Model, plan: LowRankPlan, samples: Samples, options: LowRankOptions) -> LowRankPlan:
    if not plan.factors:
        return plan
    return replace(plan, measured_db=output_sqnr_db(model, LOW_RANK.apply(model, plan), samples.feeds(options.limit)))


def _weights(op: Op) -> npt.NDArray[np.float32]:
    held = weights_of(op)
    values = held.data if held is not None else None
    if values is None:
        raise ModelError(f"Operator {op.label} '{op.name}' has no constant weights.")
    return values


def _matrix(op: Op) -> Doubles:
    return np.asarray(to_matrix(op, _weights(op))[0], np.float64)


def _bias(op: Op) -> Doubles:
    held = bias_of(op)
    values = held.data if held is not None else None
    return np.zeros(_weights(op).shape[0]) if values is None else values.astype(np.float64)
