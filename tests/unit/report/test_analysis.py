"""The views of an analysis: text word for word, and a page that keeps the rules."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from edgekit.report.analysis_text import render_analysis
from edgekit.report.analysis_words import shown_name
from edgekit.report.html_analysis import render_analysis_html
from tests.unit.report import page, sample_analysis

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
PAGES = {
    "ordinary": render_analysis_html(sample_analysis.ordinary(), "net.tflite on raspberry-pi-4"),
    "least": render_analysis_html(sample_analysis.least(), "y.tflite"),
    "hostile": render_analysis_html(sample_analysis.hostile(), "net.tflite on raspberry-pi-4"),
    "many": render_analysis_html(sample_analysis.many(150), "many"),
}


def test_text() -> None:
    shown = render_analysis(sample_analysis.ordinary(), "net.tflite on raspberry-pi-4")
    assert shown + "\n" == (GOLDEN / "report_analysis.txt").read_text(encoding="utf-8")


def test_least_text() -> None:
    shown = render_analysis(sample_analysis.least(), "y.tflite")
    assert shown.startswith("y.tflite\n1 layer with weights, 1 samples\n")
    assert "hurts most" not in shown


def test_a_hostile_name_moves_no_cursor() -> None:
    assert "\x1b" not in render_analysis(sample_analysis.hostile(), "\x1b[2J")


@pytest.mark.parametrize("name", PAGES)
def test_page_keeps_the_rules(name: str) -> None:
    assert page.problems(PAGES[name]) == []


def test_a_hostile_model_changes_no_element() -> None:
    shapes = [[tag for tag, _, _ in page.Page(PAGES[n]).elements if tag != "wbr"] for n in ("ordinary", "hostile")]
    assert len(shapes[0]) + shapes[1].count("li") == len(shapes[1]) + shapes[0].count("li")  # it has more to tell
    assert "script" not in shapes[1]
    assert "\x1b" not in PAGES["hostile"]


def test_every_choice_of_every_layer_is_a_point() -> None:
    points = re.findall(
        r'<use href="#(bits|cuts)-chart-\w+" x="[^"]*" y="[^"]*" class="[^"]*"><title>([^<]*)', PAGES["ordinary"]
    )
    bits = [words for chart, words in points if chart == "bits"]
    assert len(bits) == 11  # four for each layer, but no int4 for the table
    assert len([words for chart, words in points if chart == "cuts"]) == 6  # the table saves no MACs
    assert "layer 1 stem, int4: 14.0 dB, 0.9 % saved" in bits


def test_points_and_labels_are_inside_the_picture() -> None:
    for name in ("ordinary", "many"):
        places = re.findall(r'<use [^>]*x="([\d.]+)%" y="([\d.]+)"', PAGES[name])
        assert places and all(0 <= float(x) <= 100 and 0 <= float(y) <= 346 for x, y in places)


def test_labels_do_not_touch() -> None:
    for chart in re.findall(r"<svg.*?</svg>", PAGES["many"], re.DOTALL):
        found = re.findall(r'<text x="([\d.]+)%" dx="(-?[\d.]+)" y="([\d.]+)" [^>]*class="label"', chart)
        spots = [(float(x) * 7.8 + float(dx), float(y)) for x, dx, y in found]
        assert 0 < len(spots) <= 12
        for (a, b), (c, d) in itertools.combinations(spots, 2):
            assert abs(a - c) > 17 or abs(b - d) > 12


def test_numbers_are_on_the_page() -> None:
    for words in ("38.2", "Hurts most as int8", "3 of 16 in", "this runtime has no GATHER for int4", "forward passes"):
        assert words in PAGES["ordinary"], words


def test_a_page_of_many_layers_is_bounded() -> None:
    assert len(PAGES["many"].encode()) < 600_000


def test_a_sentence_names_so_many_layers_and_counts_the_rest() -> None:
    shown = render_analysis(sample_analysis.many(150), "many").replace("\n      ", " ")
    assert "output of layer 10 0.25 %, and 280 more." in shown


def test_names_that_a_converter_joined_are_shown_short() -> None:
    assert shown_name(sample_analysis.layer("a/b;c/d")) == "a/b"
    assert shown_name(sample_analysis.layer(";x")) == "x"
    assert shown_name(sample_analysis.layer("y" * 50)) == "…" + "y" * 39
