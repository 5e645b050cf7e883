"""What wraps the generated C for those who build it: CMake, make, Arduino, Zephyr, an example and half a page to read.

In: the sources of `generate` and what the network is called. Out: more files, path -> text, to lie around the sources:
the same folder is a CMake project, a Makefile's, an Arduino library and a Zephyr module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Build, Constant, Settings
from edgekit.codegen.cores import core_of
from edgekit.codegen.generate import Generated
from edgekit.graph.model import Tensor
from edgekit.targets.target import Isa, Kind, Target

_PER_LINE = 16
# Contracted products and sums would round once where the reference kernels round twice.
_EXACT = "-ffp-contract=off"
_BUILDS = {Build.PORTABLE: "plain C", Build.DSP: "Arm's DSP instructions", Build.MVE: "Arm Helium (MVE)"}


@dataclass(frozen=True, slots=True, eq=False)
class PortSample:
    """An input or output with its values in one golden sample, None without any."""

    tensor: Tensor
    values: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Project:
    """What the wrappings are made from.

    Attributes:
        name: what the model is called.
        target: for which the C was generated.
        inputs, outputs: in the graph's order.
    """

    name: str
    target: Target
    generated: Generated
    settings: Settings
    inputs: tuple[PortSample, ...]
    outputs: tuple[PortSample, ...]

    @property
    def has_sample(self) -> bool:
        """Whether the example has something to compare with."""
        return all(port.values is not None for port in (*self.inputs, *self.outputs))


def build_for(target: Target) -> Build:
    """The kernels that `target` has instructions for."""
    if target.kind is Kind.MCU and target.cpu.has(Isa.MVE):
        return Build.MVE
    return Build.DSP if target.cpu.has(Isa.DSP) else Build.PORTABLE


def constant_bytes(generated: Generated) -> int:
    """Bytes of weights and tables in flash; the parameters' structures are not counted."""
    fields = (value for call in generated.plan.calls for value in call.fields.values())
    return sum(value.nbytes for value in fields if isinstance(value, Constant))


def cpu_flags(target: Target) -> str:
    """gcc's options for the target's core, empty where it is none of Arm's.

    >>> from edgekit.targets.load import load_target
    >>> cpu_flags(load_target("nucleo-l4r5zi"))
    '-mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard'
    """
    core = core_of(target)
    return " ".join(("-mthumb", *core.gcc)) if core else ""


def project_files(project: Project) -> Mapping[str, bytes]:
    """Path -> content of everything but the sources themselves."""
    flags = f"{project.settings.optimize.level} {_EXACT}"
    cpu = cpu_flags(project.target)
    texts = {
        "README.md": _readme(project),
        "CMakeLists.txt": _CMAKE.format(flags=flags),
        "Makefile": _MAKE.format(flags=flags, cpu=f"#   make CC=arm-none-eabi-gcc CPU='{cpu}'\n" if cpu else ""),
        "library.properties": _ARDUINO.format(title=_plain(project.name)),
        "zephyr/module.yml": _ZEPHYR_MODULE,
        "zephyr/CMakeLists.txt": _ZEPHYR_CMAKE.format(flags=flags),
        "zephyr/Kconfig": _ZEPHYR_KCONFIG,
        "examples/main.c": _EXAMPLE if project.has_sample else _EXAMPLE_WITHOUT_SAMPLE,
        "examples/run_once/run_once.ino": _SKETCH,
    }
    if project.has_sample:
        texts["examples/golden.h"] = _golden(project)
    return {path: text.encode() for path, text in sorted(texts.items())}


def _plain(name: str) -> str:
    """A name as a properties file takes it: one line of plain characters."""
    return re.sub(r"[^A-Za-z0-9 ._+-]", "_", name)[:60] or "model"


