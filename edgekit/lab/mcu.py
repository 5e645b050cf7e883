"""A microcontroller of the lab: QEMU with the agent as firmware, its UART a serial device of this machine."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from typing import Self

from edgekit.core.errors import DeviceError
from edgekit.transports.firmware import machine_named
from edgekit.transports.qemu import end_group, qemu_words, start_qemu

_START_S = 20.0
_PORT = re.compile(rb"(/dev/pts/[0-9]+)")


class Mcu:
    """An emulated board behind a pseudo terminal; also a context manager. Real pyserial opens it like a real port.

    Args:
        machine: `mps2-an385`, `mps2-an386`, `mps2-an500` or `mps3-an547`. Raises DeviceError for another.
        bound: ends with the process that started it; else it runs until `power_off`, or until `pid` is killed.
    """

    def __init__(self, machine: str = "mps2-an386", *, bound: bool = True) -> None:
        self._machine = machine_named(machine)
        self._bound = bound
        self._child: subprocess.Popen[bytes] | None = None
        self._port = ""

    @property
    def uri(self) -> str:
        """`serial:/dev/pts/N`; another one after each `power_on`. Raises DeviceError when it is off."""
        if self._child is None:
            raise DeviceError(f"the lab's {self._machine.name} is off")
        return f"serial:{self._port}"

    @property
    def pid(self) -> int:
        """The process, which is also the leader of its group. Raises DeviceError when it is off."""
        if self._child is None:
            raise DeviceError(f"the lab's {self._machine.name} is off")
        return self._child.pid

    def power_on(self) -> None:
        """Start it with empty memory. Does nothing when it is on. Raises DeviceError and MissingError."""
        if self._child is not None:
            return
        self._child = start_qemu(
            qemu_words(self._machine, "pty"), subprocess.DEVNULL, subprocess.PIPE, bound=self._bound
        )
        try:
            self._port = self._read_port(self._child)
        except DeviceError:
            self.power_off()
            raise

    def power_off(self) -> None:
        """End it at once, as a cut supply does. Does nothing when it is off."""
        child, self._child = self._child, None
        if child is not None:
            end_group(child)

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, *exception: object) -> None:
        self.power_off()

    def _read_port(self, child: subprocess.Popen[bytes]) -> str:
        """The pseudo terminal that QEMU names in its first line."""
        if child.stdout is None:  # cannot be: it is asked for
            raise DeviceError("QEMU has no output")
        text, deadline = b"", time.monotonic() + _START_S
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                chunk = os.read(child.stdout.fileno(), 4096)
                text += chunk
                match = _PORT.search(text)
                if match and text.endswith(b"\n"):
                    return match[1].decode()
                if not chunk:
                    break
        raise DeviceError(f"the lab's {self._machine.name} did not start: {text.decode(errors='replace')[:200]}")
