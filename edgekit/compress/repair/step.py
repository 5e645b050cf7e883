"""The step "repair": second-order rounding of a quantized model's weights against the float model's outputs.

Layer by layer in graph order: x are the inputs that the layer gets from the part that is repaired already, z those in
the float model, W and b the float weights. The W', b' that bring x W' + b' closest to z W + b by least squares are
rounded to the layer's grid by second-order information; the bias takes the mean difference.

    Given   q ─ CONV_2D(w, b) ─ r          of the quantizer, w to the nearest integer
    Result  q ─ CONV_2D(w', b') ─ r        the same graph, other integers, scales and bias
"""

from __future__ import annotations

import copy
import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.compress.linear import groups_of, positions, rows, to_matrix, to_outputs, to_weights
from edgekit.compress.moments import Moments
from edgekit.compress.options import read_options
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.compress.repair.layer import Halves, Problem, Solution, correct_bias, gather_bias, solve
from edgekit.compress.repair.options import RepairOptions, What
from edgekit.compress.repair.pairs import Pair, Pairs, has_bias, pair_layers, taps_of
from edgekit.compress.repair.plan import LayerRepair, RepairPlan
from edgekit.compress.repair.rounding import Doubles, Grid
from edgekit.compress.repair.walk import Walk, held_bytes
from edgekit.compress.step import Aim, Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.files import write_atomic
from edgekit.core.progress import tracked
from edgekit.graph.check import check
from edgekit.graph.model import Graph, Model, Op, Quantization, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.runtime.affine import integer_range

_MOST_HELD = 2 << 30  # bytes of intermediate values on disk
_ROWS = 1 << 17  # positions that the moments of one layer rest on
_LEAST_ROWS = 32  # of one sample
_TOGETHER = 8  # samples whose positions are laid out at once


@dataclass(frozen=True, slots=True)
class Repair:
    """Weights, scales and biases of a quantized model, refitted to the float model. See `RepairOptions`."""

    name: str = "repair"
    aim: Aim = Aim.CLOSER

    def options(self, mapping: Mapping[str, object]) -> RepairOptions:
        """Options from plain values. Raises UsageError."""
        return read_options(RepairOptions, mapping, "repair")

    def default_options(self) -> RepairOptions:
        """200 samples, four rounds."""
        return RepairOptions()

    def requires(self, model: Model, options: RepairOptions, setting: Setting) -> None:
        """Calibration samples, and the float model that `model` was made of."""
        if setting.floating is None:
            hint = "put it behind the step quantize or mix in a recipe"
            raise ModelError("repair needs a quantized model and the float one that it was made of", hint)
        if setting.samples is None:
            raise UsageError("repair needs calibration samples, and there are none", "give --calibration")
        if len(setting.floating.main.inputs) != len(model.main.inputs):
            raise ModelError("repair: the float model and the quantized one have not the same inputs")

    def plan(self, model: Model, options: RepairOptions, setting: Setting) -> RepairPlan:
        """Solve layer after layer; the part that is solved gives the inputs of the next."""
        self.requires(model, options, setting)
        assert setting.floating is not None and setting.samples is not None
        work, floating = with_unique_names(model).clone(), with_unique_names(setting.floating)
        pairs = pair_layers(work.main, floating.main)
        count = _count(pairs, work, floating, options, setting)
        shifts = all(_is_power_of_two(p.op) for p in pairs.layers)
        found: list[LayerRepair] = []
        with _folder(setting.workspace) as folder:
            changed, original = Walk(work, folder / "changed", count), Walk(floating, folder / "original", count)
            names = [port.name for port in floating.inputs()]
            for walk in (changed, original) if pairs.layers else ():
                walk.begin(setting.samples.feeds(count), names)
            for number, pair in enumerate(tracked(pairs.layers, "repairing", len(pairs.layers), setting.progress)):
                changed.advance(pair.place)
                original.advance(pair.float_place)
                kept = setting.workspace / f"layer-{number}.json" if setting.workspace is not None else None
                repair = _kept(kept, pair.op)
                if repair is None:
                    repair = _repair(pair, _moments(pair, changed, original, number), options, shifts)
                    if kept is not None:
                        write_atomic(kept, json.dumps(repair.to_json()).encode())
                write_layer(work.main, pair.op, repair)
                found.append(repair)
        return RepairPlan(tuple(found), pairs.left, count, _constant_bytes(work))

    def apply(self, model: Model, plan: RepairPlan) -> Model:
        """The clone with the plan's weights. Raises ModelError where it has no layer that the plan names."""
        places = {op.name: n for n, op in enumerate(with_unique_names(model).main.ops)}
        clone = model.clone()
        for repair in plan.layers:
            if repair.op not in places:
                raise ModelError(f"repair: the model has no {repair.kind} {repair.op}")
            write_layer(clone.main, clone.main.ops[places[repair.op]], repair)
        clone.main.sweep()
        check(clone)
        return clone

    def read_plan(self, plain: Mapping[str, object]) -> RepairPlan:
        """The plan that `plain` stands for."""
        return RepairPlan.from_json(plain)


