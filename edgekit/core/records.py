"""Frozen dataclasses to JSON and back, strictly: the dataclass is the schema.

Pure. JSON has no infinity and no NaN: such numbers travel as the strings "Infinity", "-Infinity" and "NaN",
which `float()` of Python and `Number()` of JavaScript read.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from edgekit.core.errors import ModelError

T = TypeVar("T")
JsonObject = Mapping[str, Any]
"""A JSON object whose meaning belongs to another room."""

_SPECIAL = ("Infinity", "-Infinity", "NaN")
_PLAIN = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def to_record(value: object) -> Any:
    """`value` as dicts, lists and plain JSON values; fields in the order of the class."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_record(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_record(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_record(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_record(kind: type[T], record: object, where: str) -> T:
    """The `kind` that `to_record` made `record` from.

    Raises ModelError for a missing, unknown or ill-typed field; `where` is what the error calls the record.
    """
    return cast(T, _read(kind, record, where))


def canonical_json(record: object) -> bytes:
    """One byte string for each value: sorted keys, no spaces, UTF-8. What hashes are taken of."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _read(kind: Any, record: object, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(cast(type, kind), record, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _read_optional(arguments, record, where)
    if origin is tuple:
        return tuple(_read(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(_list(record, where)))
    if origin is not None and issubclass(origin, Mapping):
        value = arguments[1]
        return {key: _read(value, item, f"{where}.{key}") for key, item in _object(record, where).items()}
    if kind is Any:
        return record
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _read_enum(kind, record, where)
    return _read_plain(kind, record, where)


def _read_dataclass(kind: type, record: object, where: str) -> Any:
    record = _object(record, where)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for name in record:
        if name not in fields:
            raise ModelError(f"{where}: unknown field {name!r}", f"known: {', '.join(fields)}")
    for name in fields:
        if name not in record:
            raise ModelError(f"{where}: the field {name!r} is missing")
    hints = typing.get_type_hints(kind)
    return kind(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in record.items()})


def _read_optional(arguments: tuple[Any, ...], record: object, where: str) -> Any:
    """A value or None: the only union that records use."""
    if record is None and type(None) in arguments:
        return None
    (kind,) = (a for a in arguments if a is not type(None))
    return _read(kind, record, where)


def _read_enum(kind: type[enum.Enum], record: object, where: str) -> enum.Enum:
    for member in kind:
        if member.value == record and type(member.value) is type(record):
            return member
    raise ModelError(f"{where}: {record!r} is none of {', '.join(str(m.value) for m in kind)}")


def _read_plain(kind: Any, record: object, where: str) -> Any:
    if kind is float and isinstance(record, str) and record in _SPECIAL:
        return float(record)
    if kind is float and type(record) in (int, float):
        if abs(cast(float, record)) <= sys.float_info.max:
            return float(cast(float, record))
    elif type(record) is kind:
        return record
    raise ModelError(f"{where}: {_PLAIN[kind]} is needed, not {_shown(record)}")


def _object(record: object, where: str) -> Mapping[str, object]:
    if not isinstance(record, Mapping):
        raise ModelError(f"{where}: an object is needed, not {_shown(record)}")
    return record


def _list(record: object, where: str) -> list[object]:
    if not isinstance(record, list):
        raise ModelError(f"{where}: a list is needed, not {_shown(record)}")
    return record


def _shown(record: object) -> str:
    return repr(record)[:60]
