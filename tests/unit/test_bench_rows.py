"""The rows of the compression benchmark: kept once, shown, and held against what was promised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.claims import Promise, Rows, lines, loss, smaller_than_int8
from bench.row import Row, RowFile, markdown
from edgekit.verify.intervals import Estimate

ROW = Row(
    "k1", "net", "edgekit", "int4", "top1", 100, Estimate(74.0, 70.0, 78.0), Estimate(-1.0, -2.0, 0.5), 95.0,
    size_bytes=50, float_bytes=200, compressed_bytes=40, macs=10, float_macs=10,
    latency_ratio=Estimate(0.5, 0.4, 0.6), latency_us=5.0, float_us=10.0, minutes=1.5,
)  # fmt: skip


def test_rows_come_back_from_their_file_and_a_second_writer_loses_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    first, second = RowFile.open(path), RowFile.open(path)
    first.put(ROW)
    second.put(replace(ROW, key="k2", recipe="int8"))
    assert set(RowFile.open(path).rows) == {"k1", "k2"}
    assert RowFile.open(path).rows["k1"] == ROW


def test_a_row_is_shown_with_its_intervals_or_with_why_it_has_none() -> None:
    assert "| 74.00 [70.00, 78.00] | -1.00 [-2.00, +0.50] | 95.0 | 50 (25 %) |" in markdown(ROW)
    assert markdown(Row("k", "net", "tool", "r", failure="it broke")).endswith("| none: it broke |")


def test_an_error_is_lost_relative_to_the_floats() -> None:
    assert loss(ROW) == -1.0
    worse = replace(ROW, metric="rmse", result=Estimate(11.0, 0.0, 0.0), difference=Estimate(1.0, 0.0, 0.0))
    assert loss(worse) == -10.0


def test_a_promise_names_what_is_too_much_and_what_was_not_measured() -> None:
    rows = Rows([ROW, replace(ROW, recipe="int8", size_bytes=60)])
    told = lines(Promise("p", ("net", "other"), ("int4",), 0.5, smaller_than_int8), rows)
    assert told[0] == "| p | 0 of 2 | | **not met** |"
    assert told[1].endswith("| 0.50 too much, 83 % of int8's bytes |")
    assert told[2] == "| | other | | not measured |"
    assert lines(Promise("p", ("net",), ("int4",), 1.0), rows)[0].endswith("| **met** |")


def test_of_several_recipes_the_first_that_was_measured_counts() -> None:
    better = replace(ROW, recipe="b", difference=Estimate(2.0, 1.0, 3.0))
    found = Rows([better, replace(ROW, recipe="a")]).first("net", ("missing", "a", "b"))
    assert found is not None
    assert found.recipe == "a"
