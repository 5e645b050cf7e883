"""Generated C on an emulated Cortex-M55 with Helium: many networks in one firmware, held against LiteRT there."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate, the_graph
from edgekit.graph.codec import read
from tests.unit.codegen.host import random_samples, reference

HERE = Path(__file__).parent
COMPILER = "arm-none-eabi-gcc"
QEMU = "qemu-system-arm"
GCC = (COMPILER, "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")
CLANG = ("clang", "--target=thumbv8.1m.main-none-eabi", "-mcpu=cortex-m55", "-mfloat-abi=hard")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion")
_MACHINE = ("-M", "mps3-an547", "-display", "none", "-monitor", "none", "-serial", "stdio")
_COUNTING = ("-semihosting-config", "enable=on,target=native", "-icount", "shift=10,sleep=off,align=off")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Output bytes that differ from LiteRT's over all samples, and instructions of the last run."""

    differing: int
    instructions: int


def run_on_m55(
    models: Sequence[bytes], settings: Settings, folder: Path, samples: int = 2, build: Sequence[str] = (*GCC, "-O2")
) -> list[Outcome]:
    """Each model on random inputs, all in one firmware. `build` is the command that compiles the generated C."""
    objects = [_object(model, number, settings, folder, build) for number, model in enumerate(models)]
    (folder / "cases.h").write_text(_cases(models, samples))
    program = folder / "program.elf"
    linking = [f"-T{HERE / 'board_m55.ld'}", "-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections", "-O2"]
    _compile([*GCC, *linking], [HERE / "board_m55.c", *objects], program, folder)
    command = [QEMU, *_MACHINE, *_COUNTING, "-kernel", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    rows = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(rows) == len(models), done.stdout
    return [Outcome(*row) for row in rows]


def clang() -> tuple[str, ...]:
    """The command of clang, with the C library of the other compiler."""
    command = [COMPILER, "-M", "-x", "c", "-"]
    done = subprocess.run(command, input="#include <string.h>", capture_output=True, text=True, check=True)
    (header,) = (
        word for word in done.stdout.split() if Path(word).name == "string.h" and "sys" not in Path(word).parts
    )
    return (*CLANG, "-isystem", str(Path(header).parent))


def _object(model: bytes, number: int, settings: Settings, folder: Path, build: Sequence[str]) -> Path:
    sources = folder / str(number)
    sources.mkdir()
    for name, content in generate(read(model), settings).files.items():
        (sources / name).write_bytes(content)
    renamed = [f"-Dek_model_{name}=ek_{number}_{name}" for name in ("init", "run", "input", "output")]
    _compile([*build, *renamed, "-ffunction-sections", "-c"], [sources / "ek_model.c"], sources / "o", sources)
    return sources / "o"


def _compile(build: Sequence[str], sources: Sequence[Path], output: Path, include: Path) -> None:
    command = [*build, *WARNINGS, f"-I{include}", "-o", output, *sources]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def _cases(models: Sequence[bytes], samples: int) -> str:
    parts = ['#include "0/ek_model.h"\n']
    rows = []
    for number, model in enumerate(models):
        graph = the_graph(read(model))
        inputs = random_samples(graph, samples, seed=number)
        name = f"ek_{number}"
        parts.append(f"void {name}_init(void);\nvoid {name}_run(void);\n")
        parts.append(f"const ek_tensor *{name}_input(uint32_t number);\n")
        parts.append(f"const ek_tensor *{name}_output(uint32_t number);\n")
        parts.append(_bytes(f"{name}_in", inputs) + _bytes(f"{name}_out", reference(model, inputs)))
        functions = ", ".join(f"{name}_{what}" for what in ("init", "run", "input", "output", "in", "out"))
        rows.append(f"    {{{functions}, {samples}u, {len(graph.inputs)}u, {len(graph.outputs)}u}},\n")
    return "".join([*parts, _TYPE, "static const test_case cases[] = {\n", *rows, "};\n"])


def _bytes(name: str, samples: Sequence[Sequence[NDArray[Any]]]) -> str:
    raw = b"".join(np.ascontiguousarray(array).tobytes() for sample in samples for array in sample)
    return f"static const uint8_t {name}[] = {{{','.join(map(str, raw))}}};\n"


_TYPE = """\
typedef struct {
    void (*init)(void);
    void (*run)(void);
    const ek_tensor *(*input)(uint32_t number);
    const ek_tensor *(*output)(uint32_t number);
    const uint8_t *inputs;
    const uint8_t *outputs;
    uint32_t samples, input_count, output_count;
} test_case;
"""
