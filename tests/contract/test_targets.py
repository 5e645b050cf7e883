"""Every shipped target: names, sources, sense, and the text that `edgekit targets show` prints."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from edgekit.targets.describe import describe, facts, summary
from edgekit.targets.load import load_target, target_names, targets_folder
from edgekit.targets.target import Kind, RuntimeKind

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "targets"
TRANSPORTS = {Kind.ANDROID: "adb", Kind.LINUX: "ssh", Kind.MCU: "serial", Kind.LOCAL: "local"}
RUNTIMES = {
    Kind.ANDROID: {RuntimeKind.LITERT},
    Kind.LINUX: {RuntimeKind.LITERT, RuntimeKind.TFLITE_RUNTIME},
    Kind.MCU: {RuntimeKind.TFLM, RuntimeKind.C},
    Kind.LOCAL: {RuntimeKind.LITERT},
}

pytestmark = pytest.mark.parametrize("name", target_names())


def test_its_name_is_lower_case_with_hyphens(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


def test_every_fact_has_a_source_and_every_source_a_fact(name: str) -> None:
    target = load_target(name)
    assert {source.fact for source in target.sources} == {fact for fact, _ in facts(target)}
    assert all(len(source.text) > 10 for source in target.sources)


def test_what_is_inferred_is_marked(name: str) -> None:
    for source in load_target(name).sources:
        assert not source.certain or not re.search(r"\b(inferred|not confirmed|not looked up)\b", source.text), source


def test_its_parts_fit_together(name: str) -> None:
    target = load_target(name)
    assert target.runtime in RUNTIMES[target.kind]
    assert target.connect.transport == TRANSPORTS[target.kind]
    assert target.recipe_default == "int8"
    assert target.budget.accuracy_drop == 1.0
    assert target.kind is Kind.LOCAL or (target.cpu.cores and target.memory.ram_bytes)


def test_its_budget_is_within_its_memory(name: str) -> None:
    target = load_target(name)
    if target.kind is Kind.MCU:
        assert target.budget.ram_kib is not None and target.budget.flash_kib is not None
        assert target.memory.ram_bytes is not None and target.budget.ram_kib * 1024 < target.memory.ram_bytes
        assert target.memory.flash_bytes is not None and target.budget.flash_kib * 1024 < target.memory.flash_bytes
    else:
        assert target.budget.ram_kib is None
        assert target.budget.flash_kib is None


def test_its_file_holds_data_and_a_comment_on_what_it_is(name: str) -> None:
    text = (targets_folder() / f"{name}.toml").read_text()
    assert text.startswith("# ")
    assert tomllib.loads(text)["schema"] == 1


def test_its_text_is_as_it_was(name: str) -> None:
    golden = GOLDEN / f"{name}.txt"
    assert golden.exists(), f"look at the text of {name} and write it to {golden} with `python -m tests.golden.targets`"
    assert describe(load_target(name)) == golden.read_text()


def test_its_summary_is_one_short_line(name: str) -> None:
    line = summary(load_target(name))
    assert "\n" not in line
    assert len(line) < 100
