"""The kernels for the DSP extension as machine code of a Cortex-M4, on an emulated core that has its instructions."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.codegen.call import Build, Settings
from tests.devices.board_m55 import COMPILER, run_on_m55
from tests.devices.case_mcu import needed
from tests.unit.codegen.linear_cases import Layers

DSP = Settings(Build.DSP)
M4F = (COMPILER, "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")


@pytest.mark.parametrize("optimize", ["-O2", "-O3", "-Os", "-O0"])
@pytest.mark.parametrize(
    ("kind", "bits"),
    [("conv", 8), ("conv", 4), ("depthwise", 8), ("depthwise_3x3", 8), ("fully_connected", 8), ("fully_connected", 4)],
)
def test_random_layers(tmp_path: Path, kind: str, bits: int, optimize: str) -> None:
    needed()
    layers = Layers(seed=3, bits=bits)
    for _ in range(30):
        getattr(layers, kind)()
    (outcome,) = run_on_m55([layers.bytes()], DSP, tmp_path, samples=4, build=(*M4F, optimize))
    assert outcome.differing == 0
