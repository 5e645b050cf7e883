"""An adb server of the lab's own: never the user's, and blind to everything but what it is told to connect to."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from edgekit.core.errors import DeviceError
from edgekit.core.process import last_line
from edgekit.lab.packages import program

_START_S = 20.0
_STOP_S = 10.0
_BLIND = {"ADB_USB": "0", "ADB_EMU": "0", "ADB_MDNS": "0", "ADB_MDNS_OPENSCREEN": "0"}
"""packages/modules/adb, client/main.cpp: two servers that look at one USB phone take it from each other."""


class AdbServer:
    """A server on a free port of 127.0.0.1, with its keys in `folder`; a context manager, or `start` and `stop`.

    Raises MissingError where this machine has no adb, DeviceError where it does not start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = program("adb")
        self._mortal = [str(program("bwrap")), "--dev-bind", "/", "/", "--die-with-parent", "--"]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client of this server has in its environment, beside what else it has."""
        return {"ADB_SERVER_SOCKET": f"tcp:127.0.0.1:{self.port}"}

    @property
    def pid(self) -> int:
        """Its process id; 0 while it is not started."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it, and return when it answers. It ends with this process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        log = self._folder / "server.log"
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._folder), **_BLIND}
        environment["TMPDIR"] = str(self._folder)
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [*self._mortal, str(self._program), "-P", str(self.port), "nodaemon", "server"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        deadline = time.monotonic() + _START_S
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise DeviceError(f"the lab's adb server did not start: {last_line(log.read_text(errors='replace'))}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, by its process id. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(_STOP_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _answers(port: int) -> bool:
    """Whether an adb server is there (packages/modules/adb, docs/dev/overview.md: a service is asked by `0000name`)."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.settimeout(1)
            connection.sendall(b"000chost:version")
            return connection.recv(4) == b"OKAY"
    except OSError:
        return False
