"""Records: strict in both directions."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from edgekit.core.errors import ModelError
from edgekit.core.records import JsonObject, canonical_json, from_record, to_record


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    number: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    count: int
    on: bool
    inner: Inner | None
    many: tuple[Inner, ...]
    table: Mapping[str, float]
    free: JsonObject


VALUE = Outer("n", 3, True, None, (Inner(0.1, Colour.RED),), {"a": 1.5}, {"deep": [1, {"x": None}]})


def test_a_round_trip_through_json_text() -> None:
    assert from_record(Outer, json.loads(json.dumps(to_record(VALUE))), "here") == VALUE


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_infinity_survives(number: float) -> None:
    text = json.dumps(to_record(Inner(number, Colour.RED)), allow_nan=False)
    assert from_record(Inner, json.loads(text), "here").number == number


def test_not_a_number_survives() -> None:
    assert math.isnan(from_record(Inner, to_record(Inner(math.nan, Colour.RED)), "here").number)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("count", 3.0, "here.count: a whole number is needed, not 3.0"),
        ("count", True, "here.count: a whole number is needed, not True"),
        ("name", None, "here.name: a text is needed, not None"),
        ("on", 1, "here.on: true or false is needed, not 1"),
        ("many", {}, "here.many: a list is needed, not {}"),
        ("many", [{"number": 1, "colour": "blue"}], "here.many[0].colour: 'blue' is none of red"),
        ("table", {"a": "1"}, "here.table.a: a number is needed, not '1'"),
        ("inner", 3, "here.inner: an object is needed, not 3"),
        ("free", [], "here.free: an object is needed, not []"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        from_record(Outer, {**to_record(VALUE), field: value}, "here")
    assert caught.value.message == message


def test_unknown_and_missing_fields_are_named() -> None:
    record = to_record(VALUE)
    with pytest.raises(ModelError, match="here: unknown field 'colour'"):
        from_record(Outer, {**record, "colour": "red"}, "here")
    del record["count"]
    with pytest.raises(ModelError, match="here: the field 'count' is missing"):
        from_record(Outer, record, "here")


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes has no JSON form"):
        to_record({"a": b""})


def test_canonical_json_does_not_depend_on_order() -> None:
    assert canonical_json({"b": 1, "a": "ä"}) == canonical_json({"a": "ä", "b": 1}) == '{"a":"ä","b":1}'.encode()
