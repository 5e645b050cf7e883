"""Random inputs through generated C on an emulated board, against LiteRT's reference kernels, byte for byte."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from edgekit.codegen.call import Settings
from edgekit.codegen.cores import build_of, core_of
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.core.toolchain import Wanted, find_toolchain
from edgekit.graph.codec import read, write
from edgekit.runtime.litert import Kernels, LiteRT
from edgekit.targets.load import load_target
from edgekit.transports.firmware import machine_named

_QEMU = (
    "qemu-system-arm", "-display", "none", "-monitor", "none", "-serial", "null",
    "-semihosting-config", "enable=on,target=native",
)  # fmt: skip
_RUN_S = 3600.0
_SEED = 20


def differing(model: bytes, target: str, machine: str, count: int) -> str:
    """How many of `count` random inputs give other outputs on `machine` than the reference kernels, in words."""
    model = with_last_convolution(model)
    (given,) = read(model).graphs[0].inputs
    inputs = np.random.default_rng(_SEED).integers(-128, 128, (count, *given.shape), np.int8)
    inputs[::4] //= 16  # a quarter near the middle: uniform inputs nearly saturate some models
    found = on_board(model, target, machine, inputs)
    wanted = reference(model, inputs)
    wrong = int((found != wanted).any(axis=1).sum())
    distinct = len(np.unique(wanted, axis=0))
    return f"{wrong} of {count} inputs differ ({found.shape[1]} bytes each, {distinct} distinct outputs) on {machine}"


def with_last_convolution(model: bytes) -> bytes:
    """The model with its last convolution as another output: random inputs saturate what some models make of it."""
    parsed = read(model)
    graph = parsed.graphs[0]
    found = [op for op in graph.ops if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    graph.outputs += found[-1].outputs if found else []
    for signature in parsed.signatures:
        signature.outputs |= {tensor.name: tensor for tensor in graph.outputs}
    return write(parsed)


def reference(model: bytes, inputs: np.ndarray) -> np.ndarray:
    """int8 (count, bytes): what the reference kernels compute."""
    runner = LiteRT(model, kernels=Kernels.REFERENCE)
    name, outputs = runner.inputs[0].name, [info.name for info in runner.outputs]
    runs = (runner.run({name: one}) for one in inputs)
    return np.stack([np.concatenate([found[output].reshape(-1) for output in outputs]) for found in runs])


def on_board(model: bytes, target: str, machine: str, inputs: np.ndarray) -> np.ndarray:
    """int8 (count, bytes): what the C computes."""
    core = core_of(load_target(target))
    assert core is not None
    board, compiler = machine_named(machine), find_toolchain()
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for name, data in generate(read(model), Settings(build_of(core))).files.items():
            (folder / name).write_bytes(data)
        (folder / "inputs.bin").write_bytes(inputs.tobytes())
        places = [f"-Wl,--defsym=code_at={board.code_at}", f"-Wl,--defsym=data_at={board.data_at}"]
        sources = [folder / "ek_model.c", here / "mcu_exact.c"]
        words = [*compiler.options_of(core), "-O2", "-nostartfiles", "--specs=nosys.specs", "-I", folder, *places]
        command = [*words, "-T", here / "mcu_exact.ld", *sources, "-o", folder / "exact.elf"]
        compiler.build(command, Wanted("the comparison on the board", ModelError))
        subprocess.run([*_QEMU, "-M", machine, "-kernel", "exact.elf"], cwd=folder, check=True, timeout=_RUN_S)
        outputs = np.frombuffer((folder / "outputs.bin").read_bytes(), np.int8)
    return outputs.reshape(len(inputs), -1)
