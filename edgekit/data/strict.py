"""Tables of TOML or JSON into frozen dataclasses, and back: an unknown key is an error that names the known ones."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from edgekit.core.errors import DatasetError

T = TypeVar("T")
_NAMES: dict[type, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def read_table(cls: type[T], table: Mapping[str, object], where: str) -> T:
    """An instance of the dataclass `cls` from `table`; `where` names the place in messages. Raises DatasetError."""
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    reject_unknown(table, tuple(fields), where)
    hints = typing.get_type_hints(cls)
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in table:
            raise DatasetError(f"{where} lacks the key {name!r}")
    return cls(**{name: _value(hints[name], value, f"{where}: {name}") for name, value in table.items()})


def reject_unknown(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    """Raises DatasetError when `table` has a key that is not among `known`."""
    for key in table:
        if key not in known:
            raise DatasetError(f"{where} has an unknown key {key!r}", f"known: {', '.join(known)}")


def write_table(instance: object) -> dict[str, object]:
    """The JSON-able table of a dataclass: enums by value, tuples as lists."""
    return {f.name: _plain(getattr(instance, f.name)) for f in dataclasses.fields(instance)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _value(kind: Any, value: object, where: str) -> object:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _value(typing.get_args(kind)[0], value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise DatasetError(f"{where} must be a list, not {value!r}")
        return tuple(_value(typing.get_args(kind)[0], item, where) for item in value)
    if issubclass(kind, enum.Enum):
        return _choice(kind, value, where)
    return _scalar(kind, value, where)


def _choice(kind: type[enum.Enum], value: object, where: str) -> enum.Enum:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(item.value) for item in kind)
        raise DatasetError(f"{where} is {value!r}", f"known: {known}") from None


def _scalar(kind: type, value: object, where: str) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise DatasetError(f"{where} must be {_NAMES[kind]}, not {value!r}")
    return value
