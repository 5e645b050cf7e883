"""Runs the command as a person does: in a process of its own, with a cache of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def edgekit(*arguments: object, cache: Path, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
    """`edgekit ARGUMENTS`, with its output as text."""
    command = [sys.executable, "-m", "edgekit", *map(str, arguments)]
    environment = {**os.environ, "EDGEKIT_CACHE": str(cache)}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env=environment,
        stdin=subprocess.DEVNULL,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a person read on standard error, without colours."""
    return done.stderr.strip()
