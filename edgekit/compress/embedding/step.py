"""The step "reduce-embedding"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgekit.compress.closeness import BEST_DB, output_sqnr_db
from edgekit.compress.embedding.options import EmbeddingOptions
from edgekit.compress.embedding.plan import EmbeddingPlan, Reader, SmallTable
from edgekit.compress.embedding.reduce import Reduced, reduce, space
from edgekit.compress.embedding.rewrite import shrink
from edgekit.compress.embedding.sensitivity import sensitivity
from edgekit.compress.embedding.tables import Table, lookups, metric, tables, why_not
from edgekit.compress.layer_moments import Layer, layer_moments
from edgekit.compress.linear import to_matrix, to_weights
from edgekit.compress.options import read_options
from edgekit.compress.probe import Probe
from edgekit.compress.step import Aim, Change, Samples, Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.progress import tracked
from edgekit.graph.check import check
from edgekit.graph.cost import weight_bytes
from edgekit.graph.cut import cut
from edgekit.graph.model import Model, Op
from edgekit.graph.ops import bias_of, is_float, weights_of

Doubles = npt.NDArray[np.float64]

_UNSEEN = 0.5  # a row that no sample reads counts as half a reading
_POWER = 0.75  # between each row alike and each reading alike: rare words carry more than their number
_MEASURED = 400  # samples at most for the fit of the reader and for what the outputs keep
_NOTHING = 1e-9  # lost: a fit could only add its rounding
_STEP = 1.35  # from one rank that is tried to the next


@dataclass(frozen=True, slots=True)
class ReduceEmbedding:
    """Smaller tables. See `EmbeddingOptions` for what can be chosen."""

    name: str = "reduce-embedding"
    aim: Aim = Aim.SMALLER

    def options(self, mapping: Mapping[str, object]) -> EmbeddingOptions:
        """Options from plain values. Raises UsageError."""
        return read_options(EmbeddingOptions, mapping, self.name)

    def default_options(self) -> EmbeddingOptions:
        """A tenth of the weights."""
        return EmbeddingOptions()

    def requires(self, model: Model, options: EmbeddingOptions, setting: Setting) -> None:
        """Samples, and a float model."""
        if setting.samples is None:
            raise UsageError("reduce-embedding needs calibration samples, and there are none", "give --calibration")
        if not is_float(model):
            raise ModelError("reduce-embedding works on a float model; this one is quantized", "put it before quantize")

    def plan(self, model: Model, options: EmbeddingOptions, setting: Setting) -> EmbeddingPlan:
        """Count how often each row is read, find rows and ranks that lose least, and fit the readers anew."""
        self.requires(model, options, setting)
        assert setting.samples is not None
        found = tables(model)
        counts = _readings(model, found, options, setting)
        small = [_smaller(model, table, count, options, setting) for table, count in zip(found, counts, strict=True)]
        left = [Change(op.name, op.kind, "left as it is", why_not(op, model.main)) for op in lookups(model.main)
                if why_not(op, model.main)]  # fmt: skip
        left += [Change(t.op.name, t.op.kind, "left as it is", "no smaller table fits into that share of its weights")
                 for t, s in zip(found, small, strict=True) if s is None]  # fmt: skip
        if not left and not found:
            left = [Change(op.name, op.kind, "left as it is", "the model looks nothing up in a table")
                    for op in model.main.ops[:1]]  # fmt: skip
        before, kept = weight_bytes(model), tuple(s for s in small if s is not None)
        after = before - sum(4 * (s.before - s.after) for s in kept)
        total = min(setting.samples.count, options.limit or setting.samples.count)
        plan = EmbeddingPlan(kept, tuple(left), before, after, BEST_DB, min(total, _MEASURED), total)
        return _finished(model, plan, setting.samples) if kept else plan

    def apply(self, model: Model, plan: EmbeddingPlan) -> Model:
        """The clone with smaller tables. Raises ModelError where the plan is another model's."""
        result = model.clone()
        for small in plan.tables:
            table = next((t for t in tables(result) if t.op.name == small.op), None)
            if table is None:
                raise ModelError(f"the plan shrinks the table of {small.kind} '{small.op}', which the model has not")
            shrink(result.main, table, small)
        check(result)
        return result

    def read_plan(self, plain: Mapping[str, object]) -> EmbeddingPlan:
        """The plan that `plain` stands for."""
        return EmbeddingPlan.from_json(plain)


REDUCE_EMBEDDING = ReduceEmbedding()


def _readings(model: Model, found: list[Table], options: EmbeddingOptions, setting: Setting) -> list[Doubles]:
    """How often samples read each row of each table."""
    assert setting.samples is not None
    counts: list[Doubles] = [np.zeros(table.table.shape[0]) for table in found]
    if not found:
        return counts
    part = cut(model, model.main.inputs, [table.ids for table in found])
    names = {port.tensor: port.name for port in model.inputs()}
    for there, here in zip(model.main.inputs, part.main.inputs, strict=True):
        here.name = names[there]
    probe = Probe(part, part.main.outputs)
    total = min(setting.samples.count, options.limit or setting.samples.count)
    for feed in tracked(setting.samples.feeds(options.limit), "counting tokens", total, setting.progress):
        for count, ids in zip(counts, probe.see(feed), strict=True):
            np.add.at(count, ids.astype(np.int64).reshape(-1), 1)
    return counts


