"""The firmware's agent, built for this machine: the same C files behind a line that is memory."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

from edgekit.transports.firmware import SOURCES

_HERE = Path(__file__).with_name("agent_host.c")
_CORTEX_M = {"cortex_m.c", "board_mps.c"}
_BUILD_S = 120


def build(target: Path, *options: str) -> Path:
    """Compile the agent and the host's side of it into `target`."""
    sources = [str(path) for path in sorted(SOURCES.glob("*.c")) if path.name not in _CORTEX_M]
    board = ['-DBOARD_NAME="host"', '-DBOARD_EMULATED=""', f"-I{SOURCES}"]
    warnings = ["-Wall", "-Wextra", "-Werror"]
    words = ["gcc", "-std=c99", "-g", *warnings, *board, *options, str(_HERE), *sources, "-o", str(target)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_BUILD_S, check=False)
    assert done.returncode == 0, done.stderr
    return target


class HostAgent:
    """The agent as a library: bytes in, bytes out."""

    def __init__(self, folder: Path) -> None:
        self._library = ctypes.CDLL(str(build(folder / "agent.so", "-O2", "-shared", "-fPIC")))
        self._buffer = ctypes.create_string_buffer(1 << 20)
        self._library.host_start()
        self.answer(b"")

    def answer(self, data: bytes) -> bytes:
        """What the agent sends when `data` has come."""
        self._library.host_feed(data, len(data))
        size = self._library.host_take(self._buffer, len(self._buffer))
        return self._buffer.raw[:size]
