"""The wrappings of the generated C, built for real: make, CMake, an Arduino sketch, a Zephyr module."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Optimize, Settings
from edgekit.codegen.generate import generate
from edgekit.codegen.project import PortSample, Project, build_for, constant_bytes, cpu_flags, project_files
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from edgekit.targets.load import load_target, target_names
from edgekit.targets.target import Kind
from tests.tools import tool
from tests.unit.codegen.host import random_samples, reference
from tests.unit.codegen.one_op import Spec, one_op

CMAKE = "pip install cmake"
ARM = "sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"
GCC = "sudo apt-get install gcc libc6-dev"
CORTEX_M4 = "-mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard"


def convolution() -> bytes:
    """Four channels from three, 3 by 3."""
    rng = np.random.default_rng(3)
    weights = Spec((4, 3, 3, 3), scale=(0.01, 0.02, 0.005, 0.01), data=rng.integers(-127, 128, (4, 3, 3, 3), np.int8))
    bias = Spec((4,), DType.INT32, scale=0.001, data=rng.integers(-900, 900, 4, np.int32))
    options = {"strideH": 1, "strideW": 1, "padding": 0, "dilationHFactor": 1, "dilationWFactor": 1}
    inputs = [Spec((1, 6, 5, 3), scale=0.05, zero_point=3), weights, bias]
    return one_op("CONV_2D", inputs, [Spec((1, 6, 5, 4), scale=0.1, zero_point=-4)], **options)


def project(has_sample: bool = True, optimize: Optimize = Optimize.SPEED) -> Project:
    data = convolution()
    model = read(data)
    target = load_target("nucleo-l4r5zi")
    settings = Settings(build_for(target), optimize)
    sample = random_samples(model.main, 1)
    (result,) = reference(data, sample)
    values = (sample[0][0], result[0]) if has_sample else (None, None)
    ports = [PortSample(tensor, v) for tensor, v in zip((*model.main.inputs, *model.main.outputs), values, strict=True)]
    return Project("conv net.tflite", target, generate(model, settings), settings, (ports[0],), (ports[1],))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(project(), tmp_path / "c")


def written(made: Project, folder: Path) -> Path:
    for name, content in {**made.generated.files, **project_files(made)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower(), done.stderr
    return done.stdout


def test_make_builds_a_library_and_checks_the_golden_sample(folder: Path) -> None:
    tool("gcc", GCC)
    run("make", "CC=gcc", cwd=folder)
    assert (folder / "libek_model.a").read_bytes().startswith(b"!<arch>")
    run("make", "CC=gcc", "check", cwd=folder)
    header = folder / "examples" / "golden.h"
    text = header.read_text()
    at = text.index("golden_output_0[")
    place = text.index("0x", at)
    header.write_text(text[:place] + f"0x{int(text[place + 2 : place + 4], 16) ^ 1:02x}" + text[place + 4 :])
    done = subprocess.run(["make", "CC=gcc", "check"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    run("make", "clean", cwd=folder)
    assert not list(folder.glob("*.[ao]"))


def test_make_builds_for_the_targets_core(folder: Path) -> None:
    tool("arm-none-eabi-gcc", ARM)
    assert f"make CC=arm-none-eabi-gcc CPU='{CORTEX_M4}'" in (folder / "README.md").read_text()
    assert "arm-none-eabi-ar rcs" in run("make", "CC=arm-none-eabi-gcc", f"CPU={CORTEX_M4}", cwd=folder)
    assert "Tag_CPU_arch: v7E-M" in run("arm-none-eabi-readelf", "-A", "libek_model.a", cwd=folder)


def test_cmake_builds_for_this_machine_and_runs_the_example(folder: Path) -> None:
    cmake = tool("cmake", CMAKE)
    tool("gcc", GCC)
    generator = ("-G", "Unix Makefiles", "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
    run(cmake, "-S", ".", "-B", "build", *generator, "-DEK_MODEL_EXAMPLE=ON", cwd=folder)
    assert "ek_model" in run(cmake, "--build", "build", cwd=folder)
    run(folder / "build" / "ek_model_example", cwd=folder)


def test_cmake_builds_for_a_core_as_part_of_an_application(folder: Path) -> None:
    cmake = tool("cmake", CMAKE)
    tool("arm-none-eabi-gcc", ARM)
    application = folder.parent
    (application / "main.c").write_text(
        "#include <ek_model.h>\nint go(void);\nint go(void) { ek_model_run(); return 0; }\n"
    )
    (application / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app C)\nadd_subdirectory(c)\n"
        "add_library(app STATIC main.c)\ntarget_link_libraries(app PRIVATE ek_model)\n"
    )
    cross = ["-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_C_COMPILER=arm-none-eabi-gcc", f"-DCMAKE_C_FLAGS={CORTEX_M4}"]
    cross.append("-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY")
    run(cmake, "-S", ".", "-B", "build", "-G", "Unix Makefiles", *cross, cwd=application)
    run(cmake, "--build", "build", cwd=application)
    assert (application / "build" / "c" / "libek_model.a").exists()


def test_zephyr_finds_the_module(folder: Path) -> None:
    """With stand-ins for the few functions of Zephyr's that the module calls."""
    cmake = tool("cmake", CMAKE)
    tool("gcc", GCC)
    assert (folder / "zephyr" / "module.yml").read_text().split() == [
        *("name:", "ek_model", "build:", "cmake:", "zephyr", "kconfig:", "zephyr/Kconfig")
    ]
    assert (folder / "zephyr" / "Kconfig").read_text().startswith("config EK_MODEL\n\tbool ")
    (folder.parent / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(zephyr C)\nset(CONFIG_EK_MODEL y)\n"
        "macro(zephyr_library_named name)\n  set(LIBRARY ${name})\n  add_library(${name} STATIC)\nendmacro()\n"
        "macro(zephyr_library_sources)\n  target_sources(${LIBRARY} PRIVATE ${ARGN})\nendmacro()\n"
        "macro(zephyr_library_compile_options)\n  target_compile_options(${LIBRARY} PRIVATE ${ARGN})\nendmacro()\n"
        "macro(zephyr_include_directories)\n  include_directories(${ARGN})\nendmacro()\n"
        "add_subdirectory(c/zephyr)\n"
    )
    run(cmake, "-S", ".", "-B", "build", "-G", "Unix Makefiles", "-DCMAKE_C_COMPILER=gcc", cwd=folder.parent)
    run(cmake, "--build", "build", cwd=folder.parent)
    assert list((folder.parent / "build").rglob("libek_model.a"))


