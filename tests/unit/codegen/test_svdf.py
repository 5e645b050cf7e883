"""SVDF: every sample of `assert_exact` is one more run of a network that remembers the ones before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.recurrent import svdf, svdf_f32


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
def test_int8_is_exact_from_run_to_run(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    assert_exact(side_by_side([svdf(rng, n) for n in range(16)]), Settings(), tmp_path, 12, compiler)


def test_float32_is_exact_from_run_to_run(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    assert_exact(side_by_side([svdf_f32(rng, n) for n in range(16)]), Settings(), tmp_path, 12)


def test_an_int8_memory_is_refused() -> None:
    model = svdf(np.random.default_rng(0), 0, state=DType.INT8)
    with pytest.raises(ModelError, match="memory of int8, int8, int16, int8: C is generated for int8, int8, int16"):
        generate(read(model), Settings())