def _readme(project: Project) -> str:
    generated, settings = project.generated, project.settings
    cpu = cpu_flags(project.target)
    make = f"make CC=arm-none-eabi-gcc CPU='{cpu}'" if cpu else "make CC=your-compiler"
    return _README.format(
        name=_plain(project.name),
        target=project.target.title,
        build=_BUILDS[settings.build],
        optimize=settings.optimize.value,
        rounding=settings.rounding.value,
        arena=generated.plan.arena_bytes,
        constants=constant_bytes(generated),
        macs=generated.macs,
        layers=len(generated.plan.calls),
        ports="".join(
            _port(what, number, port.tensor)
            for what, side in (("input", project.inputs), ("output", project.outputs))
            for number, port in enumerate(side)
        ),
        make=make,
        flags=f"{settings.optimize.level} {_EXACT}",
    )


def _port(what: str, number: int, tensor: Tensor) -> str:
    shape = "x".join(str(size) for size in tensor.shape) or "scalar"
    q = tensor.quantization
    real = ""
    if tensor.is_quantized and q is not None:
        zero_point = int(q.zero_point[0])
        real = f", real = {float(q.scale[0]):.9g} * (data {'+' if zero_point < 0 else '-'} {abs(zero_point)})"
    return f"| `ek_model_{what}({number})` | {tensor.dtype.label} {shape}, {tensor.nbytes} bytes{real} |\n"


def _golden(project: Project) -> str:
    """One golden sample as bytes, which have no type to get wrong."""
    arrays, lists = [], []
    for what, side in (("input", project.inputs), ("output", project.outputs)):
        names = []
        for number, port in enumerate(side):
            arrays.append(_bytes(f"golden_{what}_{number}", np.asarray(port.values).tobytes()))
            names.append(f"golden_{what}_{number}")
        lists.append(f"static const unsigned char *const golden_{what}s[] = {{{', '.join(names)}}};\n")
    return "/* One golden sample of the bundle: inputs, and the outputs that must come of them. */\n\n" + "".join(
        (*arrays, *lists)
    )


def _bytes(name: str, data: bytes) -> str:
    lines = (data[i : i + _PER_LINE] for i in range(0, len(data), _PER_LINE))
    body = "".join(f"    0x{line.hex(' ').replace(' ', ', 0x')},\n" for line in lines)
    return f"static const unsigned char {name}[{len(data)}] = {{\n{body}}};\n\n"


_README = """\
# {name} as C

Made for the {target}: kernels for {build}, optimized for {optimize}, FULLY_CONNECTED rounds as {rounding} does.
C99; no heap, no recursion, nothing of the C library beyond `string.h` and `stdint.h` (`math.h` for some float layers).

| | |
|---|---|
| arena, static RAM | {arena} bytes (`EK_MODEL_ARENA_BYTES`) |
| weights and tables, flash | {constants} bytes |
| multiply-accumulates an inference | {macs} |
| layers | {layers} |
{ports}
```c
#include "ek_model.h"

ek_model_init();                               /* once */
memcpy(ek_model_input(0)->data, x, n);         /* inputs may be overwritten by a run: write them before each */
ek_model_run();
use(ek_model_output(0)->data);                 /* until the next run or the next inputs */
```

There is one arena, so one inference at a time. With `EK_LAYER_HOOK` defined for `ek_model.c`, your `ek_layer_hook` is
called before and after each layer. This folder is, as it is:

- **a Makefile's**: `{make}` gives `libek_model.a`; `make check` runs `examples/main.c` on this machine.
- **a CMake project**: `add_subdirectory(c)` and `target_link_libraries(app PRIVATE ek_model)`.
- **an Arduino library**: copy or link it into `libraries/`, then File > Examples > ek_model.
- **a Zephyr module**: `west build -- -DZEPHYR_EXTRA_MODULES=/path/to/c`, and `CONFIG_EK_MODEL=y` in `prj.conf`.

Or compile `ek_model.c` with your own sources (and `{flags}`): it is the only one; the rest is headers.
"""