def test_the_folder_is_an_arduino_library(folder: Path) -> None:
    """A flat one: sources in its root, none elsewhere but in examples (docs.arduino.cc, library specification)."""
    lines = (folder / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert set(properties) == {
        *("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"),
        "includes",
    }
    assert (properties["includes"], properties["version"]) == ("ek_model.h", "1.0.0")
    assert [path.name for path in folder.glob("*.c")] == ["ek_model.c"]
    assert not (folder / "src").exists()
    compiler = tool("arm-none-eabi-g++", ARM)
    (folder / "Arduino.h").write_text(
        "#include <stdint.h>\nstruct Port { void begin(long); void print(unsigned long); void print(const char *);\n"
        "void println(int); };\nextern Port Serial;\nunsigned long micros();\nvoid delay(unsigned long);\n"
    )
    sketch = folder / "examples" / "run_once" / "run_once.ino"
    flags = ["-std=gnu++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-include", "Arduino.h", "-I", "."]
    run(compiler, *flags, "-x", "c++", sketch, cwd=folder)


def test_without_a_golden_sample_the_example_runs_on_zeros(tmp_path: Path) -> None:
    tool("gcc", GCC)
    folder = written(project(has_sample=False), tmp_path)
    assert not (folder / "examples" / "golden.h").exists()
    run("make", "CC=gcc", "check", cwd=folder)


def test_the_readme_has_the_sizes_and_the_ports() -> None:
    made = project()
    text = project_files(made)["README.md"].decode()
    assert f"| {made.generated.plan.arena_bytes} bytes (`EK_MODEL_ARENA_BYTES`) |" in text
    assert f"| {constant_bytes(made.generated)} bytes |" in text
    assert "| `ek_model_input(0)` | int8 1x6x5x3, 90 bytes, real = 0.0500000007 * (data - 3) |" in text
    assert "conv net.tflite" in text


def test_constants_are_weights_biases_and_scales() -> None:
    made = project()
    assert constant_bytes(made.generated) >= 4 * 27 + 4 * 4 + 4 * 4 + 4


@pytest.mark.parametrize(("optimize", "flag"), [(Optimize.SPEED, "-O2"), (Optimize.SIZE, "-Os"), (Optimize.RAM, "-O2")])
def test_what_it_is_optimized_for_is_the_compilers_business_too(optimize: Optimize, flag: str) -> None:
    files = project_files(project(optimize=optimize))
    for name in ("Makefile", "CMakeLists.txt", "zephyr/CMakeLists.txt"):
        assert flag in files[name].decode()


def test_the_same_project_gives_the_same_bytes() -> None:
    assert project_files(project()) == project_files(project())


def test_each_microcontroller_gets_the_kernels_that_it_has_instructions_for() -> None:
    targets = {name: load_target(name) for name in target_names()}
    builds = {name: build_for(target) for name, target in targets.items() if target.kind is Kind.MCU}
    assert builds["corstone-300"] is builds["alif-ensemble-e7"] is Build.MVE
    assert builds["nucleo-l4r5zi"] is builds["nrf52840-dk"] is builds["nucleo-u575zi"] is Build.DSP
    assert builds["raspberry-pi-pico"] is builds["esp32-s3-devkitc"] is Build.PORTABLE


@pytest.mark.parametrize(
    ("target", "flags"),
    [
        ("raspberry-pi-pico", "-mthumb -mcpu=cortex-m0plus"),
        ("nucleo-h743zi", "-mthumb -mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard"),
        ("alif-ensemble-e7", "-mthumb -mcpu=cortex-m55 -mfloat-abi=hard"),
        ("esp32-s3-devkitc", ""),
    ],
)
def test_compiler_flags(target: str, flags: str) -> None:
    assert cpu_flags(load_target(target)) == flags
