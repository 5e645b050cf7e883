"""A dataset bound to a model's inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import DatasetError
from edgekit.data.dataset import Dataset, open_dataset
from edgekit.data.feed import ModelInput, bind


def dataset(folder: Path, **arrays: np.ndarray) -> Dataset:
    np.savez(folder / "d.npz", **arrays)
    return open_dataset(folder / "d.npz")


def port(name: str, *shape: int, dtype: str = "float32") -> ModelInput:
    return ModelInput(name, shape, np.dtype(dtype))


def test_one_to_one_by_position_in_the_models_dtype(tmp_path: Path) -> None:
    binding = bind(dataset(tmp_path, x=np.arange(8, dtype=np.uint8).reshape(2, 4), y=[3, 5]), [port("in", 1, 4)])
    feeds = list(binding.feeds())
    assert [feed.label for feed in feeds] == [3, 5]
    assert feeds[1].inputs["in"].dtype == np.float32
    assert feeds[1].inputs["in"].tolist() == [[4, 5, 6, 7]]


def test_several_by_name_in_the_models_order(tmp_path: Path) -> None:
    data = dataset(tmp_path, a=np.zeros((2, 3)), b=np.ones((2, 1), np.int16))
    feed = next(bind(data, [port("b", 1, 1, dtype="int32"), port("serving_default_a:0", -1, 3)]).feeds())
    assert list(feed.inputs) == ["b", "serving_default_a:0"]
    assert feed.inputs["b"].dtype == np.int32


def test_axes_of_length_one_may_differ(tmp_path: Path) -> None:
    feed = next(bind(dataset(tmp_path, x=np.zeros((2, 8, 8))), [port("in", 1, 8, 8, 1)]).feeds())
    assert feed.inputs["in"].shape == (1, 8, 8, 1)


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ([port("in", 1, 8, 4)], "'x' of the dataset d is float32 4x8, but the model's 'in' takes float32 8x4"),
        ([port("in", 1, 4, 8, dtype="int32")], "takes int32 4x8"),
        ([port("in", 8, 4, 8)], "takes batches of 8"),
        ([port("in", 1, 4, 8), port("b", 1, 4)], "has the inputs x; the model has b, in"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, ports: list[ModelInput], message: str) -> None:
    data = dataset(tmp_path, x=np.zeros((2, 4, 8), np.float32))
    with pytest.raises(DatasetError, match=message):
        bind(data, ports)


def test_a_scalar_has_no_batch(tmp_path: Path) -> None:
    data = dataset(tmp_path, a=np.zeros((2, 3)), b=np.array([1.5, 2.5]))
    feeds = [feed.inputs["b"] for feed in bind(data, [port("a", 1, 3), port("b")]).feeds()]
    assert [(value.shape, float(value)) for value in feeds] == [((), 1.5), ((), 2.5)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_name_the_sample(tmp_path: Path, bad: float) -> None:
    x = np.zeros((5, 2), np.float32)
    x[3, 1] = bad
    with pytest.raises(DatasetError, match=r"x\[3\] has values that are not finite"):
        list(bind(dataset(tmp_path, x=x), [port("in", 1, 2)]).feeds())


def test_values_beyond_the_models_integers_name_the_sample(tmp_path: Path) -> None:
    data = dataset(tmp_path, x=np.array([[1], [2**40]]))
    with pytest.raises(DatasetError, match=r"x\[1\] has values that 'in' cannot hold as int32"):
        list(bind(data, [port("in", 1, 1, dtype="int32")]).feeds())