def _smaller(
    model: Model, table: Table, count: Doubles, options: EmbeddingOptions, setting: Setting
) -> SmallTable | None:
    """The reduction that loses least under the share, None where none is smaller than what there is."""
    values = table.table.data
    assert values is not None  # `why_not` says so
    assert setting.samples is not None
    cost = metric(table)
    if table.plain or not table.readers:  # no weights tell what a row's numbers are for: its outputs do
        tried = sensitivity(model, table, setting.samples, setting.progress)
        cost = cost if not tried.any() else cost / np.trace(cost) + tried / np.trace(tried)
    whole = space(values, cost, (count + _UNSEEN) ** _POWER)
    before = _weights_before(table)
    best: Reduced | None = None
    for rank in [options.rank] if options.rank else _ranks(table.table.shape[1]):
        rows = _rows_for(table, rank, before, options)
        found = reduce(whole, rank, rows) if rows > 1 else None
        if found is not None and (best is None or found.lost < best.lost):
            best = found
    if best is None or _weights_after(table, best) >= before:
        return None
    vocabulary, width = table.table.shape
    return SmallTable(table.op.name, table.op.kind, vocabulary, width, best.codes, best.index, best.projection, None,
                      best.lost, before, _weights_after(table, best))  # fmt: skip


def _ranks(width: int) -> list[int]:
    """Ranks to try, from 1 to the width, each a third more than the one before."""
    steps = np.arange(int(np.log(width) / np.log(_STEP)) + 1)
    return sorted({*(int(_STEP**step) for step in steps), width})


def _rows_for(table: Table, rank: int, before: int, options: EmbeddingOptions) -> int:
    """How many rows of a rank fit into the share: all of them, or fewer and an index."""
    vocabulary = table.table.shape[0]
    budget = options.keep * before - _around(table, rank)
    if options.rows:
        return min(options.rows, vocabulary)
    return vocabulary if vocabulary * rank <= budget else int((budget - vocabulary) / rank)


def _weights_before(table: Table) -> int:
    held = weights_of(table.reader) if table.reader is not None else None
    return table.table.size + (held.size if held is not None else 0)


def _weights_after(table: Table, small: Reduced) -> int:
    return small.codes.size + (0 if small.index is None else small.index.size) + _around(table, small.codes.shape[1])


def _around(table: Table, rank: int) -> int:
    """Weights beside the table: of the reader for short rows, or of the layer that makes them long again."""
    width = table.table.shape[1]
    held = weights_of(table.reader) if table.reader is not None else None
    return held.size // width * rank if held is not None else rank * width + width


def _finished(model: Model, plan: EmbeddingPlan, samples: Samples) -> EmbeddingPlan:
    """The plan with each reader fitted to what the original's gives, on the tables' short rows, and measured."""
    before = {table.op.name: table for table in tables(model)}
    folded = tuple(_folded(small, before[small.op].reader) for small in plan.tables)
    for place, small in enumerate(folded):
        original = before[small.op].reader
        if original is not None and small.reader is not None and small.lost > _NOTHING:
            changed = REDUCE_EMBEDDING.apply(model, replace(plan, tables=folded))
            fitted = replace(small, reader=_fitted(model, changed, original, samples))
            folded = (*folded[:place], fitted, *folded[place + 1 :])
    final = replace(plan, tables=folded)
    kept = output_sqnr_db(model, REDUCE_EMBEDDING.apply(model, final), samples.feeds(plan.measured_on))
    return replace(final, measured_db=kept)


def _folded(small: SmallTable, reader: Op | None) -> SmallTable:
    """The projection multiplied into the layer that alone reads the rows: zeros that pad stay zeros."""
    if reader is None or small.projection is None:
        return small
    weights = _held(reader)
    short = (weights.astype(np.float64) @ small.projection.T.astype(np.float64)).astype(np.float32)
    return replace(small, projection=None, reader=Reader(reader.name, short, _bias(reader)))


def _fitted(model: Model, changed: Model, original: Op, samples: Samples) -> Reader:
    op = next(o for o in changed.main.ops if o.name == original.name)
    moments = layer_moments(changed, model, [Layer(op, original)], samples.feeds(_MEASURED))[0]
    fit = moments.refit(
        to_matrix(original, _held(original)).astype(np.float64), _bias(original)[None].astype(np.float64)
    )
    return Reader(op.name, to_weights(op, fit.weights).astype(np.float32), fit.bias[0].astype(np.float32))


def _held(op: Op) -> npt.NDArray[np.float32]:
    held = weights_of(op)
    assert held is not None and held.data is not None  # `is_linear` says so
    return held.data


def _bias(op: Op) -> npt.NDArray[np.float32]:
    held = bias_of(op)
    values = held.data if held is not None else None
    return np.zeros(_held(op).shape[0], np.float32) if values is None else values
