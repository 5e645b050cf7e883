"""Operators in files whose converter left the options out."""

from __future__ import annotations

import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.kernels.registry import lower
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op
from tests.unit.codegen.one_op import Spec, tensor


def test_a_reshape_needs_none() -> None:
    source, output = tensor("in", Spec((1, 2, 3), scale=0.5)), tensor("out", Spec((6,), scale=0.5))
    assert lower(Op("RESHAPE", [source], [output]), Settings()).views[0].part is output


def test_a_pool_without_a_window_is_refused() -> None:
    source, output = tensor("in", Spec((1, 2, 2, 3), scale=0.5)), tensor("out", Spec((1, 1, 1, 3), scale=0.5))
    with pytest.raises(ModelError, match=r"MAX_POOL_2D 'out' has no options\."):
        lower(Op("MAX_POOL_2D", [source], [output]), Settings())
