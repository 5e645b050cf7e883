"""The comparison with the source: exact on made-up arrays."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import ModelError
from edgekit.importers.selfcheck import (
    Agreement,
    Named,
    Port,
    compare,
    feeds_for,
    first_departure,
    random_feeds,
    require,
)

RNG = np.random.default_rng(7)


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_equal_outputs_agree() -> None:
    assert compare([{"y": f32(1, 2)}], [{"y": f32(1, 2)}]) == Agreement(0.0, 0.0, "y", 1)


def test_difference_is_of_the_range_over_all_samples_with_zero_in_it() -> None:
    found = compare([{"y": f32(8)}, {"y": f32(16)}], [{"y": f32(8)}, {"y": f32(12)}])
    assert (found.max_abs, found.max_rel, found.sample_count) == (4.0, 0.25, 2)
    assert not found.holds


def test_the_worst_output_is_named_by_its_own_range() -> None:
    found = compare([{"a": f32(1000, 0), "b": f32(1, 0)}], [{"a": f32(1001, 0), "b": f32(1, 0.5)}])
    assert (found.output, found.max_rel, found.max_abs) == ("b", 0.5, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_agrees_with_itself_only(bad: float) -> None:
    assert compare([{"y": f32(bad, 2)}], [{"y": f32(bad, 2)}]).max_rel == 0
    assert compare([{"y": f32(1, 2)}], [{"y": f32(bad, 2)}]).max_rel == np.inf
    assert compare([{"y": f32(bad, 2)}], [{"y": f32(1, 2)}]).max_rel == np.inf


def test_a_missing_output_and_another_shape_are_errors() -> None:
    with pytest.raises(ModelError, match="has no output y; it has z"):
        compare([{"y": f32(1)}], [{"z": f32(1)}])
    with pytest.raises(ModelError, match=r"output y has the shape \(2,\) after the import, in the source \(1,\)"):
        compare([{"y": f32(1)}], [{"y": f32(1, 2)}])


def test_integer_and_boolean_outputs_compare() -> None:
    assert compare([{"y": np.array([1, 2])}], [{"y": np.array([1, 2])}]).holds
    assert not compare([{"y": np.array([True])}], [{"y": np.array([False])}]).holds


def test_samples_are_used_where_they_fit_else_random_ones() -> None:
    ports = [Port("x", (1, 2), "float32")]
    given = feeds_for(ports, [{"other": np.ones((1, 2))}])
    assert (given[0]["x"] == 1).all()
    assert given[0]["x"].dtype == np.float32
    assert len(feeds_for(ports, [{"x": np.ones((1, 3))}])) == 4


def test_several_inputs_are_matched_by_name_only() -> None:
    ports = [Port("a", (1,), "float32"), Port("b", (1,), "float32")]
    assert feeds_for(ports, [{"b": f32(2), "a": f32(1)}]) == [{"a": f32(1), "b": f32(2)}]
    assert len(feeds_for(ports, [{"a": f32(1), "c": f32(2)}])) == 4


def test_random_samples_repeat_and_keep_to_the_table() -> None:
    ports = [Port("ids", (1, 50), "int32"), Port("x", (1, 4), "float32"), Port("b", (3,), "bool")]
    one, two = random_feeds(ports, 4, 7), random_feeds(ports, 4, 7)
    assert all((a[name] == b[name]).all() for a, b in zip(one, two, strict=True) for name in a)
    assert max(int(feed["ids"].max()) for feed in one) <= 6
    assert one[0]["b"].dtype == bool


def test_a_type_without_samples_is_an_error() -> None:
    with pytest.raises(ModelError, match="input s has the type complex64"):
        random_feeds([Port("s", (1,), "complex64")], 1)


def test_departure_is_layout_blind_and_skips_what_was_fused_away() -> None:
    a, fused, b = (RNG.standard_normal((1, 4, 3, 2)) for _ in range(3))
    source = [Named("a", a), Named("fused", fused), Named("b", b), Named("c", b + 1)]
    found = first_departure(source, [a.transpose(0, 3, 1, 2).astype(np.float32), b, b + 2])
    assert found is not None
    assert str(found) == "the first tensor that departs is c, after b"


def test_departure_at_the_very_first_and_nowhere() -> None:
    a = RNG.standard_normal(5)
    found = first_departure([Named("a", a)], [a + 1])
    assert found is not None
    assert str(found) == "the first tensor that departs is a"
    assert first_departure([Named("a", a)], [a]) is None
    assert first_departure([], [a]) is None


def test_constant_tensors_prove_nothing() -> None:
    a, zeros = RNG.standard_normal(5), np.zeros(5)
    found = first_departure([Named("a", a), Named("zeros", zeros), Named("c", a * 2)], [a, zeros])
    assert found is not None
    assert found.first == "c"


def test_a_bad_import_is_refused_with_output_and_tensor() -> None:
    departure = first_departure([Named("conv", f32(1, 2))], [f32(3, 4)])
    with pytest.raises(ModelError, match=r"of m\.keras .* output y differs .* 0\.5 \(0\.25 of its range\); .* conv$"):
        require(Agreement(0.5, 0.25, "y", 1), "m.keras", departure)
    require(Agreement(1e-7, 1e-7, "y", 1), "m.keras", None)
