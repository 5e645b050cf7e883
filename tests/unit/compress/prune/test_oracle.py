"""Outputs of the cut model equal outputs of the model with those channels at zero: by operator."""

from __future__ import annotations

import pytest

from tests.unit.compress.prune.oracle import assert_cut_is_silence
from tests.unit.compress.small import ZOO


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["conv_net"])
def test_the_zoo(name: str, seed: int) -> None:
    assert_cut_is_silence(ZOO[name](), seed)
