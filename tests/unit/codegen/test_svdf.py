"""SVDF: every sample of `assert_exact` is one more run of a network that remembers the ones before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate, the_graph
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from edgekit.runtime.tflm import run_tflm
from tests.tools import package
from tests.unit.codegen.host import assert_exact, compiled, random_samples, run
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.recurrent import svdf, svdf_f32


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
def test_int8_is_exact_from_run_to_run(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    assert_exact(side_by_side([svdf(rng, n) for n in range(16)]), Settings(), tmp_path, 12, compiler)


def test_float32_is_exact_from_run_to_run(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    assert_exact(side_by_side([svdf_f32(rng, n) for n in range(16)]), Settings(), tmp_path, 12)


@pytest.mark.parametrize("seed", range(4))
def test_an_int8_memory_is_exact_as_in_tflite_micro(tmp_path: Path, seed: int) -> None:
    """LiteRT has no such kernel."""
    package("tflite_micro", "tflm")
    model = svdf(np.random.default_rng(seed), seed, state=DType.INT8)
    graph = the_graph(read(model))
    samples = random_samples(graph, 12)
    mine = [outputs[0] for outputs in run(compiled(model, Settings(), tmp_path), graph, samples)]
    (theirs,) = run_tflm(model, (np.stack([sample[0] for sample in samples]),), keeps_state=True).outputs
    np.testing.assert_array_equal(np.stack(mine), theirs.reshape(np.stack(mine).shape))


def test_a_memory_of_another_type_than_its_weights_is_refused() -> None:
    model = read(svdf(np.random.default_rng(0), 0))
    state = model.graphs[0].ops[0].inputs[4]
    assert state is not None
    state.dtype = DType.INT8
    with pytest.raises(ModelError, match="memory of int8, int16, int8 .zero point 0.: C is generated for int8, int16"):
        generate(model, Settings())
