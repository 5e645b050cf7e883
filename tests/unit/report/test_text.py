"""The terminal's report, word for word."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgekit.measure.ratio import Verdict, Versus
from edgekit.report.model import Entry, Index
from edgekit.report.text import (
    columns_of,
    render_measurement,
    render_targets,
    render_text,
    render_versus,
    safe,
    shortened,
)
from tests.unit.report import sample

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def test_full_report() -> None:
    assert render_text(sample.full()) + "\n" == (GOLDEN / "report_full.txt").read_text(encoding="utf-8")


def test_emulated_measurement() -> None:
    shown = render_measurement(sample.emulated(), ())
    assert shown + "\n" == (GOLDEN / "report_emulated.txt").read_text(encoding="utf-8")


def test_measurement() -> None:
    shown = render_measurement(sample.measurement(), sample.full().gates)
    assert shown + "\n" == (GOLDEN / "report_measurement.txt").read_text(encoding="utf-8")


def test_targets() -> None:
    assert render_targets(sample.index()) + "\n" == (GOLDEN / "report_targets.txt").read_text(encoding="utf-8")


def test_least_report() -> None:
    assert render_text(sample.empty()) == (
        "tiny\nno budget was set, so nothing was gated\n\nsize  100 B → 100 B, 100 % of the original"
    )


def test_the_parts_of_a_microcontrollers_bundle() -> None:
    report = dataclasses.replace(sample.full(), parts=sample.parts())
    assert (
        "\n\ntflm/ for TensorFlow Lite Micro\narena  24 KiB at most\n\n"
        "c/ for edgekit C\nnote  The bundle has no c/: No C is generated for <b>CUMSUM</b>.\n\n"
    ) in render_text(report)
    name = report.target.name
    index = Index("two", (Entry(report, "a/report.html"), Entry(sample.full(), "b/report.html")))
    assert render_targets(index).endswith(f"\n{name}  The bundle has no c/: No C is generated for <b>CUMSUM</b>.")


def test_colour_only_where_it_is_told() -> None:
    plain, coloured = render_text(sample.failing()), render_text(sample.failing(), colour=True)
    assert "\x1b" not in plain
    assert "\x1b[31mfail\x1b[0m" in coloured


def test_columns_stay_aligned_in_colour() -> None:
    plain, coloured = render_text(sample.full()), render_text(sample.full(), colour=True)
    assert [columns_of(line) for line in coloured.splitlines()] == [columns_of(line) for line in plain.splitlines()]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_sentences_are_wrapped(width: int) -> None:
    shown = render_text(sample.full(), width=width)
    sentences = shown.partition("most error")[0]
    assert max(map(columns_of, sentences.splitlines())) <= width


def test_a_hostile_name_moves_no_cursor() -> None:
    assert "\x1b" not in render_text(sample.hostile())
    assert safe("a\x1b[2J\r\nb\u202ec") == "a\ufffd[2J\ufffd\ufffdb\ufffdc"


def test_long_names_keep_their_end() -> None:
    assert shortened("model/" + "x" * 60 + "/conv_7", 12) == "…xxxx/conv_7"
    assert len(shortened("x" * 99)) == 44


def test_a_comparison_without_a_verdict() -> None:
    emulated = sample.emulated().conditions
    found = Versus(
        "local", "aa", "bb", 0.998, 0.994, 1.003, Verdict.UNDECIDED, 320.5, 321.0, 40, "in turns", emulated, "words"
    )
    assert render_versus(found).splitlines() == [
        "device     local, Raspberry Pi 5 Model B Rev 1.0",
        "           emulated (qemu-user aarch64 on x86_64): these times and this energy are not those of a",
        "           device",
        "A          median 320 µs",
        "B          median 321 µs",
        "A / B      0.998, 0.994 to 1.003 (95 %)",
        "verdict    no verdict, for the interval holds 1",
        "how        40 blocks: in turns",
        "throttled  before the runs no, after them now: soft temperature limit",
    ]
