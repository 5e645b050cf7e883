"""Profiles: what is read, and what a wrong file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.core.errors import UsageError
from edgekit.core.units import KIB
from edgekit.targets.load import load_file, load_target, target_names
from edgekit.targets.target import Accelerator, Budget, Core, Isa, Kind, RuntimeKind, parse_budget

MINIMAL = """
schema = 1
title = "A board"
kind = "mcu"
runtime = "tflm"
[cpu]
soc = "X1"
cores = [{ name = "Cortex-M4", count = 1, ghz = 0.1 }]
isa = ["fpu"]
[memory]
ram = "64 KiB"
[recipe]
default = "int8"
[connect]
transport = "serial"
[sources]
"cpu.soc" = "unsure: a guess"
"""


def _file(folder: Path, text: str, name: str = "board") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_profile_is_read(tmp_path: Path) -> None:
    target = load_file(_file(tmp_path, MINIMAL))
    assert (target.name, target.kind, target.runtime) == ("board", Kind.MCU, RuntimeKind.TFLM)
    assert target.cpu.cores == (Core("Cortex-M4", 1, 0.1),)
    assert target.cpu.has(Isa.FPU) and not target.cpu.has(Isa.DSP)
    assert target.memory.ram_bytes == 64 * KIB
    assert target.memory.flash_bytes is None
    assert target.budget == Budget()
    assert [(s.fact, s.text, s.certain) for s in target.sources] == [("cpu.soc", "a guess", False)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[memory]", "[memroy]", ["board.toml", "memroy", "memory"]),
        ("ram =", "rom =", ["memory.rom", "ram", "flash"]),
        ("count = 1", 'count = "one"', ["cpu.cores[0].count", "'one'", "whole number"]),
        ("count = 1", "count = 0", ["cpu.cores[0].count", "positive"]),
        ("count = 1", "count = true", ["cpu.cores[0].count", "True"]),
        ('name = "Cortex-M4", ', "", ["cpu.cores[0].name", "missing"]),
        ('"64 KiB"', '"64 quibbles"', ["memory.ram", "64 quibbles", "520 KiB"]),
        ('"64 KiB"', "64", ["memory.ram", "64"]),
        ('kind = "mcu"', 'kind = "toaster"', ["kind", "toaster", "android"]),
        ('runtime = "tflm"', 'runtime = "tvm"', ["runtime", "tvm", "tflite-runtime"]),
        ('isa = ["fpu"]', 'isa = ["avx"]', ["isa", "avx", "neon"]),
        ('isa = ["fpu"]', "isa = [1]", ["cpu.isa", "list of texts"]),
        ("[cpu]", "cpu = 3\n[x]", ["x"]),
        ("schema = 1", "schema = 2", ["schema", "2"]),
        ("schema = 1", "", ["schema", "None"]),
        ("[recipe]", "[recipe", ["not valid TOML"]),
        ('title = "A board"', "", ["title", "missing"]),
        ('title = "A board"', 'title = ""', ["title"]),
        ("[sources]", "[budget]\nlatency = 3\n[sources]", ["budget.latency", "latency_p90_ms"]),
        ("[sources]", "[budget]\nram_kib = -3\n[sources]", ["board.toml", "ram_kib", "-3"]),
        ("[sources]", "[sources]\nweight = 'x'", ["sources.weight", "memory.ram"]),
        ("schema = 1", 'schema = 1\ninherit = "nothing"', ["inherit", "nothing", "raspberry-pi-5"]),
        ("schema = 1", "schema = 1\ninherit = 4", ["inherit", "4"]),
        ("schema = 1", 'schema = 1\ninherit = "corstone-300-u55"', ["corstone-300-u55", "itself inherits"]),
    ],
)
def test_a_wrong_file_is_told_what_and_where(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    assert old in MINIMAL
    with pytest.raises(UsageError) as caught:
        load_file(_file(tmp_path, MINIMAL.replace(old, new, 1)))
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not valid TOML"):
        load_file(tmp_path / "board.toml")


def test_inheriting_merges_tables_and_replaces_lists(tmp_path: Path) -> None:
    _file(tmp_path, MINIMAL, "base")
    child = 'schema = 1\ninherit = "base"\ntitle = "Child"\n[cpu]\nisa = ["dsp"]\n[memory]\nflash = "1 MiB"\n'
    target = load_file(_file(tmp_path, child, "child"))
    assert (target.name, target.title, target.cpu.soc) == ("child", "Child", "X1")
    assert target.cpu.isa == (Isa.DSP,)
    assert (target.memory.ram_bytes, target.memory.flash_bytes) == (64 * KIB, 1024 * KIB)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no target called 'pixle'") as caught:
        load_target("pixle")
    assert "pixel-8" in caught.value.hint


def test_a_path_is_a_target_too(tmp_path: Path) -> None:
    assert load_target(str(_file(tmp_path, MINIMAL))).title == "A board"


def test_the_shipped_classes_are_there() -> None:
    targets = {name: load_target(name) for name in target_names()}
    assert len(targets) >= 14
    assert {target.kind for target in targets.values()} == set(Kind)
    cores = {core.name for target in targets.values() for core in target.cpu.cores}
    assert {"Cortex-M4", "Cortex-M7", "Cortex-M33", "Cortex-M55", "Cortex-A53", "Cortex-A72", "Cortex-A76"} <= cores
    assert targets["corstone-300-u55"].accelerator("Ethos-U55") == Accelerator(
        "Ethos-U55", "ethos-u55-128", "Ethos_U55_High_End_Embedded", "Shared_Sram"
    )
    assert targets["corstone-300"].accelerator("Ethos-U55") is None
    assert targets["raspberry-pi-zero-2w-32bit"].runtime is RuntimeKind.TFLITE_RUNTIME


def test_budgets_are_parsed_and_merged() -> None:
    assert parse_budget("accuracy_drop=0.5") == ("accuracy_drop", 0.5)
    merged = Budget(ram_kib=10).merge({"ram_kib": 4, "latency_p90_ms": 2})
    assert merged.limits() == {"latency_p90_ms": 2, "ram_kib": 4}


@pytest.mark.parametrize("text", ["", "ram_kib", "ram_kib=", "ram_kib=x", "ram_kib=-1", "ram_kib=nan", "rum_kib=1"])
def test_wrong_budgets(text: str) -> None:
    with pytest.raises(UsageError, match="budget"):
        parse_budget(text)
