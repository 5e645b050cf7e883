"""Kernels that other tests run on the host, compiled for a microcontroller, where int32_t is another type than int."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Settings
from edgekit.codegen.generate import generate
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.tools import tool
from tests.unit.codegen.float_ops import binary, pool, prelu, reduction, resize, unary
from tests.unit.codegen.host import WARNINGS
from tests.unit.codegen.layers import layer
from tests.unit.codegen.linear_cases import Layers
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.matrices import batch_matmul
from tests.unit.codegen.recurrent import lstm, lstm_f32, svdf, svdf_f32

ARM = "sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"
M4F = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
FUNCTIONS = ("RELU", "HARD_SWISH", "LOGISTIC", "TANH", "ELU", "EXP")


def _layers(rng: np.random.Generator) -> list[bytes]:
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
    found = [layer(rng, kind, n, dtype) for dtype in (DType.INT16, DType.FLOAT32) for kind in kinds for n in range(2)]
    return [*found, layer(rng, "TRANSPOSE_CONV", 0, DType.INT8)]


def _recurrent(rng: np.random.Generator) -> list[bytes]:
    matrices = [batch_matmul(rng, dtype, n) for dtype in (DType.INT8, DType.INT16, DType.FLOAT32) for n in range(4)]
    return [lstm(rng, 0), lstm_f32(rng, 0), svdf(rng, 0), svdf_f32(rng, 0), *matrices]


def _float_ops(rng: np.random.Generator) -> list[bytes]:
    found = [unary(rng, kind) for kind in FUNCTIONS]
    found += [unary(rng, "LEAKY_RELU", alpha=0.1), unary(rng, "SOFTMAX", beta=1.0), prelu(rng)]
    found += [binary(rng, kind, n) for kind in ("ADD", "SUB", "MUL", "DIV") for n in range(3)]
    found += [pool(rng, kind, n) for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D") for n in range(2)]
    return [*found, *(reduction(rng, kind) for kind in ("MEAN", "REDUCE_MAX", "REDUCE_MIN")), resize(rng, 2)]


@pytest.mark.parametrize("models", [_layers, _recurrent, _float_ops])
@pytest.mark.parametrize("goal", ["-O2", "-O3", "-Os"])
def test_compiles_without_a_warning_and_needs_no_library_but_string_h(
    tmp_path: Path, goal: str, models: Callable[[np.random.Generator], list[bytes]]
) -> None:
    gcc, nm = tool("arm-none-eabi-gcc", ARM), tool("arm-none-eabi-nm", ARM)
    model = read(side_by_side(models(np.random.default_rng(1))))
    for name, content in generate(model, Settings(Build.DSP)).files.items():
        (tmp_path / name).write_bytes(content)
    command = [gcc, *M4F, *WARNINGS, "-Wdouble-promotion", goal, "-c", "ek_model.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    undefined = subprocess.run([nm, "-u", "ek_model.o"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(undefined.stdout.split()) - {"U"} <= {"memcpy", "memmove", "memset"}


@pytest.mark.parametrize(
    ("build", "core"),
    [
        (Build.PORTABLE, ("-mcpu=cortex-m0plus",)),
        (Build.DSP, ("-mcpu=cortex-m33",)),
        (Build.MVE, ("-mcpu=cortex-m55", "-mfloat-abi=hard")),
    ],
)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_int8_layers_compile_for_each_core_by_both_compilers(
    tmp_path: Path, build: Build, core: tuple[str, ...], compiler: str
) -> None:
    """clang stands for Arm's own compiler and zig, which are made of it."""
    gcc = tool("arm-none-eabi-gcc", ARM)
    command = [gcc]
    if compiler == "clang":
        library = subprocess.run([gcc, "-print-file-name=libc.a"], capture_output=True, text=True, check=True).stdout
        headers = Path(library.strip()).resolve().parent.parent / "include"
        command = [tool("clang", "sudo apt-get install clang"), "--target=arm-none-eabi", "-isystem", str(headers)]
    layers = Layers(5)
    for _ in range(6):
        layers.conv()
        layers.depthwise()
        layers.fully_connected()
    for name, content in generate(read(layers.bytes()), Settings(build)).files.items():
        (tmp_path / name).write_bytes(content)
    for goal in ("-O2", "-Os"):
        words = [*command, *core, "-mthumb", *WARNINGS, goal, "-fno-builtin", "-DEK_LAYER_HOOK", "-c", "ek_model.c"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
