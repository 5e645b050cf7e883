"""A TOML table that is read strictly: every key is known, of the right type, and named in errors with its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from edgekit.core.errors import UsageError
from edgekit.core.units import parse_bytes


class Table:
    """One table of a file.

    Args:
        file: what errors call the file.
        path: where the table stands in the file, such as `"cpu"`; empty for the file itself.
        values: what `tomllib` read.
        known: every key that may stand here.
    """

    def __init__(self, file: str, path: str, values: Mapping[str, object], known: tuple[str, ...]) -> None:
        self.file = file
        self._path = path
        self._values = values
        for key in values:
            if key not in known:
                raise UsageError(f"{file}: unknown key {self._name(key)!r}", f"known here: {', '.join(known)}")

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty string; without `default` it must be there. Raises UsageError."""
        value = self._values.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise self._wrong(key, "a text")
        return value

    def integer(self, key: str) -> int:
        """A positive whole number. Raises UsageError."""
        value = self._values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._wrong(key, "a positive whole number")
        return value

    def number(self, key: str) -> float | None:
        """A number, or None when the key is not there. Raises UsageError."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(key, "a number")
        return float(value)

    def size(self, key: str) -> int | None:
        """Bytes from a text such as `"520 KiB"`, or None when the key is not there. Raises UsageError."""
        if key not in self._values:
            return None
        try:
            return parse_bytes(self.text(key))
        except ValueError:
            raise self._wrong(key, "a size such as '520 KiB' or '4 GiB'") from None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when the key is not there. Raises UsageError."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts")
        return tuple(value)

    def table(self, key: str, known: tuple[str, ...]) -> Table:
        """The table below `key`; empty when it is not there. Raises UsageError."""
        return Table(self.file, self._name(key), self._mapping(key), known)

    def tables(self, key: str, known: tuple[str, ...]) -> tuple[Table, ...]:
        """The list of tables below `key`; empty when it is not there. Raises UsageError."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(key, "a list of tables")
        return tuple(Table(self.file, f"{self._name(key)}[{i}]", item, known) for i, item in enumerate(value))

    def items(self) -> dict[str, str]:
        """All keys with their texts, in the file's order. Raises UsageError."""
        return {key: self.text(key) for key in self._values}

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def _mapping(self, key: str) -> Mapping[str, object]:
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, "a table")
        return cast(Mapping[str, object], value)

    def _name(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _wrong(self, key: str, wanted: str) -> UsageError:
        if key not in self._values:
            return UsageError(f"{self.file}: {self._name(key)} is missing; it is {wanted}")
        return UsageError(f"{self.file}: {self._name(key)} is {self._values[key]!r}; it must be {wanted}")
