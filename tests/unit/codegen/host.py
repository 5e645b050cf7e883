"""Generated C, compiled for this machine with every warning an error and run under the sanitizers."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate, the_graph
from edgekit.graph.codec import read
from edgekit.graph.model import Graph
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels, LiteRT
from tests.tools import tool

Array = NDArray[Any]
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")

_MAIN = """\
#include <stdio.h>
#include "ek_model.h"

/* Inputs from standard input, outputs to standard output, until there is no more. */
int main(void) {
    ek_model_init();
    for (;;) {
        for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
            const ek_tensor *t = ek_model_input(i);
            if (fread(t->data, 1, t->bytes, stdin) != t->bytes) return 0;
        }
        ek_model_run();
        for (uint32_t i = 0; i < EK_MODEL_OUTPUTS; i++) {
            const ek_tensor *t = ek_model_output(i);
            if (fwrite(t->data, 1, t->bytes, stdout) != t->bytes) return 1;
        }
    }
}
"""


def compiled(model: bytes, settings: Settings, folder: Path, compiler: str = "gcc", flags: Sequence[str] = ()) -> Path:
    """A program that runs the model; the sources lie beside it."""
    return built(generate(read(model), settings).files, folder, compiler, flags)


def built(files: Mapping[str, bytes], folder: Path, compiler: str = "gcc", flags: Sequence[str] = ()) -> Path:
    """A program of generated sources."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "main.c").write_text(_MAIN)
    program = folder / "program"
    sources = [folder / "ek_model.c", folder / "main.c"]
    command = [
        tool(compiler, f"sudo apt-get install {compiler}"),
        *WARNINGS,
        *SANITIZERS,
        "-O1",
        *flags,
        "-o",
        program,
        *sources,
        "-lm",
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return program


def run(program: Path, graph: Graph, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """For each sample (an array for each input, in the graph's order) the outputs, one inference after the other."""
    stdin = b"".join(np.ascontiguousarray(array).tobytes() for sample in samples for array in sample)
    done = subprocess.run([str(program)], input=stdin, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    found, position = [], 0
    for _ in samples:
        outputs = []
        for tensor in graph.outputs:
            raw = done.stdout[position : position + tensor.nbytes]
            outputs.append(np.frombuffer(raw, tensor.dtype.numpy).reshape(tensor.shape))
            position += tensor.nbytes
        found.append(outputs)
    assert position == len(done.stdout)
    return found


def random_samples(graph: Graph, count: int, seed: int = 0) -> list[list[Array]]:
    """Inputs over the whole range of their type; floats from a normal distribution, booleans alike often."""
    rng = np.random.default_rng(seed)

    def one(tensor: Any) -> Array:
        if tensor.dtype is DType.BOOL:
            return rng.integers(0, 2, tensor.shape).astype(np.bool_)
        limits = tensor.dtype.integer_range
        if limits is None:
            return rng.normal(0, 2, tensor.shape).astype(tensor.dtype.numpy)
        return rng.integers(limits[0], limits[1], tensor.shape, tensor.dtype.numpy, endpoint=True)

    return [[one(tensor) for tensor in graph.inputs] for _ in range(count)]


def reference(
    model: bytes, samples: Sequence[Sequence[Array]], kernels: Kernels = Kernels.REFERENCE
) -> list[list[Array]]:
    """What LiteRT's reference kernels compute, one inference after the other; variables keep their values."""
    runner = LiteRT(model, kernels=kernels)
    names = [info.name for info in runner.inputs]
    results = []
    for sample in samples:
        outputs = runner.run(dict(zip(names, sample, strict=True)))
        results.append([outputs[info.name] for info in runner.outputs])
    return results


def assert_exact(model: bytes, settings: Settings, folder: Path, count: int = 8, compiler: str = "gcc") -> None:
    """The generated C computes what LiteRT's reference kernels do, bit for bit."""
    graph = the_graph(read(model))
    samples = random_samples(graph, count)
    found = run(compiled(model, settings, folder, compiler), graph, samples)
    for ours, theirs in zip(found, reference(model, samples), strict=True):
        for mine, wanted in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, wanted.reshape(mine.shape))
