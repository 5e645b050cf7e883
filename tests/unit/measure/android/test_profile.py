"""The operator profile of benchmark_model, as CSV and as the table on its stdout."""

from __future__ import annotations

import pytest

from edgekit.core.errors import DeviceError
from edgekit.measure.android_profile import Place, Row, parse_profile
from tests.unit.measure.android import shapes


def test_csv() -> None:
    assert parse_profile(shapes.CSV, "adb:X") == (
        Row(Place.INITIAL, "ModifyGraphWithDelegate", 9100, "ModifyGraphWithDelegate/0", None),
        Row(Place.INITIAL, "AllocateTensors", 400, "AllocateTensors/0", None),
        Row(Place.MAIN, "TfLiteXNNPackDelegate", 240, "[conv:0, with, commas]", 4),
        Row(Place.MAIN, "SOFTMAX", 60, "[y]", 3),
        Row(Place.INSIDE, "DelegateOpInvoke", 150, "Delegate/Convolution (NHWC, QS8, QC8W) IGEMM", 0),
        Row(Place.INSIDE, "DelegateOpInvoke", 90, "Delegate/Fully Connected (NC, QS8, QC8W) GEMM", 1),
    )


def test_csv_without_the_column_start() -> None:
    text = shapes.CSV.replace("node type, start, first", "node type, first")
    for kind in ("ModifyGraphWithDelegate", "AllocateTensors", "TfLiteXNNPackDelegate", "SOFTMAX", "DelegateOpInvoke"):
        for start in ("0", "9.2", "0.24", "0.15"):
            text = text.replace(f"{kind}, {start}, ", f"{kind}, ")
    assert [row.time_us for row in parse_profile(text, "adb:X")] == [9100, 400, 240, 60, 150, 90]


def test_table() -> None:
    assert parse_profile(shapes.TABLE, "adb:X") == (
        Row(Place.MAIN, "CONV_2D", 4269, "[conv/Relu6]", 0),
        Row(Place.MAIN, "TANH", 1067, "[y]", 1),
    )


def test_table_of_the_v2_tool() -> None:
    rows = parse_profile(shapes.V2_TABLE, "adb:X")
    assert [(row.kind, row.time_us, row.index) for row in rows] == [
        ("LiteRT::Run[buffer registration]", 14, None),
        ("Fully Connected (NC, PF32) GEMM", 382, 1),
    ]


def test_subgraphs_are_apart() -> None:
    body = shapes.TABLE.partition("Runs:\n")[2]
    text = f"{shapes.TABLE.partition(chr(10))[0]}\nPrimary graph (name: main) profile:\n{body}"
    text += f"Subgraph (index: 1, name: while_body) profile:\n{body}"
    assert [row.place for row in parse_profile(text, "adb:X")] == [
        Place.MAIN,
        Place.MAIN,
        Place.SUBGRAPH,
        Place.SUBGRAPH,
    ]


@pytest.mark.parametrize("text", [shapes.CSV, shapes.TABLE])
def test_a_profile_that_is_cut_off_is_whole_or_an_error(text: str) -> None:
    whole = {len(parse_profile(text, "adb:X"))}
    for end in range(0, len(text), 7):
        try:
            rows = parse_profile(text[:end], "adb:X")
        except DeviceError as error:
            assert error.message.startswith("adb:X: the operator profile of benchmark_model ")
        else:
            # The parts are separate files' worth: without the last one, the delegate's kernels, the nodes are there.
            whole.add(len(rows))
    assert whole <= {len(parse_profile(text, "adb:X")), 4}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("node type, start, first", "kind, start, first", "has columns that are not known"),
        ("SOFTMAX, 0.24, 0.07", "SOFTMAX, 0.24", r"is damaged at the row 'SOFTMAX"),
        ("0.06, 20%, 100%, 0, 1, [y]:3", "nan, 20%, 100%, 0, 1, [y]:3", r"is damaged at the row 'SOFTMAX"),
        ("SOFTMAX, 0.24, 0.07, 0.06, 20%, 100%, 0, 1, [y]:3\n\n=", "\n=", "lists 1 of 2 nodes in the main graph part"),
        ("Operator-wise Profiling Info for Regular", "Info for", "cut off|has no rows for the runs"),
    ],
)
def test_damage_is_named(old: str, new: str, said: str) -> None:
    assert old in shapes.CSV
    with pytest.raises(DeviceError, match=said):
        parse_profile(shapes.CSV.replace(old, new), "adb:X")
