from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.codegen.call import Build, Settings
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.linear_cases import Layers

LAYERS = 40
"""In a program."""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("build", list(Build))
@pytest.mark.parametrize("kind", ["conv", "depthwise", "fully_connected"])
def test_random_layers_are_exact(tmp_path: Path, kind: str, build: Build, compiler: str) -> None:
    layers = Layers(seed=1 if compiler == "gcc" else 2)
    for _ in range(LAYERS):
        getattr(layers, kind)()
    assert_exact(layers.bytes(), Settings(build), tmp_path, compiler=compiler)
