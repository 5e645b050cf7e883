"""An adb server that only knows a list: it speaks the client's protocol (packages/modules/adb, docs/dev/overview.md).

For what no emulated phone can be: not authorised, without permission, offline for good, or named by an attacker.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION = "0029"  # 41: what clients of platform-tools 26 and later expect


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(10)
        while size := self._read(4):
            service = self._read(int(size, 16)).decode()
            self.server.asked.append(service)  # type: ignore[attr-defined]
            if not self._answer(service):
                return

    def _answer(self, service: str) -> bool:
        """Whether the client goes on with the same connection."""
        if service == "host:version":
            self._send("OKAY", _VERSION)
        elif service == "host:devices-l":
            self._send("OKAY", self.server.listed)  # type: ignore[attr-defined]
        elif service.startswith("host:connect:"):
            self._send("OKAY", self.server.connected)  # type: ignore[attr-defined]
        else:
            self._send("FAIL", f"unknown host service {service!r}")
        return False

    def _send(self, word: str, text: str) -> None:
        data = text.encode()
        self.request.sendall(f"{word}{len(data):04x}".encode() + data)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (chunk := self.request.recv(count - len(data))):
            data += chunk
        return data


class SmartSocket(socketserver.ThreadingTCPServer):
    """Listens on a free port of 127.0.0.1.

    Attributes:
        listed: what `adb devices -l` gets.
        connected: what `adb connect` gets.
        asked: the services that clients asked for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.listed = ""
        self.connected = ""
        self.asked: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """What leads a client here."""
        return {"ADB_SERVER_SOCKET": f"tcp:127.0.0.1:{self.server_address[1]}"}


@contextmanager
def smart_socket() -> Iterator[SmartSocket]:
    """A running one."""
    with SmartSocket() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)
