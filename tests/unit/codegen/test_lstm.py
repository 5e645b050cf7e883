"""LSTMs: every sample of `assert_exact` is one more run of a network that remembers the ones before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.near import assert_within
from tests.unit.codegen.recurrent import lstm, lstm_f32


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
def test_int8_is_exact_from_run_to_run(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    assert_exact(side_by_side([lstm(rng, n) for n in range(16)]), Settings(), tmp_path, 12, compiler)


def test_float32_is_near_from_run_to_run(tmp_path: Path) -> None:
    """Outputs are below 1 and a gate's error is some ulp of it; feedback shrinks what it carries on: 32 ulp of 1."""
    rng = np.random.default_rng(3)
    assert_within(side_by_side([lstm_f32(rng, n) for n in range(16)]), tmp_path, 32, least=0.5)


def test_peepholes_are_refused() -> None:
    model = lstm(np.random.default_rng(0), 0, peephole=True)
    with pytest.raises(ModelError, match="SEQUENCE_LSTM 'out0' has peephole weights, which C is not generated for"):
        generate(read(model), Settings())