_CMAKE = """\
cmake_minimum_required(VERSION 3.13)
project(ek_model C)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(EK_MODEL_FLAGS {flags})
endif()

add_library(ek_model STATIC ek_model.c)
target_include_directories(ek_model PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
target_compile_options(ek_model PRIVATE ${{EK_MODEL_FLAGS}})
set_target_properties(ek_model PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON)

# cmake -DEK_MODEL_EXAMPLE=ON: the example, where there is an operating system to run it on.
option(EK_MODEL_EXAMPLE "Build examples/main.c" OFF)
if(EK_MODEL_EXAMPLE)
  add_executable(ek_model_example examples/main.c)
  target_link_libraries(ek_model_example PRIVATE ek_model)
  if(UNIX)
    target_link_libraries(ek_model_example PRIVATE m)
  endif()
endif()
"""

_MAKE = """\
# make          libek_model.a
# make check    the example, compiled for this machine and run
{cpu}CFLAGS ?= {flags}
CPU ?=
ifeq ($(origin AR),default)
AR := $(or $(patsubst %gcc,%ar,$(filter %gcc,$(CC))),ar)
endif

WARNINGS := -std=c99 -Wall -Wextra -Wconversion -pedantic

libek_model.a: ek_model.o
\t$(AR) rcs $@ $^

ek_model.o: ek_model.c $(wildcard *.h)
\t$(CC) $(CPU) $(CFLAGS) $(WARNINGS) -c -o $@ $<

.PHONY: check clean
check: ek_model.c examples/main.c
\t$(CC) $(CPU) $(CFLAGS) $(WARNINGS) -I. -o ek_model_example ek_model.c examples/main.c -lm
\t./ek_model_example

clean:
\trm -f libek_model.a ek_model.o ek_model_example
"""

_ARDUINO = """\
name=ek_model
version=1.0.0
author=edgekit
maintainer=edgekit
sentence=The network {title} as C.
paragraph=Generated. One static arena, no heap; see README.md for inputs, outputs and sizes.
category=Data Processing
url=https://docs.arduino.cc/arduino-cli/library-specification
architectures=*
includes=ek_model.h
"""

_ZEPHYR_MODULE = """\
name: ek_model
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
"""

_ZEPHYR_CMAKE = """\
if(CONFIG_EK_MODEL)
  zephyr_library_named(ek_model)
  zephyr_library_sources(${{CMAKE_CURRENT_SOURCE_DIR}}/../ek_model.c)
  zephyr_library_compile_options({flags})
  zephyr_include_directories(${{CMAKE_CURRENT_SOURCE_DIR}}/..)
endif()
"""

_ZEPHYR_KCONFIG = """\
config EK_MODEL
\tbool "The network that edgekit generated"
\thelp
\t  Compiles ek_model.c and makes ek_model.h known to the application.
"""

_EXAMPLE = """\
/* Runs the golden sample once: exit code 0 where the outputs are the golden ones, 1 where they differ. */
#include <string.h>

#include "ek_model.h"
#include "golden.h"

int main(void) {
    int differs = 0;
    ek_model_init();
    for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
        memcpy(ek_model_input(i)->data, golden_inputs[i], ek_model_input(i)->bytes);
    }
    ek_model_run();
    for (uint32_t i = 0; i < EK_MODEL_OUTPUTS; i++) {
        differs |= memcmp(ek_model_output(i)->data, golden_outputs[i], ek_model_output(i)->bytes) != 0;
    }
    return differs;
}
"""

_EXAMPLE_WITHOUT_SAMPLE = """\
/* Runs the network once, on zeros: the bundle has no golden sample to compare with. */
#include <string.h>

#include "ek_model.h"

int main(void) {
    ek_model_init();
    for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
        memset(ek_model_input(i)->data, 0, ek_model_input(i)->bytes);
    }
    ek_model_run();
    return 0;
}
"""

_SKETCH = """\
/* Runs the network on zeros and prints how long it took and the first byte of its output. */
#include <ek_model.h>
#include <string.h>

void setup() {
    Serial.begin(115200);
    ek_model_init();
}

void loop() {
    for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {
        memset(ek_model_input(i)->data, 0, ek_model_input(i)->bytes);
    }
    const unsigned long start = micros();
    ek_model_run();
    Serial.print(micros() - start);
    Serial.print(" us, ");
    Serial.println(static_cast<const int8_t *>(ek_model_output(0)->data)[0]);
    delay(1000);
}
"""
