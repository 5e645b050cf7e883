"""Which release is served now, and the change to another without dropping a request."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import DeviceError, EdgekitError
from edgekit.service.engine import Engine, EngineOptions
from edgekit.service.release import load_release

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Refusal:
    """A release that was not taken, and why."""

    folder: str
    why: str


class Current:
    """Follows a link to the folder of a release.

    Args:
        link: the link that a deployment switches, such as `~/edgekit/current`; a plain folder works too.
        options: of every engine.
        taken: called with the digest of a release that is served from now on.
    """

    def __init__(self, link: Path, options: EngineOptions, taken: Callable[[str], None]) -> None:
        self._taken = taken
        self._link = link
        self._options = options
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._seen: Path | None = None
        self._wake = threading.Event()
        self._ended = False
        self.refusal: Refusal | None = None
        self.since = ""

    @contextlib.contextmanager
    def lease(self) -> Iterator[Engine]:
        """The engine of the current release, held until the request is answered. Raises DeviceError without one."""
        with contextlib.ExitStack() as stack:
            with self._lock:
                if self._engine is None:
                    raise DeviceError(f"there is no release at {self._link}")
                engine = stack.enter_context(self._engine.lease())
            yield engine

    def refresh(self) -> bool:
        """Take the release that the link names now; True where it changed.

        The old one answers until the new one has been loaded, tuned and has computed its golden samples. One that
        fails any of this is refused, and the old one stays.
        """
        folder = self._link.resolve()
        if folder == self._seen or not folder.is_dir():
            return False
        self._seen = folder
        try:
            engine = Engine(load_release(folder), self._options)
        except EdgekitError as error:
            self.refusal = Refusal(folder.name, error.message)
            return False
        with self._lock:
            old, self._engine = self._engine, engine
            self.since, self.refusal = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), None
        self._taken(engine.release.digest)
        if old is not None:
            old.retire()
        return True

    def watch(self) -> None:
        """Follow the link until `end`, in a thread of its own."""
        threading.Thread(target=self._follow, name="releases", daemon=True).start()

    def wake(self) -> None:
        """Look at the link at once, also where it names the same folder as before."""
        self._seen = None
        self._wake.set()

    def end(self) -> None:
        """Stop following."""
        self._ended = True
        self._wake.set()

    def _follow(self) -> None:
        while not self._ended:
            self._wake.wait(POLL_S)
            self._wake.clear()
            if not self._ended:
                self.refresh()
