"""Outputs of the cut model equal outputs of the model with those channels at zero: for each family of operators."""

from __future__ import annotations

import pytest

from edgekit.runtime.litert import Kernels
from tests.unit.compress.prune.families import FAMILIES
from tests.unit.compress.prune.oracle import assert_cut_is_silence

# No reference kernels: those that there are add in an order that depends on the size.
OPTIMIZED_ONLY = ("elu", "lstm", "lstm_projected", "rnn")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("family", FAMILIES)
def test_a_cut_is_silence(family: str, seed: int) -> None:
    kernels = Kernels.BUILTIN if family in OPTIMIZED_ONLY else Kernels.REFERENCE
    assert_cut_is_silence(FAMILIES[family](), seed, kernels)
