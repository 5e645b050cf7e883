"""Named things that are loaded when they are asked for.

A registry is a table `name -> ("module:attribute", "one-line summary")`, so that lists and help
import nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast

from edgekit.core.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """An ordered table of things of one kind.

    Args:
        kind: what the things are called in messages, such as `"importer"`.
        rows: name -> (`"package.module:attribute"`, summary).
    """

    def __init__(self, kind: str, rows: Mapping[str, tuple[str, str]]) -> None:
        self.kind = kind
        self._rows = dict(rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def summary(self, name: str) -> str:
        """The one-line summary of `name`."""
        return self._row(name)[1]

    def load(self, name: str) -> T:
        """Import and return the thing called `name`. Raises UsageError for an unknown name."""
        module, _, attribute = self._row(name)[0].partition(":")
        return cast(T, getattr(importlib.import_module(module), attribute))

    def _row(self, name: str) -> tuple[str, str]:
        try:
            return self._rows[name]
        except KeyError:
            known = ", ".join(self._rows)
            raise UsageError(f"there is no {self.kind} called {name!r}", f"known: {known}") from None
