"""The report as JSON: one versioned schema, the names of the report's own fields."""

from __future__ import annotations

import json
from typing import Any

from edgekit.core.errors import ModelError, UsageError
from edgekit.core.records import from_record, to_record
from edgekit.report.model import Report

SCHEMA = 2


def report_to_json(report: Report) -> dict[str, Any]:
    """The report as JSON-able values; `passed` and each gate's `verdict` are written out for other readers."""
    record = to_record(report)
    for gate, written in zip(report.gates, record["gates"], strict=True):
        written["verdict"] = gate.verdict
    return {"schema": SCHEMA, "passed": report.passed, **record}


def report_from_json(record: object) -> Report:
    """The inverse of `report_to_json`. Raises UsageError where `record` is not a report of this schema."""
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise UsageError(f"this is not a report of schema {SCHEMA}", "build again to get one")
    plain = {k: v for k, v in record.items() if k not in {"schema", "passed"}}
    if isinstance(gates := plain.get("gates"), list):
        plain["gates"] = [{k: v for k, v in g.items() if k != "verdict"} if isinstance(g, dict) else g for g in gates]
    try:
        return from_record(Report, plain, "report")
    except ModelError as error:
        raise UsageError(f"the report cannot be read: {error.message}", "build again to get one") from error


def render_json(report: Report) -> str:
    """The text of the JSON file."""
    return json.dumps(report_to_json(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
