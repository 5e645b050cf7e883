"""Native libraries that write to standard error unasked: silenced, one at a time, without losing our own lines."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Standard error belongs to the whole process: two threads that each put it aside and back could leave it closed.
_TURN = threading.Lock()


@contextmanager
def hushed() -> Iterator[None]:
    """The process's standard error goes nowhere meanwhile. Not reentrant."""
    with _TURN:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


@contextmanager
def heard() -> Iterator[None]:
    """What is written to standard error meanwhile is not hushed by another thread."""
    with _TURN:
        yield