REPAIR = Repair()


def write_layer(graph: Graph, op: Op, repair: LayerRepair) -> None:
    """Put a layer's integers, scales and bias where they belong; a bias that others read too is left to them."""
    weights, bias, data = weights_of(op), bias_of(op), activation_of(op)
    assert weights is not None and data is not None and weights.quantization is not None
    weights.set_data(repair.integers)
    weights.quantization.scale = repair.scales.copy()
    if bias is None or repair.bias is None:
        return
    if len(graph.consumers(bias)) > 1:
        own = graph.add_tensor(copy.deepcopy(bias))
        own.name = graph.unique_name(f"{bias.name}_own")
        op.inputs[op.inputs.index(bias)] = bias = own
    if bias.quantization is not None and bias.quantization.scale.size and data.quantization is not None:
        bias.quantization.scale = (data.quantization.scale * repair.scales).astype(np.float32)
    bias.set_data(repair.bias.astype(bias.dtype.numpy))


def _kept(path: Path | None, op: Op) -> LayerRepair | None:
    """The layer that an interrupted run has solved."""
    if path is None or not path.exists():
        return None
    found = LayerRepair.from_json(json.loads(path.read_bytes()))
    return found if found.op == op.name else None


def _is_power_of_two(op: Op) -> bool:
    """Whether each weight's scale is one, as for a target that shifts."""
    weights = weights_of(op)
    assert weights is not None and weights.quantization is not None
    return bool((np.frexp(weights.quantization.scale)[0] == 0.5).all())


