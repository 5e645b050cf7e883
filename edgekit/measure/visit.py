"""One visit to a device: bring files, run a worker there, fetch what it wrote."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgekit.bundle.manifest import GOLDEN, MODEL
from edgekit.bundle.read import Bundle
from edgekit.core.errors import DeviceError
from edgekit.core.files import read_bytes, sha256_bytes
from edgekit.core.process import last_line
from edgekit.transports.base import RunResult, Transport

OUR_PYTHON = (sys.executable, "-I")
"""This machine's interpreter; -I: nothing of the environment or of the folder it is started in is imported."""
_WORKERS = Path(__file__).parent
_REQUEST, _RESULT, _OUTPUTS = "request.json", "result.json", "outputs.npz"
_RESULT_BYTES = 16 << 20
_MOST = 1e15
"""The largest number that a device may tell: a float holds all whole numbers up to it."""
_SHELL_SIGNAL = 128
"""A shell says 128 + n where signal n ended a program (POSIX.1-2017, XCU 2.8.2)."""
# tflite/core/api/op_resolver.cc, which continues "An older version of this builtin might be supported."
_NO_VERSION = re.compile(r"Didn't find op for builtin opcode '(\w+)' version '(\d+)'")
_MEMORY_WORDS = ("MemoryError", "bad_alloc", "Cannot allocate memory", "ENOMEM")


@dataclass(frozen=True, slots=True)
class Request:
    """What a worker is asked for; `runs` and `warmup` None leave the number to it, `half_width` is a share."""

    runs: int | None
    warmup: int | None
    threads: int
    kernels: str
    half_width: float | None = None

    def to_bytes(self) -> bytes:
        """The request file."""
        files = {"model": MODEL, "golden": GOLDEN, "outputs": _OUTPUTS, "result": _RESULT}
        return json.dumps(dataclasses.asdict(self) | files).encode()


class Asks(Protocol):
    """A request to a worker, as the file that it reads."""

    def to_bytes(self) -> bytes:
        """The request file: JSON that also names the files it means."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker wrote. A device's word is checked before it is used."""

    device: str
    values: Mapping[str, object]

    def number(self, key: str) -> float:
        """A number from 0 to 1e15. Raises DeviceError."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
            raise DeviceError(f"{self.device}: the worker's {key} is {_shown(value)}, which is no number")
        return float(value)

    def maybe(self, key: str) -> float | None:
        """As `number`, or None where the device cannot tell."""
        return None if self.values.get(key) is None else self.number(key)

    def numbers(self, key: str) -> list[float]:
        """A list of numbers that is not empty. Raises DeviceError."""
        value = self.values.get(key)
        if not isinstance(value, list) or not value:
            raise DeviceError(f"{self.device}: the worker's {key} is no list of numbers")
        return [Answer(self.device, {key: item}).number(key) for item in value]

    def text(self, key: str) -> str:
        """A text, without what is not printable and not longer than a line. Raises DeviceError."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise DeviceError(f"{self.device}: the worker's {key} is {_shown(value)}, which is no text")
        return printable(value)


class Visit:
    """A device that is open, and what was brought to it.

    Args:
        device: what errors call it.
        transport: open.
        timeout_s: for each program that runs there.
        python: how the interpreter is started that runs the workers there.
    """

    def __init__(
        self, device: str, transport: Transport, timeout_s: float, python: tuple[str, ...] = OUR_PYTHON
    ) -> None:
        self.device = device
        self.model_sha256 = ""
        self._transport = transport
        self._timeout_s = timeout_s
        self._python = python
        self._brought: dict[str, str] = {}

    def bring(self, bundle: Bundle) -> None:
        """The model and the golden samples, as the bundle has them. Raises DeviceError."""
        self.push(MODEL, bundle.files[MODEL])
        self.push(GOLDEN, bundle.files[GOLDEN])
        self.model_sha256 = self._brought[MODEL]

    def push(self, name: str, data: bytes) -> None:
        """A file to the device, unless it has the same one from this visit already. Raises DeviceError."""
        digest = sha256_bytes(data)
        if self._brought.get(name) == digest:
            return
        with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
            source = Path(folder) / "file"
            source.write_bytes(data)
            self._transport.push(source, name)
        self._brought[name] = digest

    def bring_worker(self, worker: str) -> None:
        """A worker's file, as another worker needs it beside itself. Raises DeviceError."""
        self.push(worker, read_bytes(_WORKERS / worker))

    def ask(self, worker: str, request: Asks) -> Answer:
        """What `worker` answers. Raises DeviceError that names the signal of a crash or the worker's own last line."""
        result = self._run(worker, request)
        if words := failure(result):
            raise DeviceError(f"{self.device}: {words}", hint(words))
        values = self._json()
        if not isinstance(values, dict):
            raise DeviceError(f"{self.device}: the worker's answer is no object")
        return Answer(self.device, values)

    def try_ask(self, worker: str, request: Asks) -> object:
        """What `worker` wrote, or its failure in words: for what a device may be unable to do."""
        words = failure(self._run(worker, request))
        return words if words else self._json()

    def fetch(self, name: str, most_bytes: int) -> bytes:
        """A file from the device. Raises DeviceError, also for one of more than `most_bytes`."""
        with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
            target = Path(folder) / "file"
            self._transport.pull(name, target, most_bytes)
            return read_bytes(target)

    def _run(self, worker: str, request: Asks) -> RunResult:
        self.bring_worker(worker)
        self.push(_REQUEST, request.to_bytes())
        return self._transport.run((*self._python, worker, _REQUEST), self._timeout_s)

    def _json(self) -> object:
        try:
            return json.loads(self.fetch(_RESULT, _RESULT_BYTES))
        except (ValueError, RecursionError) as error:
            raise DeviceError(f"{self.device}: the worker's answer is no JSON: {printable(str(error))}") from error


def printable(text: str, most: int = 200) -> str:
    """A device's words, without what is not printable, `most` characters of them."""
    return "".join(c for c in text[: 4 * most] if c.isprintable())[:most]


def _shown(value: object) -> str:
    """What a device said in place of something else; of what may be long only what it is."""
    if isinstance(value, str):
        return repr(value[:60])
    return {int: "negative or huge", list: "a list", dict: "an object"}.get(type(value), repr(value)[:60])


def failure(result: RunResult) -> str:
    """Why a worker did not do its work, in words; empty where it did."""
    number = -result.exit_code if result.exit_code < 0 else result.exit_code - _SHELL_SIGNAL
    if number == signal.SIGKILL:
        return "the runtime was killed (SIGKILL), most likely because the device ran out of memory"
    if number in {s.value for s in signal.Signals}:
        return f"the runtime crashed while it ran the model ({signal.Signals(number).name})"
    if result.exit_code == 0:
        return ""
    said = printable(last_line(result.stderr)) or f"exit code {result.exit_code}"
    if match := _NO_VERSION.search(said):
        return f"its runtime has no {match[1]} of version {match[2]}: the model is newer than the runtime"
    if any(word in said for word in _MEMORY_WORDS):
        return f"the device ran out of memory: {said}"
    return f"the runtime cannot run the model: {said}"


def hint(words: str) -> str:
    """What a person can do about a `failure`."""
    if "newer than the runtime" in words:
        return "`edgekit devices setup` brings the newest runtime that fits the board"
    if "out of memory" in words:
        return "a smaller model, or fewer programs on the device"
    return ""
