"""How long work tells of itself. Who shows it (a terminal, nobody) is decided at the edge, in `cli/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Where work reports to. One bar at a time."""

    def start(self, label: str, total: int | None) -> None:
        """A piece of work begins; `total` steps, or None where that is not known."""

    def advance(self, steps: int = 1) -> None:
        """`steps` more are done."""

    def finish(self) -> None:
        """The piece of work that was begun last has ended."""


class Silent:
    """A Progress that shows nothing."""

    def start(self, label: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass

    def finish(self) -> None:
        pass


def tracked(items: Iterable[T], label: str, total: int | None, progress: Progress) -> Iterator[T]:
    """`items`, with each one reported to `progress` when it is done."""
    progress.start(label, total)
    try:
        for item in items:
            yield item
            progress.advance()
    finally:
        progress.finish()
