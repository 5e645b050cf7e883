"""What a phone tells of itself, and what it does not."""

from __future__ import annotations

import re

import pytest

from edgekit.measure.android_facts import parse_facts
from tests.unit.measure.android import shapes

HIDDEN = ("core clocks", "temperature", "thermal status", "battery", "battery current", "power saving", "screen")


def test_a_phone_that_tells_all() -> None:
    facts = parse_facts(shapes.FACTS)
    assert facts.board == "Google Pixel 8 (Google Tensor G3)"
    assert facts.system == "Android 14 (API 34), kernel 5.15.110-android14"
    assert facts.abis == ("arm64-v8a", "armeabi-v7a")
    assert (facts.machine, facts.cores, facts.governor) == ("aarch64", 3, "sched_pixel")
    assert facts.max_khz == (1704000, 2367000, 2914000)
    assert facts.battery == "85 %, 30.5 °C, powered by USB, current -412 mA"
    assert facts.state == "power saving on, screen off"
    assert (facts.emulated, facts.lab, facts.hidden) == ("", False, ())
    assert facts.health.clock_mhz == (300.0, 402.0, 500.0)
    assert facts.health.temperature_c == 52.2  # of what the HAL says now: 52.25, rounded; the cached 99 is old
    assert facts.health.load == 8.31
    assert facts.health.throttled == "now: thermal status moderate, 1 cores are held down to 50 % of their clock"


def test_the_kernels_zones_where_the_service_is_silent() -> None:
    text = re.sub(r"(?s)@@ thermal\n.*?@@ battery", "@@ thermal\n@@ battery", shapes.FACTS)
    assert parse_facts(text).health.temperature_c == 47.5
    assert "thermal status" in parse_facts(text).hidden


def test_a_phone_that_tells_nothing() -> None:
    facts = parse_facts("")
    assert facts.hidden == HIDDEN
    assert (facts.board, facts.system, facts.battery, facts.state, facts.abis, facts.cores) == ("", "", "", "", (), 0)
    assert facts.health.temperature_c is None


@pytest.mark.parametrize(
    ("line", "emulated"),
    [
        ("[ro.hardware]: [ranchu]", "emulated: Android emulator"),
        ("[ro.hardware]: [goldfish]", "emulated: Android emulator"),
        ("[ro.hardware]: [cutf_cvm]", "emulated: Cuttlefish"),
        ("[ro.boot.qemu]: [1]", "emulated: Android under QEMU"),
        ("[ro.kernel.qemu]: [1]", "emulated: Android under QEMU"),
        ("[ro.hardware]: [shiba]", ""),
    ],
)
def test_emulators(line: str, emulated: str) -> None:
    facts = parse_facts(f"@@ getprop\n{line}\n@@ lab\n")
    assert (facts.emulated, facts.lab) == (emulated, False)


def test_the_lab_says_so_itself() -> None:
    facts = parse_facts("@@ getprop\n[ro.boot.qemu]: [1]\n@@ lab\nemulated: Android tools on x86_64\n@@ kernel\n")
    assert (facts.emulated, facts.lab) == ("emulated: Android tools on x86_64", True)


def test_what_a_stranger_writes_is_one_printable_line() -> None:
    facts = parse_facts("@@ getprop\n[ro.product.model]: [\x1b[2Jevil\x07" + "x" * 500 + "]\n")
    assert facts.model.startswith("[2Jevil")
    assert len(facts.model) == 120
    assert facts.model.isprintable()
