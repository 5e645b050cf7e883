"""The service that serves the current release: told of a switch, and asked whether it serves it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

UNIT = "edgekit.service"
_ANSWER_BYTES = 1 << 16
_ANSWER_S, _PROGRAM_S, _POLL_S = 5.0, 60.0, 0.2


class Service:
    """The service of the board whose releases are in `root`."""

    def __init__(self, home: Path, root: Path) -> None:
        self._root = root
        units = {home / ".config/systemd/user" / UNIT: ["--user"], Path("/etc/systemd/system") / UNIT: []}
        found = [words for path, words in units.items() if path.exists()]
        self._systemctl = ["systemctl", *found[0]] if found else None

    def tell(self, restart: bool) -> str:
        """That `current` was switched. `restart` where its own program changed; what then hinders it, in words.

        The service follows the link by itself, so being told nothing only costs it a moment.
        """
        if self._systemctl is None:
            return ""
        runtime = f"/run/user/{os.getuid()}"
        environment = {"XDG_RUNTIME_DIR": runtime, **os.environ}  # which ssh without PAM does not set
        words = [*self._systemctl, "restart" if restart else "reload-or-restart", UNIT]
        try:
            done = subprocess.run(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PROGRAM_S,
                check=False,
            )
            said = done.stdout.decode(errors="replace") if done.returncode else ""
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
        return f"the service cannot be restarted: {' '.join(said.split())[:200]}" if said and restart else ""

    def wait_for(self, digest: str, name: str, seconds: float) -> tuple[bool, str]:
        """Whether the service fails to serve a release within so many seconds, and what it does, in words."""
        end = time.monotonic() + seconds
        if self._systemctl is None and self._ask() is None:
            return False, "health not checked: no service is installed"
        while True:
            good, words = self._judge(digest, name)
            if good is not None:
                return not good, words
            if time.monotonic() > end:
                return True, f"{words} within {seconds:g} s"
            time.sleep(_POLL_S)

    def look(self, digest: str, name: str) -> str:
        """What the service does now, in words."""
        if self._systemctl is None and self._ask() is None:
            return "not installed"
        return self._judge(digest, name)[1]

    def _judge(self, digest: str, name: str) -> tuple[bool | None, str]:
        """Whether it serves the release; None while that may still come."""
        answer = self._ask() or {}
        refused = answer.get("refused")
        if isinstance(refused, dict) and refused.get("folder") == name:
            return False, f"the service refused it: {str(refused.get('why'))[:200]}"
        if answer.get("release") == digest and answer["code"] == http.client.OK:
            return True, "healthy"
        return None, "the service did not serve it" if answer else "the service did not answer"

    def _ask(self) -> dict[str, Any] | None:
        """What GET /healthz says, with the status in `code`; empty for no sound answer, None where nobody listens."""
        connection = _UnixConnection(self._root)
        try:
            connection.connect()
        except OSError:
            connection.close()
            return None
        try:
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            record = json.loads(response.read(_ANSWER_BYTES))
        except (OSError, http.client.HTTPException, ValueError, RecursionError):
            return {}
        finally:
            connection.close()
        return {**record, "code": response.status} if isinstance(record, dict) else {}


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over `folder`/service.sock. The path goes by /proc: an address holds 108 bytes, a path may be longer."""

    def __init__(self, folder: Path) -> None:
        super().__init__("localhost", timeout=_ANSWER_S)
        self._folder = folder

    def connect(self) -> None:
        handle = os.open(str(self._folder), os.O_RDONLY | os.O_DIRECTORY)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(_ANSWER_S)
            self.sock.connect(f"/proc/self/fd/{handle}/service.sock")
        finally:
            os.close(handle)
