"""A program's lines as they come, with a limit on silence and on a line's length."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Iterator

from edgekit.core.errors import DeviceError

LINE_BYTES = 1 << 20
"""A program that writes more than this without a newline is ended: a device must not fill our memory."""
_CHUNK_BYTES = 1 << 16


def read_lines(handle: int, what: str, timeout_s: float) -> Iterator[str]:
    """Lines of a pipe until its end, decoded with replacement, without their newlines.

    Args:
        handle: the file descriptor to read; the caller closes it.
        what: begins the sentence of an error: the device and the program.
        timeout_s: how long one line may take.

    Raises DeviceError for silence and for an endless line.
    """
    pending, deadline = bytearray(), time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise DeviceError(f"{what} was silent for {timeout_s:g} s and was killed")
            chunk = os.read(handle, _CHUNK_BYTES)
            if not chunk:
                break
            pending += chunk
            *lines, rest = pending.split(b"\n") if b"\n" in chunk else (pending,)
            pending = bytearray(rest)
            for line in lines:
                yield line.decode(errors="replace")
            if lines:
                deadline = time.monotonic() + timeout_s
            if len(pending) > LINE_BYTES:
                raise DeviceError(f"{what} wrote a line of more than {LINE_BYTES >> 20} MiB and was killed")
    if pending:
        yield pending.decode(errors="replace")
