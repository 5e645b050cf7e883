"""Flashing through a debug probe by pyOCD, an extra of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from edgekit.core import process
from edgekit.core.errors import DeviceError
from edgekit.core.extras import require
from edgekit.transports.base import one_line

_FLASH_S = 180.0
_STAMP = re.compile(r"^\d+ [A-Z] ")
"""What pyOCD puts before a line: milliseconds, and how grave it is."""


def flash(image: Path, chip: str) -> None:
    """Write an ELF file to the chip's flash and start it; `chip` is pyOCD's name of it.

    Raises MissingError without pyOCD, DeviceError with its last words where there is no probe or it fails.
    """
    require("pyocd", "pyocd")
    words = [sys.executable, "-m", "pyocd", "flash", "--no-wait", "--target", chip, "--format", "elf", str(image)]
    done = process.run(words, timeout_s=_FLASH_S)
    if done.exit_code:
        said = _STAMP.sub("", one_line(done.stderr) or one_line(done.stdout)) or f"exit code {done.exit_code}"
        hint = "Is the probe plugged in? `pyocd list` shows probes, `pyocd list --targets` the names of chips."
        raise DeviceError(f"pyOCD did not flash {chip}: {said}", hint)
