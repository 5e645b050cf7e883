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

_KEPT_BYTES = 1 << 20
_CLOSE_S = 5.0


class ClientProcess:
    """A started process in a group of its own, which is killed when the block ends.

    Args:
        argv: the client and its options.
        stdin: a file to read, or None for a pipe.
        env: the whole environment.

    Raises MissingError where it cannot be started.
    """

    def __init__(self, argv: Sequence[str], stdin: IO[bytes] | None, env: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                argv, stdin=stdin or pipe, stdout=pipe, stderr=pipe, env=env, start_new_session=True
            )
        except OSError as error:
            raise MissingError(f"cannot start {argv[0]}: {error.strerror or error}") from error
        self._said = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> int:
        """The descriptor of its stdout."""
        assert self.process.stdout is not None  # asked for above
        return self.process.stdout.fileno()

    def end_input(self) -> None:
        """Close its stdin, where that is a pipe."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def said(self) -> str:
        """The last of its stderr. To be asked for when it has ended."""
        self._reader.join(_CLOSE_S)
        return self._said.decode(errors="replace")

    def end(self, timeout_s: float) -> int | None:
        """Read what is left of its stdout, throw it away, and give the exit code; None after `timeout_s`."""
        drain = threading.Thread(target=self._drain, daemon=True)
        drain.start()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Kill it, if it is still there. Never fails."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(self.process.stderr.fileno(), 1 << 16):
                self._said += chunk
                del self._said[:-_KEPT_BYTES]

    def _drain(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(self.output, 1 << 16):
                pass
