"""A client's process on this side: its stderr is kept in bounds, its stdout is ours to read, nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Self

from edgekit.core.errors import MissingError
from edgekit.core.process import OUTPUT_BYTES

_CLOSE_S = 2.0


class ClientProcess:
    """A started process in a group of its own, which is killed when the block ends.

    Args:
        argv: the client and its options.
        stdin: a file to read, or None for a pipe.
        env: the whole environment.
        kept: its stdout is read here, and the last OUTPUT_BYTES are in `printed`; else `output` is ours to read.

    Raises MissingError where it cannot be started.
    """

    def __init__(
        self, argv: Sequence[str], stdin: IO[bytes] | None, env: Mapping[str, str], *, kept: bool = False
    ) -> None:
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                argv, stdin=stdin or pipe, stdout=pipe, stderr=pipe, env=env, start_new_session=True
            )
        except OSError as error:
            raise MissingError(f"cannot start {argv[0]}: {error.strerror or error}") from error
        assert self.process.stdout is not None  # asked for above
        assert self.process.stderr is not None
        self._stdout = self.process.stdout
        self.output = self._stdout.fileno()
        self._said = _Tail(self.process.stderr)
        self._printed = _Tail(self._stdout) if kept else None

    def give(self, data: bytes) -> None:
        """Write some kilobytes to its stdin, a pipe that holds them. A process that has ended takes none."""
        if self.process.stdin is not None and data:
            with contextlib.suppress(OSError):
                self.process.stdin.write(data)
                self.process.stdin.flush()

    def end_input(self) -> None:
        """Close its stdin, where that is a pipe."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def said(self) -> str:
        """The last of its stderr. To be asked for when it has ended."""
        return self._said.text()

    def printed(self) -> str:
        """The last of its stdout, where that is kept. To be asked for when it has ended."""
        return self._printed.text() if self._printed else ""

    def end(self, timeout_s: float) -> int | None:
        """Its exit code; None after `timeout_s`. What is left of its stdout is read, and thrown away if not kept."""
        if self._printed is None:
            self._printed = _Tail(self._stdout)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Kill it, if it is still there. Never fails."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.end_input()
        if self._printed is None:
            self._stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Tail:
    """Reads a stream to its end in a thread, keeps the last OUTPUT_BYTES, and closes it.

    The end may come later than that of the process: ssh hands its outputs to the process that holds the connection.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._data = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """What is kept, decoded with replacement."""
        self._thread.join(_CLOSE_S)
        return self._data.decode(errors="replace")

    def _read(self) -> None:
        with self._stream, contextlib.suppress(OSError):
            while chunk := os.read(self._stream.fileno(), 1 << 16):
                self._data += chunk
                del self._data[:-OUTPUT_BYTES]
