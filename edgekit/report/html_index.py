"""The page that compares the bundles of one build."""

from __future__ import annotations

from edgekit.core.units import format_bytes
from edgekit.report.device_words import p90_words
from edgekit.report.html_page import VERDICT_MARKS, is_open, render_page
from edgekit.report.markup import Column, Html, element, icon, join, scroll, section, table, titled
from edgekit.report.model import Index, Report
from edgekit.report.words import NO_VALUE, fixed, interval_words, verdict_words


def render_index(index: Index) -> str:
    """The page that compares the bundles of one build, with a link to each one's own page."""
    return render_page(index.title, _index_header(index), _index_table(index))


def _index_header(index: Index) -> Html:
    count = len(index.entries)
    words = f"{count} bundle{'' if count == 1 else 's'} of one build"
    return element("header", {}, element("h1", {}, index.title), element("p", {"class": "under"}, words))


def _index_table(index: Index) -> Html:
    columns = (
        Column("Target"),
        Column("Size", True),
        Column("Accuracy", True),
        Column("p90", True),
    )
    rows = [
        (
            join([element("a", {"href": entry.link}, entry.report.target.title), _index_verdict(entry.report)]),
            format_bytes(entry.report.size.after_bytes),
            _index_accuracy(entry.report),
            p90_words(entry.report.measurements),
        )
        for entry in index.entries
    ]
    caption = "The same model, built for each target; p90 is the 90th percentile of the latency"
    return section("targets", "Targets", scroll("Table of targets", table(caption, columns, rows)))


def _index_accuracy(report: Report) -> str:
    accuracy = report.accuracy
    if accuracy is None:
        return NO_VALUE
    return titled(f"{fixed(accuracy.after.value)} {accuracy.unit}".strip(), interval_words(accuracy.after))


def _index_verdict(report: Report) -> Html:
    name = "fail" if not report.passed else "not measured" if is_open(report) else "pass"
    mark, look = VERDICT_MARKS[name]
    return element("span", {"class": f"below {look}"}, icon(mark), f"\N{NO-BREAK SPACE}{verdict_words(report)}")
