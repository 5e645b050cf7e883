"""Progress on a terminal: one bar for each piece of work that takes over a second."""

from __future__ import annotations

import sys
from typing import Any

SHOWN_AFTER_S = 1.0


class TerminalProgress:
    """A Progress that draws bars on standard error, where that is a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self.stage = ""

    def start(self, label: str, total: int | None) -> None:
        """Begin a bar; it appears once the work has taken a second."""
        from tqdm import tqdm

        self.stage = label
        self._bar = tqdm(
            total=total, desc=label, delay=SHOWN_AFTER_S, disable=not sys.stderr.isatty(), leave=False, ncols=80
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
