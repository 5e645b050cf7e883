from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.matrices import batch_matmul


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT16, DType.FLOAT32])
def test_is_exact(tmp_path: Path, dtype: DType, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    makes = [batch_matmul(rng, dtype, n) for n in range(24)]
    assert_exact(side_by_side(makes), Settings(), tmp_path, compiler=compiler)
