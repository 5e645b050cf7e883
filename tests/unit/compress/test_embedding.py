"""Smaller token tables: exact where rows repeat or are of low rank, in every way that they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compress.embedding.reduce import cluster, reduce, space
from edgekit.compress.embedding.sensitivity import sensitivity
from edgekit.compress.embedding.step import REDUCE_EMBEDDING
from edgekit.compress.embedding.tables import tables
from edgekit.compress.registry import STEPS
from edgekit.compress.step import Setting
from edgekit.core.errors import UsageError
from edgekit.core.progress import Silent
from edgekit.graph.codec import write
from edgekit.graph.cost import parameter_count
from edgekit.graph.model import Model, Tensor
from edgekit.graph.types import DType
from edgekit.importers.base import ImportOptions
from edgekit.importers.registry import import_model
from edgekit.recipe import load_recipe
from edgekit.runtime.litert import LiteRT
from tests.shared_data import shared
from tests.unit.compress.small import Builder, Feeds, conv_net, options, samples

WORDS, WIDTH, LENGTH = 60, 16, 12


def _table(b: Builder, distinct: int = WORDS, rank: int = WIDTH) -> Tensor:
    rows = b.rng.normal(size=(distinct, rank)) @ b.rng.normal(size=(rank, WIDTH)) * 0.3
    return b.constant("table", rows[b.rng.integers(0, distinct, WORDS)] if distinct < WORDS else rows)


def _read_by_mean(**of: int) -> Model:
    b = Builder(3)
    ids = b.input("ids", 1, LENGTH, dtype=DType.INT32)
    words = b.op("GATHER", [_table(b, **of), ids], "words", (1, LENGTH, WIDTH), options("GatherOptions"))
    mean = b.op("MEAN", [words, b.constant("axis", [1], DType.INT32)], "mean", (1, WIDTH), options("ReducerOptions"))
    return b.model(b.op("FULLY_CONNECTED", [mean, b.weights("w", 2, WIDTH), b.weights("b", 2)], "scores", (1, 2),
                        options("FullyConnectedOptions")))  # fmt: skip


def _read_by_conv(**of: int) -> Model:
    """GATHER ─ RESHAPE to (1, 1, words, width) ─ CONV_2D of 1x3."""
    b = Builder(4)
    ids = b.input("ids", 1, LENGTH, dtype=DType.INT32)
    words = b.op("GATHER", [_table(b, **of), ids], "words", (1, LENGTH, WIDTH), options("GatherOptions"))
    shape = b.constant("shape", [1, 1, LENGTH, WIDTH], DType.INT32)
    image = b.op("RESHAPE", [words, shape], "image", (1, 1, LENGTH, WIDTH), options("ReshapeOptions"))
    made = options("Conv2DOptions", strideW=1, strideH=1, padding=0, fusedActivationFunction=1,
                   dilationWFactor=1, dilationHFactor=1)  # fmt: skip
    return b.model(
        b.op("CONV_2D", [image, b.weights("k", 8, 1, 3, WIDTH), b.weights("c", 8)], "y", (1, 1, LENGTH, 8), made)
    )


def _looked_up(**of: int) -> Model:
    b = Builder(5)
    ids = b.input("ids", LENGTH, dtype=DType.INT32)
    words = b.op("EMBEDDING_LOOKUP", [ids, _table(b, **of)], "words", (LENGTH, WIDTH))
    return b.model(b.op("FULLY_CONNECTED", [words, b.weights("w", 4, WIDTH), b.weights("b", 4)], "y", (LENGTH, 4),
                        options("FullyConnectedOptions")))  # fmt: skip


MODELS = {"mean": _read_by_mean, "conv": _read_by_conv, "lookup": _looked_up}


def _reduced(model: Model, **chosen: Any) -> tuple[Model, Any]:
    plan = REDUCE_EMBEDDING.plan(model, REDUCE_EMBEDDING.options(chosen), Setting(samples=samples(model, 200)))
    return REDUCE_EMBEDDING.apply(model, plan), plan


def _agree(model: Model, result: Model) -> bool:
    """Within float32 sums in another order."""
    first, second = LiteRT(write(model)), LiteRT(write(result))
    for feed in samples(model, 12, seed=8).arrays:
        for name, values in first.run(feed).items():
            if not np.allclose(second.run(feed)[name], values, atol=1e-4):
                return False
    return True


@pytest.mark.parametrize("name", MODELS)
def test_repeated_rows_are_stored_once_without_loss(name: str) -> None:
    model = MODELS[name](distinct=10)
    result, plan = _reduced(model, keep=0.9, rank=WIDTH, rows=20)
    assert [t.codes.shape for t in plan.tables] == [(10, WIDTH)]
    assert plan.tables[0].lost < 1e-12 and _agree(model, result)
    assert parameter_count(result) < parameter_count(model)


@pytest.mark.parametrize("name", MODELS)
def test_rows_of_low_rank_become_short_without_loss(name: str) -> None:
    model = MODELS[name](rank=3)
    result, plan = _reduced(model, keep=0.9, rank=3)
    assert [t.codes.shape for t in plan.tables] == [(WORDS, 3)] and plan.tables[0].index is None
    assert plan.tables[0].lost < 1e-9 and _agree(model, result)


def test_a_layer_that_alone_reads_rows_takes_the_projection_in() -> None:
    result, plan = _reduced(_read_by_conv(rank=3), keep=0.5, rank=3)
    assert plan.tables[0].projection is None and plan.tables[0].reader is not None
    assert [op.kind for op in result.main.ops] == ["GATHER", "RESHAPE", "CONV_2D"]
    assert result.main.ops[-1].inputs[1].shape == (8, 1, 3, 3)  # type: ignore[union-attr]


def test_the_share_is_kept_and_the_prediction_is_exact() -> None:
    model = _read_by_conv()
    result, plan = _reduced(model, keep=0.4)
    small = plan.tables[0]
    assert small.after <= 0.4 * small.before
    assert parameter_count(model) - parameter_count(result) == small.before - small.after


def test_what_has_no_table_is_left() -> None:
    model = conv_net()
    result, plan = _reduced(model)
    assert write(result) == write(model) and "looks nothing up" in plan.explain()[0]


def test_a_table_that_does_not_get_smaller_is_left() -> None:
    model = _read_by_mean()
    result, plan = _reduced(model, keep=0.01)
    assert write(result) == write(model) and "no smaller table" in plan.explain()[0]


def test_samples_are_needed() -> None:
    with pytest.raises(UsageError, match="calibration samples"):
        REDUCE_EMBEDDING.plan(_read_by_mean(), REDUCE_EMBEDDING.default_options(), Setting())


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 50))
def test_clusters_are_at_most_as_many_and_exact_where_no_more_points_differ(points: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(points, 3)).round(3)
    centres, index = cluster(rows, rng.random(points) + 0.1, count)
    assert len(centres) <= count and index.max() < len(centres)
    assert count < len(np.unique(rows, axis=0)) or np.allclose(centres[index], rows)


def test_outputs_tell_which_numbers_of_a_row_matter() -> None:
    """The scores read only the first three numbers of the mean of the rows: no other has any effect."""
    model = _read_by_mean()
    weights = model.main.ops[-1].inputs[1]
    assert weights is not None and weights.data is not None
    weights.set_data(weights.data * (np.arange(WIDTH) < 3).astype(np.float32))
    found = sensitivity(model, tables(model)[0], samples(model, 40), Silent())
    expected = weights.data.astype(np.float64).T @ weights.data
    # every sample gives W'W times the square of its signs' mean; the differences are those of float32 outputs
    assert np.allclose(found / np.trace(found), expected / np.trace(expected), atol=1e-4)
    assert not found[3:].any()


def test_rows_that_are_read_more_often_lose_less() -> None:
    rng = np.random.default_rng(1)
    table, often = rng.normal(size=(40, 8)), np.r_[np.full(20, 100.0), np.ones(20)]
    small = reduce(space(table, np.eye(8), often), 3, 40)
    errors = np.square(small.codes @ small.projection - table).sum(axis=1)
    assert errors[:20].mean() < errors[20:].mean()


@pytest.mark.keras
def test_the_text_model_keeps_its_answers_with_a_tenth_of_its_parameters() -> None:
    """Of the 872 sentences about 95 % are answered as before (a standard deviation is 0.75 points), and the accuracy
    changes by about half a point; 91 % and 2.5 points are five and two deviations away."""
    pytest.importorskip("tensorflow", reason="the model is a .keras file, which TensorFlow reads")
    data = np.load(shared("text/sst2_token_ids.npz"))
    path = shared("models/own/sst2_encoder.keras")
    model = import_model(path, ImportOptions(timeout_s=300), Silent()).model
    name = model.inputs()[0].name
    feeds = Feeds(tuple({name: row[None].astype(np.int32)} for row in data["train_x"]))
    result = model
    for use in load_recipe("slim-text").steps:
        step = STEPS.load(use.use)
        result = step.apply(result, step.plan(result, step.options(use.mapping()), Setting(samples=feeds)))
    assert parameter_count(result) < 0.1 * parameter_count(model)
    assert 10 * len(write(result)) < len(write(model))
    first, second = (_answers(m, data["dev_x"]) for m in (model, result))
    assert (first == second).mean() > 0.91
    assert abs((first == data["dev_y"]).mean() - (second == data["dev_y"]).mean()) < 0.025


def _answers(model: Model, sentences: Any) -> Any:
    runtime = LiteRT(write(model))
    given, made = runtime.inputs[0].name, runtime.outputs[0].name
    return np.array([runtime.run({given: row[None].astype(np.int32)})[made].argmax() for row in sentences])
