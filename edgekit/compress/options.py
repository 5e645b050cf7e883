"""A step's frozen options dataclass is the one definition that recipes, `--set`, reports and docs read."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from edgekit.core.errors import UsageError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """One option as docs show it: dotted name, allowed values, default, meaning."""

    name: str
    values: str
    default: str
    meaning: str


def read_options(cls: type[T], mapping: Mapping[str, object], where: str) -> T:
    """An options object from plain values, as recipes and `--set` hold them.

    Enums are read by value, tuples from lists or comma-separated text, pairs from tables. Raises UsageError for an
    unknown key (naming the known ones) and for a value of the wrong kind; `where` starts both sentences.
    """
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cast(Any, cls))]
    for key in mapping:
        if key not in known:
            raise UsageError(f"{where}: unknown option {key!r}{near(key, known)}", f"known: {', '.join(known)}")
    values = {k: _read(hints[k], v, f"{where}.{k}") for k, v in mapping.items()}
    try:
        return cls(**values)
    except ValueError as error:  # an options class refuses values that do not go together
        raise UsageError(f"{where}: {error}") from error


def write_options(options: object) -> dict[str, object]:
    """The plain values of an options object, such that `read_options` gives it back."""
    return {f.name: _write(getattr(options, f.name)) for f in dataclasses.fields(cast(Any, options))}


def describe(cls: type[object], prefix: str = "") -> tuple[Described, ...]:
    """Every option of a class, nested ones under dotted names, in the order of the fields.

    The meaning of a field is the text in its `Annotated[type, "meaning"]`.
    """
    hints = typing.get_type_hints(cls)
    meanings = typing.get_type_hints(cls, include_extras=True)
    rows: list[Described] = []
    for field in dataclasses.fields(cast(Any, cls)):
        name = f"{prefix}{field.name}"
        if dataclasses.is_dataclass(hints[field.name]):
            rows += describe(hints[field.name], f"{name}.")
        else:
            meaning = getattr(meanings[field.name], "__metadata__", ("",))[0]
            rows.append(Described(name, _values(hints[field.name]), _shown(_write(field.default)), meaning))
    return tuple(rows)


def near(name: str, known: typing.Iterable[str]) -> str:
    """`"; did you mean …?"` when something known is spelled alike, else nothing."""
    alike = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(alike)}?" if alike else ""


def _read(hint: Any, value: object, where: str) -> object:
    if dataclasses.is_dataclass(hint):
        return read_options(cast(type[object], hint), _table(value, where), where)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _read_enum(hint, value, where)
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _read_tuple(typing.get_args(hint)[0], value, where)
    if origin in (types.UnionType, typing.Union):
        inner = next(a for a in typing.get_args(hint) if a is not type(None))
        return None if value in (None, "none") else _read(inner, value, where)
    return _read_plain(hint, value, where)


def _read_enum(hint: type[enum.Enum], value: object, where: str) -> enum.Enum:
    for member in hint:
        if str(member.value).lower() == str(value).lower():
            return member
    known = [str(m.value) for m in hint]
    raise UsageError(f"{where}: {value!r} is not one of {', '.join(known)}{near(str(value), known)}")


def _read_tuple(item: Any, value: object, where: str) -> tuple[object, ...]:
    if dataclasses.is_dataclass(item):
        first, second = (f.name for f in dataclasses.fields(item))
        rows = [{first: k, second: v} for k, v in _table(value or {}, where).items()]
        return tuple(_read(item, row, where) for row in rows)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise UsageError(f"{where}: {value!r} is not a list")
    return tuple(_read(item, one, where) for one in value)


def _read_plain(hint: type[object], value: object, where: str) -> object:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{where}: {value} is not a number that means anything")
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise UsageError(f"{where}: {value!r} is not {_values(hint)}")


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: {value!r} is not a table of options")
    return value


def _write(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return write_options(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        if value and all(dataclasses.is_dataclass(v) for v in value):
            rows = (list(write_options(v).values()) for v in value)
            return {str(row[0]): row[1] for row in rows}
        return [_write(v) for v in value]
    return value


def _values(hint: Any) -> str:
    """What an option of this type takes, in words."""
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " | ".join(str(m.value) for m in hint)
    origin = typing.get_origin(hint)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        if dataclasses.is_dataclass(item):
            second = list(typing.get_type_hints(item).values())[1]
            return f"table of name = {_values(second)}"
        return f"list of {_values(item)}"
    if origin in (types.UnionType, typing.Union):
        inner = next(a for a in typing.get_args(hint) if a is not type(None))
        return f"{_values(inner)} or none"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[hint]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None or value in ([], {}) else str(value)
