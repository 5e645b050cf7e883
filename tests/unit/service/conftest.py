"""Two releases of the shipped model, and the service in a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgekit.service.release import Release, load_release
from tests.cli.run import edgekit

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 60


@dataclass(frozen=True)
class Service:
    """A running service on a port of loopback."""

    process: subprocess.Popen[str]
    port: int

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, dict[str, Any]]:
        """Status and JSON of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def wait_for(self, digest: str) -> dict[str, Any]:
        """The health answer once every process serves `digest`."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            values = self.ask("GET", "/healthz")[1]
            if values.get("release") == digest:
                return values
            time.sleep(0.05)
        raise AssertionError(f"{digest} is not served: {values}")


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Release]:
    """The digits model as int8 and as float16."""
    folder = tmp_path_factory.mktemp("releases")
    for recipe in ("int8", "float16"):
        words = ["-t", "raspberry-pi-4", "--recipe", recipe, "--calibration", ROOT / "calibration_data" / "digits"]
        model = ROOT / "edgekit" / "demo" / "digits.tflite"
        done = edgekit("build", model, *words, "-o", folder / recipe, cache=folder / "cache")
        assert done.returncode == 0, done.stderr
    return [load_release(folder / recipe / "raspberry-pi-4") for recipe in ("int8", "float16")]


Start = Callable[..., contextlib.AbstractContextManager[Service]]


@pytest.fixture
def start() -> Start:
    """Starts the service and ends it, by its process."""

    @contextlib.contextmanager
    def started(link: Path, *options: str, command: tuple[str, ...] = ("-m", "edgekit.service")) -> Iterator[Service]:
        words = [sys.executable, *command, "--release", str(link), "--port", "0", *options]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            yield Service(process, int(process.stdout.readline().rpartition(":")[2]))
        finally:
            process.terminate()
            process.wait(LIMIT_S)
            process.stdout.close()

    return started
