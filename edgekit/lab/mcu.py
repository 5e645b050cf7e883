"""A microcontroller of the lab: QEMU with the agent as firmware, its UART a serial device of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from edgekit.core.errors import DeviceError
from edgekit.transports.firmware import machine_named
from edgekit.transports.network_firmware import Network
from edgekit.transports.qemu import end_group, qemu_words, start_qemu

_START_S = 20.0
_PORT = re.compile(rb"(/dev/pts/[0-9]+)")


class Mcu:
    """An emulated board behind a pseudo terminal; also a context manager. Real pyserial opens it like a real port.

    It ends with the process that started it. The port is a link to `/dev/pts/N` in a folder of its own, so that its
    name outlives a power cut, while N does not.

    Args:
        machine: `mps2-an385`, `mps2-an386`, `mps2-an500` or `mps3-an547`. Raises DeviceError for another.
        network: what its firmware has beside the agent; its time is virtual then.
    """

    def __init__(self, machine: str = "mps2-an386", network: Network | None = None) -> None:
        self._machine = machine_named(machine)
        self._network = network
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._held = -1
        self._switch = threading.RLock()

    @property
    def uri(self) -> str:
        """`serial:/…/ttyMCU0`, the same after each `power_on`. Raises DeviceError before the first."""
        return f"serial:{self._link()}"

    @property
    def pid(self) -> int:
        """QEMU's process id. Raises DeviceError when it is off."""
        if self._child is None:
            raise DeviceError(f"the lab's {self._machine.name} is off")
        return self._child.pid

    def running(self) -> bool:
        """Whether the power is on and QEMU has not ended by itself."""
        return self._child is not None and self._child.poll() is None

    def power_on(self) -> None:
        """Start it with empty memory. Does nothing when it is on. Raises DeviceError and MissingError."""
        with self._switch:
            if self.running():
                return
            self.power_off()
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="edgekit-mcu-"))
            try:
                self._start(self._link())
            except BaseException:
                self.power_off()
                raise

    def power_off(self) -> None:
        """End it at once, as a cut supply does. Does nothing when it is off."""
        with self._switch:
            child, self._child = self._child, None
            if child is not None:
                end_group(child)
            if self._folder is not None:
                self._link().unlink(missing_ok=True)
            if self._held >= 0:
                with contextlib.suppress(OSError):
                    os.close(self._held)
            self._held = -1

    def close(self) -> None:
        """Power it off for good."""
        if self._folder is not None:
            self.power_off()
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def _link(self) -> Path:
        if self._folder is None:
            raise DeviceError(f"the lab's {self._machine.name} is off")
        return self._folder / "ttyMCU0"

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _start(self, link: Path) -> None:
        self._child = start_qemu(qemu_words(self._machine, "pty", self._network), subprocess.DEVNULL, subprocess.PIPE)
        port = self._read_port(self._child)
        # Held open, because QEMU looks only once a second whether somebody has opened its terminal.
        self._held = os.open(port, os.O_RDWR | os.O_NOCTTY)
        link.symlink_to(port)

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
