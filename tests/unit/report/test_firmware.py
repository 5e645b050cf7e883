"""What the reports say of a network in a microcontroller's firmware."""

from __future__ import annotations

from dataclasses import replace

from edgekit.codegen.footprint import Footprint
from edgekit.measure.measurement import Firmware, LayerCount, Measurement, Profile
from edgekit.report.html import render_html
from edgekit.report.json import report_from_json, report_to_json
from edgekit.report.text import profile_table, render_measurement, render_text
from tests.unit.report import sample
from tests.unit.report.page import problems

COUNTED = "instructions are counted, not cycles: no flash wait state, cache or pipeline is in them"
FOOTPRINT = Footprint(5636, 34228, 9792, 16, 39864, "arm-none-eabi-gcc 12.2.1", "-mcpu=cortex-m4 -O2")
LAYERS = (LayerCount("net/a", "CONV_2D", 300), LayerCount("net/b", "ADD", 700))
FIRMWARE = Firmware(1001, 1000, 12, FOOTPRINT, 296, 10104, COUNTED, LAYERS)


def counted(firmware: Firmware = FIRMWARE) -> Measurement:
    conditions = replace(
        sample.measurement().conditions,
        board="mps2-an386",
        cpu="Cortex-M4F",
        system="none",
        emulated="emulated: QEMU 7",
    )
    times = {"latency": None, "init_us": None, "first_inference_us": None, "memory": None, "noise": None}
    return replace(sample.measurement(), **times, conditions=conditions, profile=Profile((), ""), firmware=firmware)


def test_the_terminal_shows_counts_and_no_times() -> None:
    lines = render_measurement(counted(), (), width=200).splitlines()
    rows = {line[:14].strip(): line[14:].strip() for line in lines if line[:1] != " "}
    assert rows["device"].endswith("mps2-an386, Cortex-M4F")
    assert rows["instructions"] == f"1,000 to 1,001 an inference; {COUNTED}"
    assert rows["set-up"] == "12 instructions, once"
    assert rows["flash"] == "39,864 B: 5,636 B code, 34,228 B weights and other constants"
    assert rows["RAM"] == "10,104 B: 9,792 B arena, 16 B variables, 296 B stack"
    assert rows["compiled"] == "arm-none-eabi-gcc 12.2.1 -mcpu=cortex-m4 -O2"
    assert "latency" not in rows and "loading" not in rows


def test_the_profile_is_in_instructions() -> None:
    head, first, second, *rest = profile_table(counted()).splitlines()
    assert head.split() == ["layer", "kind", "instructions", "share"]
    assert first.split() == ["net/b", "ADD", "700", "70", "%"]
    assert second.split() == ["net/a", "CONV_2D", "300", "30", "%"]
    assert rest == [f"2 of 2 layers. I{COUNTED[1:]}."]
    assert profile_table(counted(), 1).splitlines()[-1].startswith("1 of 2 layers")
    streamed = profile_table(counted(replace(FIRMWARE, instructions=1100)))
    assert "2 of 2 layers. 100 instructions more move rows between layers and call them. " in streamed


def test_a_board_on_a_port_knows_no_flash_and_no_instructions() -> None:
    bare = replace(FIRMWARE, instructions=None, least_instructions=None, setup_instructions=None, footprint=None)
    text = render_measurement(counted(replace(bare, layers=(), counted="")), (), width=200)
    assert "10,104 B: 9,808 B arena, 296 B stack" in text
    assert "instructions" not in text and "flash" not in text


def test_the_page_has_the_same() -> None:
    report = replace(sample.full(), measurements=(counted(),))
    page = render_html(report)
    assert "Where the instructions go: 2 of 2 layers" in page
    assert "39,864 B: 5,636 B code" in page
    assert "1,001" in page and "an inference on" in page
    assert problems(page) == []
    assert "1,000 to 1,001 an inference" in render_text(report, width=200)
    assert report_from_json(report_to_json(report)) == report


def test_a_hostile_name_of_a_layer_stays_text() -> None:
    hostile = replace(FIRMWARE, layers=(LayerCount(sample.HOSTILE, sample.HOSTILE, 5),))
    page = render_html(replace(sample.full(), measurements=(counted(hostile),)))
    assert "<script>alert" not in page
    assert "\x1b" not in profile_table(counted(hostile))


def test_gates_look_at_the_firmware() -> None:
    assert counted().gate_values() == {
        "latency_p90_ms": None, "energy_mj": None if counted().power is None else counted().power.energy_mj,
        "ram_kib": 10104 / 1024, "flash_kib": 39864 / 1024,
    }  # fmt: skip
