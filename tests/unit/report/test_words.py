"""Numbers in words."""

from __future__ import annotations

import dataclasses

import pytest

from edgekit.report.chart import ticks
from edgekit.report.model import Score, Size
from edgekit.report.words import certainty_words, fixed, number, percent, signed, size_words, verdict_words
from tests.unit.report import sample


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (0.33401, "0.334"), (-2.0, "−2"), (12345.6, "12,346"), (8.3e-7, "8.3e-07"), (96.9375, "96.94")],
)
def test_number(value: float | None, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(("value", "words"), [(-0.001, "±0.00"), (0.2, "+0.20"), (-0.14, "−0.14"), (0, "±0.00")])
def test_signed(value: float, words: str) -> None:
    assert signed(value) == words


def test_fixed_has_no_negative_zero() -> None:
    assert fixed(-0.0004, 3) == "0.000"


def test_percent() -> None:
    assert (percent(1, 3), percent(1, 30), percent(1, 0)) == ("33 %", "3.3 %", "–")
    assert size_words(Size(318_136, 99_264)) == "311 KiB → 97 KiB, 31 % of the original"


@pytest.mark.parametrize(
    ("score", "higher", "words"),
    [
        (Score(-0.1, -0.5, 0.2), True, "show no difference"),
        (Score(-1.0, -1.5, -0.2), True, "is worse"),
        (Score(1.0, 0.5, 1.2), True, "is better"),
        (Score(1.0, 0.5, 1.2), False, "is worse"),
        (Score(1.0), True, "No interval"),
    ],
)
def test_certainty(score: Score, higher: bool, words: str) -> None:
    accuracy = sample.full().accuracy
    assert accuracy is not None
    assert words in certainty_words(dataclasses.replace(accuracy, difference=score, higher_is_better=higher))


def test_verdicts() -> None:
    assert verdict_words(sample.full()) == "3 gates kept, 1 not measured"
    assert verdict_words(sample.failing()) == "1 of 5 gates broken"
    assert verdict_words(sample.empty()) == "no budget was set, so nothing was gated"


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 48, 4) == (0, 20, 40)
    assert ticks(3, 3) == (3,)
    assert all(73.2 <= t <= 77.1 for t in ticks(73.2, 77.1))
