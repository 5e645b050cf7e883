"""The page keeps the accessibility rules, needs nothing, and shows model names as text only."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path

import pytest

from edgekit.measure.gates import Gate
from edgekit.report import html_page
from edgekit.report.html import render_html
from edgekit.report.html_index import render_index
from edgekit.report.model import Index, LayerRow, Report
from tests.unit.report import page, sample

STYLE = Path(html_page.__file__).with_name("style.css").read_text(encoding="utf-8")
PAGES = {
    "full": render_html(sample.full()),
    "empty": render_html(sample.empty()),
    "failing": render_html(sample.failing()),
    "hostile": render_html(sample.hostile()),
    "two devices": render_html(dataclasses.replace(sample.full(), measurements=(sample.measurement(),) * 2)),
    "emulated": render_html(dataclasses.replace(sample.full(), measurements=(sample.emulated(),))),
    "microcontroller": render_html(dataclasses.replace(sample.full(), parts=sample.parts())),
    "index": render_index(sample.index()),
    "empty index": render_index(Index("nothing", ())),
}


@pytest.mark.parametrize("name", PAGES)
def test_page_keeps_the_rules(name: str) -> None:
    assert page.problems(PAGES[name]) == []


@pytest.mark.parametrize(
    ("text", "other"),
    [
        *itertools.product(("ink", "quiet", "accent", "good", "bad", "open"), ("paper",)),
        *itertools.product(("ink", "quiet"), ("panel",)),
        ("good", "good-panel"),
        ("bad", "bad-panel"),
        ("open", "open-panel"),
        ("paper", "accent"),
    ],
)
def test_text_has_contrast(text: str, other: str) -> None:
    light, dark, printed = page.palettes(STYLE)
    for palette in (light, dark, printed):
        assert page.contrast(palette[text], palette[other]) >= 4.5, (text, other)  # WCAG 2.2, 1.4.3


def test_shapes_have_contrast() -> None:
    for palette in page.palettes(STYLE):
        for shape in ("before", "accent", "bad"):
            assert page.contrast(palette[shape], palette["paper"]) >= 3, shape  # WCAG 2.2, 1.4.11


def test_every_colour_is_one_of_the_palette() -> None:
    rules = re.sub(r":root\s*\{.*?\}", "", STYLE, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", rules) == []


def test_a_hostile_model_changes_no_element() -> None:
    tame, hostile = (page.Page(PAGES[name]) for name in ("full", "hostile"))

    def shape(parsed: page.Page) -> list[str]:
        return [tag for tag, _, _ in parsed.elements if tag not in {"wbr", "br"}]

    assert shape(hostile) == shape(tame)
    assert "\x1b" not in PAGES["hostile"]
    assert "\u202e" not in PAGES["hostile"]


def test_what_was_not_measured_is_not_green() -> None:
    gates = (Gate("energy_mj", 2.0, None, "mJ", None),)
    shown = render_html(dataclasses.replace(sample.full(), gates=gates))
    assert 'class="verdict open"' in shown
    assert "1 gate, none of them measured." in shown.lower()
    assert 'class="state open"' in shown


def test_a_wrong_answer_is_red_though_every_gate_is_kept() -> None:
    found = sample.measurement()
    wrong = dataclasses.replace(found.parity, passed=False, first_difference="sample 0, output y is 3")
    report = dataclasses.replace(sample.full(), measurements=(dataclasses.replace(found, parity=wrong),))
    assert not report.passed
    assert 'class="verdict bad"' in render_html(report)


def test_numbers_of_the_report_are_on_the_page() -> None:
    accuracy = ("75.24 %", "−0.14 points (−0.48 to +0.20)", "5,000 evaluation samples")
    for words in (*accuracy, "97 KiB", "31 %", "not measured"):
        assert words in PAGES["full"], words


@pytest.mark.parametrize("sqnr", [None, -3.0, 0.0, 200.0])
def test_layers_of_any_error_are_drawn_inside_the_chart(sqnr: float | None) -> None:
    rows = (LayerRow("a", "ADD", sqnr), LayerRow("b", "ADD", 30.0))
    shown = render_html(dataclasses.replace(sample.full(), layers=rows, arena=None))
    assert page.problems(shown) == []
    heights = [float(h) for h in re.findall(r'<rect x="[^"]*" y="[^"]*" width="[^"]*" height="([^"]*)"', shown)]
    assert all(0 <= h <= 151 for h in heights)


def test_the_same_report_gives_the_same_page() -> None:
    assert render_html(sample.full()) == PAGES["full"]


def test_a_page_is_small() -> None:
    many: Report = dataclasses.replace(sample.full(), layers=sample.layers(300))
    assert len(render_html(many).encode()) < 400_000


def test_an_emulated_device_is_named_so_wherever_its_times_are() -> None:
    shown = PAGES["emulated"]
    assert shown.count("mulated") >= 2
    assert "Emulated (qemu-user aarch64 on x86_64): these times and this energy are not those of a device." in shown
    assert "p90 340 µs on local (emulated)" in shown
    assert "mulated" not in PAGES["full"]
    one = sample.index().entries[0]
    report = dataclasses.replace(one.report, measurements=(sample.emulated(),))
    assert "340 µs on local (emulated)" in render_index(Index("x", (dataclasses.replace(one, report=report),)))


def test_the_page_says_placement_throttling_noise_and_power() -> None:
    shown = PAGES["emulated"]
    for words in ("Placement: XNNPACK took 4 of 10 operators", "1,500 to 2,400", "51.5 °C", "soft temperature limit"):
        assert words in shown
    for words in (
        "waited for a core 3.1 %",
        "VDD_CORE 2.10 W",
        "0.812 mJ per inference",
        "3 launches",
        "top-1 accuracy",
    ):
        assert words in shown
