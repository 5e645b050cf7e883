"""Keeps edgekit alive when native code crashes on a model.

The TFLite runtime is C++ that trusts its input; a damaged model can bring its process down. So the
commands that run a model do so in a forked child: the parent has loaded nothing heavy, waits, and
turns a death by signal into one sentence.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from edgekit.cli.progress import TerminalProgress
from edgekit.core.errors import ModelError

_LABEL_BYTES = 256
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class StageProgress(TerminalProgress):
    """A TerminalProgress that also tells the parent process which stage runs."""

    def __init__(self, shared: mmap.mmap) -> None:
        super().__init__()
        self._shared = shared

    def start(self, label: str, total: int | None) -> None:
        """Note the stage where the parent can read it, then draw."""
        self._shared[:] = label.encode()[:_LABEL_BYTES].ljust(_LABEL_BYTES, b"\0")
        super().start(label, total)


def guarded(work: Callable[[TerminalProgress], int]) -> int:
    """Run `work` in a child and return its exit code.

    Raises ModelError, with the stage, if the child is ended by a signal that native code raises.
    """
    if not hasattr(os, "fork"):
        return work(TerminalProgress())
    shared = mmap.mmap(-1, _LABEL_BYTES)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_child(work, StageProgress(shared))
    status = _wait(child)
    if os.WIFSIGNALED(status):
        _explain(os.WTERMSIG(status), shared[:].rstrip(b"\0").decode(errors="replace"))
    return os.WEXITSTATUS(status)


def _be_child(work: Callable[[TerminalProgress], int], progress: TerminalProgress) -> NoReturn:
    from edgekit.cli.main import exit_code_of

    os.setpgid(0, 0)  # Ctrl-C reaches the parent, which passes it on once
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    code = exit_code_of(lambda: work(progress))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(child: int) -> int:
    def forward(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return os.waitpid(child, 0)[1]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _explain(number: int, stage: str) -> NoReturn:
    if number == signal.SIGTERM:
        raise KeyboardInterrupt
    name = signal.Signals(number).name
    hint = "the machine may have run out of memory" if number == signal.SIGKILL else "the model may be damaged"
    raise ModelError(f"the runtime crashed ({name}) while {stage or 'it ran the model'}", hint)
