"""Samples that two datasets share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.data.dataset import open_dataset
from edgekit.data.feed import Binding, ModelInput, bind
from edgekit.data.overlap import Overlap, overlap


def binding(path: Path, values: np.ndarray) -> Binding:
    np.savez(path, x=values)
    return bind(open_dataset(path), [ModelInput("in", (1, *values.shape[1:]), np.dtype(np.float32))])


def test_the_same_sample_is_found_wherever_it_stands(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3000, 5)).astype(np.float32)
    first, second = binding(tmp_path / "a.npz", values[:2000]), binding(tmp_path / "b.npz", values[:1497:-1])
    found = overlap(first, second)
    assert found == Overlap(502, f"{tmp_path}/a.npz: x[1498]", f"{tmp_path}/b.npz: x[1501]")


def test_what_counts_is_what_the_model_gets(tmp_path: Path) -> None:
    whole = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (
        overlap(binding(tmp_path / "a.npz", whole), binding(tmp_path / "b.npz", whole.astype(np.float64))) is not None
    )


def test_samples_that_differ_in_a_bit_are_different(tmp_path: Path) -> None:
    values = np.ones((4, 5), np.float32)
    other = np.nextafter(values, 2)
    assert overlap(binding(tmp_path / "a.npz", values), binding(tmp_path / "b.npz", other)) is None
