"""int16, float32 and remembering layers on an emulated Cortex-M55, held against LiteRT there, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Settings
from edgekit.graph.types import DType
from tests.devices.board_m55 import run_on_m55
from tests.devices.case_mcu import needed
from tests.unit.codegen.layers import layer
from tests.unit.codegen.recurrent import lstm, svdf

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def wide(rng: np.random.Generator) -> list[bytes]:
    return [layer(rng, kind, number, DType.INT16) for kind in KINDS for number in range(6)]


def real(rng: np.random.Generator) -> list[bytes]:
    """Bit for bit, because -std=c99 keeps gcc from contracting products and sums."""
    return [layer(rng, kind, number, DType.FLOAT32) for kind in KINDS for number in range(4)]


def remembering(rng: np.random.Generator) -> list[bytes]:
    return [make(rng, number) for make in (lstm, svdf) for number in range(4)]


@pytest.mark.parametrize(
    ("models", "build"), [(wide, Build.DSP), (wide, Build.MVE), (real, Build.MVE), (remembering, Build.MVE)]
)
def test_layers(tmp_path: Path, models: Callable[[np.random.Generator], list[bytes]], build: Build) -> None:
    needed()
    made = models(np.random.default_rng(8))
    found = run_on_m55(made, Settings(build), tmp_path, samples=4)
    assert [outcome.differing for outcome in found] == [0] * len(made)
