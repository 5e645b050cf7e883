"""Outputs of the cut model equal outputs of the model with those channels at zero: for each family of operators."""

from __future__ import annotations

import pytest

from edgekit.runtime.litert import Kernels
from tests.unit.compress.prune.families import FAMILIES
from tests.unit.compress.prune.oracle import assert_cut_is_silence, assert_same, free, some_units, zero_at_origin

# No reference kernels: those that there are add in an order that depends on the size.
OPTIMIZED_ONLY = ("elu", "lstm", "lstm_projected", "rnn")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("family", FAMILIES)
def test_a_cut_is_silence(family: str, seed: int) -> None:
    kernels = Kernels.BUILTIN if family in OPTIMIZED_ONLY else Kernels.REFERENCE
    assert_cut_is_silence(FAMILIES[family](), seed, kernels)


# Where a channel of zeros is not zero any more, or its zero bias is another layer's too.
NOT_ZERO_WHERE_READ = {
    "broadcasts": "a constant less it",
    "shared_vector": "one bias for two layers",
    "not_zero_at_zero": "LOGISTIC, EXP, COS",
    "activations": "LOGISTIC",
    "padded": "filled up with 0.5",
    "mixer": "a dense layer along the other axis adds its bias",
}


@pytest.mark.parametrize("family", [f for f in FAMILIES if f not in NOT_ZERO_WHERE_READ])
def test_a_cut_is_channels_at_zero_where_they_are_made(family: str) -> None:
    """An oracle that only knows which weights make a unit, not what reads it."""
    model = FAMILIES[family]()
    assert_same(model, zero_at_origin, some_units(free(model), 3), Kernels.BUILTIN)
