"""Frozen dataclasses to and from JSON, strictly: the dataclass is the schema."""

from __future__ import annotations

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")


class RecordError(ValueError):
    """JSON that is not what the dataclass says; names the place."""


def to_record(value: object) -> Any:
    """JSON-able form of a dataclass of plain values. A number that JSON cannot hold (NaN, infinity) becomes None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_record(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [to_record(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_record(kind: type[T], record: object, where: str = "record") -> T:
    """The dataclass `kind` from its JSON form; the inverse of `to_record`.

    Raises RecordError on a missing, unknown or wrongly typed field, naming it.
    """
    return cast(T, _decode(kind, record, where))


def _decode(kind: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(cast(type, kind), value, where)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _decode_optional(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise RecordError(f"{where}: a list is needed, not {_name(value)}")
        item = typing.get_args(kind)[0]
        return tuple(_decode(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _decode_enum(kind, value, where)
    return _decode_plain(kind, value, where)


def _decode_dataclass(kind: type, value: object, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise RecordError(f"{where}: an object is needed, not {_name(value)}")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(str(k) for k in value if k not in fields)
    missing = sorted(n for n, f in fields.items() if n not in value and f.default is dataclasses.MISSING)
    if unknown or missing:
        words = [f"unknown: {', '.join(unknown)}"] if unknown else []
        raise RecordError(f"{where}: " + "; ".join(words + ([f"missing: {', '.join(missing)}"] if missing else [])))
    hints = typing.get_type_hints(kind)
    return kind(**{name: _decode(hints[name], value[name], f"{where}.{name}") for name in value})


def _decode_optional(kind: Any, value: object, where: str) -> Any:
    choices = [k for k in typing.get_args(kind) if k is not type(None)]
    if value is None and len(choices) < len(typing.get_args(kind)):
        return None
    return _decode(choices[0], value, where)


def _decode_enum(kind: type[enum.Enum], value: object, where: str) -> enum.Enum:
    for member in kind:
        if member.value == value:
            return member
    raise RecordError(f"{where}: {value!r} is none of {', '.join(str(m.value) for m in kind)}")


def _decode_plain(kind: Any, value: object, where: str) -> Any:
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise RecordError(f"{where}: {getattr(kind, '__name__', kind)} is needed, not {_name(value)}")


def _name(value: object) -> str:
    return "null" if value is None else type(value).__name__
