"""A sign of life from a device, so that a line that fell silent is noticed while a long program runs.

adb's server waits for ever for a device on a network that is gone without a word; ssh has ServerAliveInterval.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time

from edgekit.core.errors import MissingError
from edgekit.transports.adb_client import AdbClient
from edgekit.transports.client_process import ClientProcess
from edgekit.transports.keeper import Patience

_SILENT_BEATS = 6
"""So many times `beat_s` without an echo, and the line is cut."""


class Pulse:
    """Sends a line to `cat` on the device at each beat, and cuts the connection when none comes back.

    Args:
        client: how the device is called.
        patience: its `beat_s` is the time between two beats.
    """

    def __init__(self, client: AdbClient, patience: Patience) -> None:
        self._client = client
        self._beat_s = patience.beat_s
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to watch. Starting one that watches does nothing."""
        if self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop to watch. May be called twice, and never fails."""
        thread, self._thread = self._thread, None
        self._over.set()
        if thread is not None:
            thread.join(self._beat_s)

    def _watch(self) -> None:
        try:
            echo = ClientProcess(self._client.call("exec cat"), None, self._client.environment())
        except MissingError:  # then the session itself says so
            return
        with echo:
            while not self._over.wait(self._beat_s):
                if not _sent(echo):
                    return  # the client has ended, and so have the others
                if not self._echoed(echo):
                    if not self._over.is_set():
                        self._client.cut()
                    return

    def _echoed(self, echo: ClientProcess) -> bool:
        """Whether something, or the end, came back in time."""
        deadline = time.monotonic() + _SILENT_BEATS * self._beat_s
        with selectors.DefaultSelector() as selector:
            selector.register(echo.output, selectors.EVENT_READ)
            while not self._over.is_set() and time.monotonic() < deadline:
                if selector.select(min(0.5, self._beat_s)):
                    return bool(os.read(echo.output, 4096)) or echo.process.wait() is not None
        return self._over.is_set()


def _sent(echo: ClientProcess) -> bool:
    stdin = echo.process.stdin
    with contextlib.suppress(OSError, ValueError):
        if stdin is not None:
            stdin.write(b"\n")
            stdin.flush()
            return True
    return False
