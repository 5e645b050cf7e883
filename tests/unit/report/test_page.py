"""The checker sees what it is there to see."""

from __future__ import annotations

import pytest

from edgekit.report.html import render_html
from tests.unit.report import sample
from tests.unit.report.page import contrast, problems

GOOD = render_html(sample.full())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<html lang="en">', "<html>"),
        ("<caption>Each budget and the number it was held against</caption>", ""),
        ('<th scope="col">Budget', "<th>Budget"),
        ('<h2 id="size">Size</h2>', '<h4 id="size">Size</h4>'),
        ('id="accuracy"', 'id="size"'),
        ('role="img"', 'role="none"'),
        ("</main>", '<img src="http://example.org/x.png"></main>'),
        ("</main>", "<script>1</script></main>"),
        ("</main>", '<p onclick="x">a</p></main>'),
        ("</main>", "</section></main>"),
        ("font-size: 12px", "background: url(x)"),
        ('href="#content"', 'href="#elsewhere"'),
    ],
)
def test_damage_is_noticed(old: str, new: str) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new, 1)) != []


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
