"""Whether a network fits its microcontroller, at `edgekit build`, on the compiler and the emulator themselves."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import edgekit
from edgekit.bundle.read import read_manifest
from edgekit.codegen.call import Settings
from edgekit.codegen.cores import build_of, core_of
from edgekit.codegen.generate import generate
from edgekit.codegen.plan.picture import picture_of
from edgekit.core.resources import data_folder
from edgekit.core.toolchain import GCC_COMMAND
from edgekit.graph.codec import read
from edgekit.measure.fit import FitJob, fit
from edgekit.targets.load import load_target
from tests.cli.run import edgekit as run
from tests.cli.run import said
from tests.devices.case_mcu import needed
from tests.unit.bundle.content import INTEGER

MODEL = Path(edgekit.__file__).parent / "demo" / "digits.tflite"
SAMPLES = ("--calibration", data_folder("calibration_data") / "digits", "--recipe", "int8")


def job(name: str) -> FitJob:
    target = load_target(name)
    core = core_of(target)
    assert core is not None
    made = generate(read(INTEGER), Settings(build_of(core)))
    layers = tuple(f"{call.op.label} {call.op.name}" for call in made.plan.calls)
    return FitJob("tiny", INTEGER, target, made.files, layers, picture_of(made.plan), bytes(3), "-O2")


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("raspberry-pi-pico", "mps2-an385"),
        ("nrf52840-dk", "mps2-an386"),
        ("stm32f746g-discovery", "mps2-an500"),
        ("nucleo-u575zi", "mps3-an547"),
        ("corstone-300", "mps3-an547"),
    ],
)
def test_every_core_is_compiled_for_and_run(name: str, machine: str) -> None:
    needed()
    found = fit(job(name))
    made = found.footprint
    assert made is not None and found.flash_bytes is not None and found.ram_bytes is not None
    assert made.constants_bytes >= 3 * 3  # the weights, and their scales and biases
    assert 300 < made.code_bytes < 6000
    assert found.ram_bytes == made.arena_bytes + made.static_bytes + (found.stack_bytes or 0)
    assert found.instructions is not None and 20 < found.instructions < 10_000
    assert machine in found.counted
    assert found.notes == ()
    assert found.time is None if name == "corstone-300" else found.time is not None


def test_what_a_core_of_no_compiler_gets() -> None:
    xtensa = replace(job("nrf52840-dk"), target=load_target("esp32-s3-devkitc"))
    found = fit(xtensa)
    assert (found.flash_bytes, found.ram_bytes) == (None, None)
    assert found.notes[0].startswith("no compiler here knows the core Xtensa LX7, so flash and RAM are not measured")


def test_without_a_compiler_and_without_an_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)  # as where it is not installed
    found = fit(job("nrf52840-dk"))
    assert (found.flash_bytes, found.ram_bytes) == (None, None)
    assert (
        GCC_COMMAND in found.notes[0] and f"the arena is {job('nrf52840-dk').picture.arena_bytes} B" in found.notes[0]
    )
    for name in ("arm-none-eabi-gcc",):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", f"{tmp_path}")
    found = fit(job("nrf52840-dk"))
    assert found.flash_bytes is not None and found.ram_bytes is None
    assert found.notes == (
        "the stack and instructions are not measured without QEMU: sudo apt install qemu-system-arm",
    )


def test_c_that_the_compiler_refuses_is_said() -> None:
    needed()
    broken = replace(job("nrf52840-dk"), sources={"ek_model.c": b"int x = y;\n", "ek_model.h": b""})
    found = fit(broken)
    assert found.flash_bytes is None
    assert "error" in found.notes[0]


def test_a_build_names_the_causes_of_what_does_not_fit(tmp_path: Path) -> None:
    needed()
    budgets = [word for b in ("flash_kib=4", "latency_p90_ms=8") for word in ("--budget", b)]
    out = ("-o", tmp_path / "out", "--json", tmp_path / "out.json")
    done = run("build", MODEL, "-t", "nucleo-l4r5zi", *SAMPLES, *budgets, *out, cache=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "flash_kib is " in said(done) and "(most of it: " in said(done)
    assert "code and start-up " in said(done) and "weights of CONV_2D '" in said(done)
    assert "less with --recipe int4" in said(done) and "ram_kib" not in said(done)
    (report,) = json.loads((tmp_path / "out.json").read_text())["results"]
    gates = {gate["key"]: gate for gate in report["gates"]}
    assert (gates["flash_kib"]["verdict"], gates["ram_kib"]["verdict"]) == ("fail", "pass")
    assert gates["latency_p90_ms"]["verdict"] in ("fail", "not judged")  # never kept by a time that is not measured
    assert "cycles at 120 MHz" in gates["latency_p90_ms"]["note"]
    details = read_manifest(tmp_path / "out" / "nucleo-l4r5zi").details["fit"]
    assert details["flash_bytes"] / 1024 == gates["flash_kib"]["value"]
    assert details["stack_bytes"] > 0
