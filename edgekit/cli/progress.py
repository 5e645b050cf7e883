"""Progress on a terminal: one bar for each piece of work that takes over a second, one line for each device."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.measure.fleet import Outcome

SHOWN_AFTER_S = 1.0


class TerminalProgress:
    """A Progress that draws bars on standard error, where that is a terminal.

    Args:
        position: on which line below the cursor, where several draw at once.
    """

    def __init__(self, position: int | None = None) -> None:
        self._bar: Any = None
        self._position = position
        self.stage = ""

    def start(self, label: str, total: int | None) -> None:
        """Begin a bar; it appears once the work has taken a second, and at once where it has a line of its own."""
        from tqdm import tqdm

        self.stage = label
        self._bar = tqdm(
            total=total,
            desc=label,
            delay=SHOWN_AFTER_S if self._position is None else 0,
            disable=not sys.stderr.isatty(),
            leave=False,
            ncols=80,
            position=self._position,
        )

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(steps)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class FleetProgress:
    """One line for each of several devices on a terminal, and one finished line for each anywhere.

    Args:
        count: how many devices; a single one needs no finished line, for its report says it all.
        width: of the longest device's name.
    """

    def __init__(self, count: int, width: int = 0) -> None:
        self._count = count
        self._width = width

    def line(self, place: int) -> TerminalProgress:
        """The progress of the device at that place of the list."""
        return TerminalProgress(place if self._count > 1 else None)

    def finished(self, outcome: Outcome[Any], words: str) -> None:
        """Tell of a device that has ended, above the lines of those that have not."""
        import click
        from tqdm import tqdm

        from edgekit.core.hush import heard

        if self._count == 1:
            return
        good = outcome.error is None
        mark = click.style("done  ", fg="green") if good else click.style("failed", fg="red")
        said = words if outcome.error is None else outcome.error.message
        line = f"{mark}  {outcome.device!s:<{self._width}}  {outcome.seconds:5.1f} s  {said}"
        with heard():
            tqdm.write(line if sys.stderr.isatty() else click.unstyle(line), file=sys.stderr)
