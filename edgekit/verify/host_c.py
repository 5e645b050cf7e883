"""Generated C, compiled for this machine and run on samples: what a device would compute, before there is a device."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import MissingError, ModelError
from edgekit.core.process import last_line, run
from edgekit.graph.model import Tensor

Array = NDArray[Any]
COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-std=c99", "-O1", "-ffp-contract=off")
_COMPILE_TIMEOUT_S = 120.0
_RUN_TIMEOUT_S = 120.0
_HINT = "sudo apt-get install gcc libc6-dev"

_MAIN = """\
#include <stdio.h>
#include "ek_model.h"

int main(int argc, char **argv) {
    FILE *in = argc > 2 ? fopen(argv[1], "rb") : NULL;
    FILE *out = argc > 2 ? fopen(argv[2], "wb") : NULL;
    if (in == NULL || out == NULL) return 2;
    for (;;) {
        ek_model_init();
        for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
            const ek_tensor *t = ek_model_input(i);
            if (fread(t->data, 1, t->bytes, in) != t->bytes) return fclose(out) != 0;
        }
        ek_model_run();
        for (uint32_t i = 0; i < EK_MODEL_OUTPUTS; i++) {
            const ek_tensor *t = ek_model_output(i);
            if (fwrite(t->data, 1, t->bytes, out) != t->bytes) return 1;
        }
    }
}
"""


@dataclass(frozen=True, slots=True, eq=False)
class HostRun:
    """Outputs of the generated C, each (samples, *shape) in the graph's order, and the compiler that made it."""

    outputs: tuple[Array, ...]
    compiler: str


def host_compiler() -> str | None:
    """The path of a C compiler for this machine, or None."""
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def run_on_host(
    files: Mapping[str, bytes], inputs: Sequence[Array], outputs: Sequence[Tensor], compiler: str | None = None
) -> HostRun:
    """Compile `files` (`ek_model.c` and its headers) and run the samples, one inference after the other.

    Args:
        inputs: stored values in the graph's order, each (samples, *shape).
        outputs: the graph's outputs.
    Raises MissingError without a compiler, ModelError where the C does not compile, crashes or takes too long.
    """
    program = compiler or host_compiler()
    if program is None:
        raise MissingError("there is no C compiler on this machine", _HINT)
    with tempfile.TemporaryDirectory(prefix="edgekit-c-") as name:
        folder = Path(name)
        _compile(program, files, folder)
        samples = zip(*(np.ascontiguousarray(array) for array in inputs), strict=True)
        (folder / "in").write_bytes(b"".join(array.tobytes() for sample in samples for array in sample))
        done = run([folder / "program", folder / "in", folder / "out"], timeout_s=_RUN_TIMEOUT_S)
        done.require("the generated C, compiled for this machine,")
        raw = (folder / "out").read_bytes()
    return HostRun(_split(raw, len(inputs[0]), outputs), _version(program))


def _compile(program: str, files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "main.c").write_text(_MAIN)
    sources = (folder / "ek_model.c", folder / "main.c")
    done = run([program, *_FLAGS, "-o", folder / "program", *sources, "-lm"], timeout_s=_COMPILE_TIMEOUT_S)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    if errors and not _works(program, folder):
        raise MissingError(f"the C compiler {program} cannot compile a program that prints", _HINT)
    if errors:
        raise ModelError(f"the generated C does not compile here: {errors[0].replace(f'{folder}/', '')}")
    done.require("compiling the generated C for this machine")


def _works(program: str, folder: Path) -> bool:
    """Whether the compiler has its library: without headers or a linker it is none for us."""
    (folder / "least.c").write_text('#include <stdio.h>\nint main(void) { return puts("") < 0; }\n')
    done = run([program, "-o", folder / "least", folder / "least.c"], timeout_s=_COMPILE_TIMEOUT_S)
    return done.exit_code == 0


def _split(raw: bytes, count: int, outputs: Sequence[Tensor]) -> tuple[Array, ...]:
    size = sum(tensor.nbytes for tensor in outputs)
    if len(raw) != count * size:
        raise ModelError(f"the generated C gave {len(raw)} bytes for {count} samples, not {count * size}")
    table = np.frombuffer(raw, np.uint8).reshape(count, size)
    found, start = [], 0
    for tensor in outputs:
        part = np.ascontiguousarray(table[:, start : start + tensor.nbytes])
        found.append(part.view(tensor.dtype.numpy).reshape((count, *tensor.shape)))
        start += tensor.nbytes
    return tuple(found)


def _version(program: str) -> str:
    """The compiler's name and version: `gcc 12.2.0`."""
    first = run([program, "--version"], timeout_s=_COMPILE_TIMEOUT_S).stdout.partition("\n")[0]
    return first.strip() or last_line(program)
