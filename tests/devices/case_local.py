"""This machine as a device."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.devices.cases import Case, Device, Second, Words


@contextmanager
def _start(folder: Path) -> Iterator[Device]:
    yield Device("local")


_WORDS = Words(lock=None) if os.geteuid() == 0 else Words()  # root may write anywhere
CASE = Case("local", "local", _start, _WORDS, second=Second.QUEUED)