def _count(pairs: Pairs, work: Model, floating: Model, options: RepairOptions, setting: Setting) -> int:
    """How many samples: as many as were asked for, and whose intermediate values fit on the disk."""
    assert setting.samples is not None
    wanted = min(options.samples or setting.samples.count, setting.samples.count)
    places = [p.place for p in pairs.layers], [p.float_place for p in pairs.layers]
    held = held_bytes(work.main, places[0]) + held_bytes(floating.main, places[1])
    return max(1, min(wanted, _MOST_HELD // max(2 * held, 1)))


@contextmanager
def _folder(workspace: Path | None) -> Iterator[Path]:
    if workspace is not None:
        workspace.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace, prefix="repair-") as name:
        yield Path(name)


def _moments(pair: Pair, changed: Walk, original: Walk, number: int) -> Halves:
    """Of the layer's inputs in both graphs, at random positions that are the same in both.

    Where the output is added to something computed before, the difference of that between the graphs stands behind the
    original's inputs: what the layer can make up for of it, it shall.
    """
    op, floating = pair.op, pair.floating
    data, source = activation_of(op), activation_of(floating)
    assert data is not None and source is not None
    outputs = op.outputs[0].shape[-1] if pair.beside is not None else 0
    first, second = (Moments(groups_of(op), taps_of(op), taps_of(op) + outputs) for _ in range(2))
    rng = np.random.default_rng(number)
    each = min(positions(op), max(_LEAST_ROWS, _ROWS // changed.count))
    together = max(1, min(_TOGETHER, changed.count // 2))
    steps = zip(
        changed.batches(data, together),
        original.batches(source, together),
        _differences(pair, changed, original, together),
        strict=False,
    )
    for x, z, difference in steps:
        total = positions(op) * x.shape[0] // max(data.shape[0], 1) if op.kind != "FULLY_CONNECTED" else None
        keep = _drawn(total, each * together, rng) if total is not None else None
        aim = rows(floating, z, keep)
        if difference is not None:
            aim = np.concatenate([aim, (difference if keep is None else difference[keep])[None]], axis=2)
        first.add(rows(op, x, keep), aim)
        first, second = second, first
    if not (first.count and second.count):  # one sample
        return Halves(first.merged(second), first.merged(second), first.merged(second))
    return Halves(first, second, first.merged(second))


def _differences(pair: Pair, changed: Walk, original: Walk, together: int) -> Iterator[np.ndarray | None]:
    """What stands beside the layer's output in the float graph less what stands there in the changed one, in rows."""
    if pair.beside is None or pair.float_beside is None:
        yield from itertools.repeat(None)
        return
    for x, z in zip(changed.batches(pair.beside, together), original.batches(pair.float_beside, together), strict=True):
        yield (z - x).reshape(-1, z.shape[-1])


def _drawn(total: int, wanted: int, rng: np.random.Generator) -> np.ndarray | None:
    return None if total <= wanted else np.sort(rng.choice(total, wanted, replace=False))


def _repair(pair: Pair, halves: Halves, options: RepairOptions, shifts: bool) -> LayerRepair:
    op = pair.op
    weights, bias, data = weights_of(op), bias_of(op), activation_of(op)
    assert weights is not None and data is not None
    problem = replace(_problem(pair, weights, bias, data), keeps_scales=shifts)
    if options.what is What.BIAS:
        solution = correct_bias(problem, halves)
    else:
        solution = solve(problem, halves, options.rounds, options.ridge)
    integers = to_weights(op, solution.grid.integers).astype(np.int8)
    scales = solution.grid.scales.reshape(-1) if problem.per_channel else solution.grid.scales.reshape(-1)[:1]
    stored = _stored_bias(solution, scales.astype(np.float32), bias, problem.data_scale)
    return LayerRepair(
        op.name, op.kind, integers, scales.astype(np.float32), stored, solution.error_before, solution.error_after
    )


def _problem(pair: Pair, weights: Tensor, bias: Tensor | None, data: Tensor) -> Problem:
    op, floating = pair.op, pair.floating
    float_weights, float_bias = weights_of(floating), bias_of(floating)
    assert float_weights is not None and float_weights.data is not None
    grid = weights.quantization
    assert grid is not None and weights.data is not None
    original = to_matrix(floating, float_weights.data.astype(np.float64))
    outputs = original.shape[0] * original.shape[2]
    scales = np.broadcast_to(grid.scale.astype(np.float64), (outputs,))
    like: Doubles = np.zeros((original.shape[0], original.shape[2]))
    return Problem(
        weights=original,
        bias=gather_bias(None if float_bias is None else float_bias.data, like),
        now=Grid(to_matrix(op, weights.data.astype(np.float64)), to_outputs(op, scales)),
        now_bias=gather_bias(None if bias is None else _real_bias(bias), like),
        most=integer_range(np.int8, weights.dtype.bits)[1],
        per_channel=grid.scale.size > 1 or outputs == 1,
        data_scale=_scale(data.quantization),
        has_bias=has_bias(op),
    )


def _real_bias(bias: Tensor) -> np.ndarray | None:
    values, grid = bias.data, bias.quantization
    if values is None or grid is None or not grid.scale.size or values.dtype.kind == "f":
        return values
    return values.astype(np.float64) * grid.scale.astype(np.float64)


def _stored_bias(solution: Solution, scales: np.ndarray, bias: Tensor | None, data_scale: float) -> np.ndarray | None:
    if bias is None:
        return None
    real = solution.bias.reshape(-1)
    if not data_scale or bias.dtype.numpy.kind == "f":
        return real.astype("<f4")
    limit = 2**31 - 1
    return np.clip(np.rint(real / (data_scale * scales.astype(np.float64))), -limit, limit).astype("<i8")


def _scale(grid: Quantization | None) -> float:
    return float(grid.scale[0]) if grid is not None and grid.scale.size else 0.0


def _constant_bytes(model: Model) -> int:
    return sum(t.nbytes for t in model.main.tensors if t.is_constant)
