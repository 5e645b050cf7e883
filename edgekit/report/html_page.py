"""The frame of every page: its head, the skip link, the landmarks; and the signs of verdicts."""

from __future__ import annotations

from pathlib import Path

from edgekit.report.markup import Html, element, paragraph
from edgekit.report.model import Report

_STYLE = Path(__file__).with_name("style.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

VERDICT_MARKS = {
    "pass": ("✓", "good"),
    "fail": ("✕", "bad"),
    "not measured": ("?", "open"),
    "not judged": ("?", "open"),
}
"""Verdict of a gate -> its sign and its colour's name in the style sheet."""


def is_open(report: Report) -> bool:
    """Whether something was left unmeasured, so that a report without a failure is still not a pass."""
    return not report.gates or bool(report.unmeasured)


def render_page(title: str, header: Html, body: Html) -> str:
    """A whole page: the browser may load nothing and run nothing."""
    head = element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", {}, title),
        element("style", {}, Html(_STYLE.read_text(encoding="utf-8"))),
    )
    skip = element("a", {"class": "skip", "href": "#content"}, "Skip to the content")
    main = element("main", {"id": "content"}, body)
    footer = element("footer", {}, paragraph("Made by edgekit. This file needs no network."))
    return "<!doctype html>\n" + element("html", {"lang": "en"}, head, element("body", {}, skip, header, main, footer))
