"""The kernels for Helium on an emulated Cortex-M55, held against LiteRT there."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.codegen.call import Build, Settings
from tests.devices.board_m55 import GCC, clang, run_on_m55
from tests.devices.case_mcu import needed
from tests.shared_data import shared
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.mve_cases import coarse_outputs, deep_conv, layers, pools, sums, wide_depthwise

MVE = Settings(Build.MVE)
TINY = {
    "pretrainedResnet_quant": 4_811_433, "kws_ref_model": 1_785_106, "vww_96_int8": 6_433_086, "ad01_int8": 149_900,
    "str_ww_ref_model": 407_000,
}  # fmt: skip
"""Instructions of an inference of TensorFlow Lite Micro with CMSIS-NN, its best build, on the same machine."""


@pytest.mark.parametrize("flags", ["-O3", "-Os", "-O2 -DEK_MVE_ASM=0", "clang -O2"])
def test_chosen_layers(tmp_path: Path, flags: str) -> None:
    """From assembly and from intrinsics."""
    needed()
    first, *rest = flags.split()
    build = (*clang(), *rest) if first == "clang" else (*GCC, first, *rest)
    models = [*deep_conv(), *wide_depthwise(), *coarse_outputs(), *sums(), *pools()]
    (outcome,) = run_on_m55([side_by_side(models)], MVE, tmp_path, samples=8, build=build)
    assert outcome.differing == 0


@pytest.mark.parametrize("kind", ["conv", "depthwise", "fully_connected"])
def test_random_layers(tmp_path: Path, kind: str) -> None:
    needed()
    alone, together = layers(kind, 4, seed=1), layers(kind, 40, seed=2)
    found = run_on_m55([*alone, side_by_side(together)], MVE, tmp_path, samples=8)
    assert [outcome.differing for outcome in found] == [0] * (len(alone) + 1)


@pytest.mark.parametrize("name", TINY)
def test_mlperf_tiny(tmp_path: Path, name: str) -> None:
    needed()
    model = shared(f"models/mlperf_tiny/{name}.tflite").read_bytes()
    (outcome,) = run_on_m55([model], MVE, tmp_path)
    assert outcome.differing == 0
    assert outcome.instructions <= 0.8 * TINY[name]
