"""The report as JSON, both ways."""

from __future__ import annotations

import copy
import json

import pytest

from edgekit.core.errors import UsageError
from edgekit.report.json import render_json, report_from_json, report_to_json
from edgekit.report.model import Report
from tests.unit.report import sample


@pytest.mark.parametrize("report", [sample.full(), sample.empty(), sample.failing(), sample.hostile()])
def test_both_ways(report: Report) -> None:
    assert report_from_json(json.loads(render_json(report))) == report


def test_readers_without_edgekit_find_the_verdicts() -> None:
    record = report_to_json(sample.failing())
    assert (record["schema"], record["passed"]) == (2, False)
    assert [g["verdict"] for g in record["gates"]] == ["fail", "pass", "pass", "not measured", "pass"]


@pytest.mark.parametrize("key", ["title", "size", "gates", "layers"])
def test_a_missing_field_is_named(key: str) -> None:
    record = report_to_json(sample.full())
    del record[key]
    with pytest.raises(UsageError, match=key):
        report_from_json(record)


def test_a_wrong_type_is_named_with_its_place() -> None:
    record = copy.deepcopy(report_to_json(sample.full()))
    record["layers"][3]["sqnr_db"] = "good"
    with pytest.raises(UsageError, match=r"layers\[3\].sqnr_db"):
        report_from_json(record)


@pytest.mark.parametrize("record", [None, [], {"schema": 99}, {}])
def test_what_is_no_report_is_refused(record: object) -> None:
    with pytest.raises(UsageError, match="not a report of schema 2"):
        report_from_json(record)
