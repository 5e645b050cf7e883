"""Laws of preprocessing, for any values."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgekit.data.array_spec import ArraySpec
from edgekit.data.dataset import spread
from edgekit.data.preprocessing import Preprocessing

FINITE = st.floats(-1e6, 1e6)
SIDE = st.integers(1, 12)
IMAGES = st.tuples(SIDE, SIDE, st.integers(1, 4)).flatmap(lambda shape: arrays(np.uint8, shape))
METHODS = st.sampled_from(["bilinear", "bicubic", "nearest"])


def tables() -> st.SearchStrategy:
    scale = st.fixed_dictionaries({"op": st.just("scale"), "factor": FINITE, "offset": FINITE})
    normalize = st.integers(1, 4).flatmap(
        lambda n: st.fixed_dictionaries(
            {
                "op": st.just("normalize"),
                "mean": st.lists(FINITE, min_size=n, max_size=n),
                "std": st.lists(st.floats(1e-3, 1e3), min_size=n, max_size=n),
            }
        )
    )
    resize = st.fixed_dictionaries(
        {"op": st.just("resize"), "height": SIDE, "width": SIDE, "method": METHODS, "antialias": st.booleans()}
    )
    tokens = st.lists(st.text(min_size=1), min_size=2, max_size=5, unique=True).map(
        lambda words: {"op": "tokens", "words": words, "length": 3}
    )
    return st.one_of(scale, normalize, resize, tokens)


@given(st.lists(tables(), max_size=4))
def test_json_there_and_back(declared: list) -> None:
    preprocessing = Preprocessing.from_json(declared)
    text = json.dumps(preprocessing.to_json())
    assert Preprocessing.from_json(json.loads(text)) == preprocessing


@given(IMAGES, METHODS, st.booleans())
def test_resize_to_its_own_size_changes_nothing(image: np.ndarray, method: str, antialias: bool) -> None:
    table = {"op": "resize", "height": image.shape[0], "width": image.shape[1], "method": method}
    assert np.array_equal(Preprocessing.from_json([{**table, "antialias": antialias}]).apply(image), image)


@given(st.integers(0, 255), SIDE, SIDE, SIDE, SIDE, METHODS)
def test_resize_keeps_an_even_image_even(value: int, h: int, w: int, height: int, width: int, method: str) -> None:
    image = np.full((h, w, 1), value, np.uint8)
    resized = Preprocessing.from_json([{"op": "resize", "height": height, "width": width, "method": method}])
    assert np.array_equal(resized.apply(image), np.full((height, width, 1), value, np.uint8))


@given(IMAGES, SIDE, SIDE)
def test_bilinear_stays_between_the_extremes(image: np.ndarray, height: int, width: int) -> None:
    resized = Preprocessing.from_json([{"op": "resize", "height": height, "width": width}]).apply(image)
    assert image.min() <= resized.min() and resized.max() <= image.max()


@given(arrays(np.float32, 9, elements=st.floats(-1e3, 1e3, width=32)))
def test_scale_by_one_and_normalize_by_nothing_change_nothing(values: np.ndarray) -> None:
    same = [{"op": "scale", "factor": 1.0}, {"op": "normalize", "mean": [0.0], "std": [1.0]}]
    assert np.array_equal(Preprocessing.from_json(same).apply(values), values)


@given(arrays(np.int16, 9), st.integers(-6, 6), st.integers(-50, 50))
def test_scale_by_a_power_of_two_is_exact(values: np.ndarray, exponent: int, offset: int) -> None:
    there = [{"op": "scale", "factor": 2.0**exponent}, {"op": "scale", "factor": 2.0**-exponent, "offset": offset}]
    assert np.array_equal(Preprocessing.from_json(there).apply(values), values + np.float32(offset))


@given(arrays(np.uint8, (4, 3)), st.lists(st.integers(-100, 100), min_size=3, max_size=3), st.integers(-4, 4))
def test_normalize_is_scale_channel_by_channel(values: np.ndarray, mean: list[int], exponent: int) -> None:
    std = 2.0**exponent
    whole = Preprocessing.from_json([{"op": "normalize", "mean": mean, "std": [std] * 3}]).apply(values)
    for channel, m in enumerate(mean):
        alone = Preprocessing.from_json([{"op": "scale", "factor": 1 / std, "offset": -m / std}])
        assert np.array_equal(whole[:, channel], alone.apply(values[:, channel]))


@given(IMAGES, st.permutations([0, 1, 2]))
def test_transpose_is_undone_by_its_inverse(image: np.ndarray, axes: list[int]) -> None:
    inverse = np.argsort(axes).tolist()
    there = Preprocessing.from_json([{"op": "transpose", "axes": axes}, {"op": "transpose", "axes": inverse}])
    assert np.array_equal(there.apply(image), image)
    assert there.result(ArraySpec(image.shape, "uint8")).shape == image.shape


@settings(max_examples=200)
@given(st.integers(1, 5000), st.integers(1, 5000))
def test_spread_takes_as_many_as_asked_one_from_each_part(count: int, limit: int) -> None:
    taken = spread(count, limit)
    assert len(taken) == min(count, limit)
    assert np.all(np.diff(taken) > 0)
    assert taken[0] >= 0
    assert taken[-1] < count


def test_spread_meets_every_class_where_classes_take_turns() -> None:
    assert np.bincount(spread(5000, 500) % 10).min() >= 45
