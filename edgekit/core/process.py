"""Child processes that cannot take us with them: limits on time and memory, bounded output, no orphans.

A child gets a process group of its own, and the whole group is killed when a limit is passed, when the child
has ended, and when we are interrupted. Memory is the resident set of the group as /proc tells it, not an
address space limit: TensorFlow maps tens of gigabytes that it never touches.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgekit.core import errors
from edgekit.core.errors import EdgekitError, MissingError, ModelError
from edgekit.core.units import format_bytes

OUTPUT_BYTES = 4 << 20
"""Of each output stream the last so many bytes are kept."""
_POLL_S, _SLOW_POLL_S = 0.05, 1.0
_POLL_PART = 0.01
"""A child that runs long is looked at more seldom, up to a second: looking costs, where many processes run."""
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class Ending(enum.Enum):
    """How a child came to its end."""

    EXIT = "exit"
    SIGNAL = "signal"
    TIME = "time"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Completed:
    """A child that has ended.

    Attributes:
        exit_code: as the child gave it; the negative signal number where a signal ended it.
        stdout, stderr: the last OUTPUT_BYTES of each, decoded with replacement.
        peak_bytes: highest resident memory of the group that was seen, 0 where /proc is not there.
        limit: the limit that was passed, as text, where `ending` is TIME or MEMORY.
    """

    exit_code: int
    stdout: str
    stderr: str
    ending: Ending
    seconds: float
    peak_bytes: int
    limit: str = ""

    def failure(self, what: str) -> str | None:
        """One sentence on why the child failed, or None where it did its work. `what` names it."""
        if self.ending is Ending.TIME:
            return f"{what} was stopped: it took longer than {self.limit}"
        if self.ending is Ending.MEMORY:
            return f"{what} was stopped: it used more than {self.limit} of memory"
        if self.ending is Ending.SIGNAL:
            return f"{what} crashed ({_signal_name(-self.exit_code)})"
        if self.exit_code:
            return f"{what} failed: {last_line(self.stderr) or f'exit code {self.exit_code}'}"
        return None

    def require(self, what: str, error: type[EdgekitError] = ModelError, hint: str = "") -> Completed:
        """This, or raises `error` with the sentence of `failure`."""
        if sentence := self.failure(what):
            raise error(sentence, hint)
        return self


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: bytes = b"",
) -> Completed:
    """Run `argv` to its end. `env` replaces the whole environment; `input` is its standard input.

    A limit that is passed and a signal are in the result (`.require(what)` makes an error of them).
    Raises MissingError where the program cannot be started. On Ctrl-C the group is killed first.
    """
    with tempfile.TemporaryFile() as stdin:
        stdin.write(input)
        stdin.seek(0)
        with _group(argv, stdin, cwd, env) as process:
            outputs = [_Tail(stream) for stream in (process.stdout, process.stderr) if stream]
            watch = _Watch(process, timeout_s, memory_bytes)
            ending = watch.wait()
            _kill(process)
            stdout, stderr = (tail.text() for tail in outputs)
    limit = _limit_text(ending, timeout_s, memory_bytes)
    return Completed(process.returncode, stdout, stderr, ending, watch.seconds, watch.peak_bytes, limit)


@dataclass(frozen=True, slots=True)
class JsonCall:
    """Work that a Python file does in a child: its `main(request: dict, folder: Path) -> dict`.

    Attributes:
        what: its name in messages, such as "the Keras converter".
        script: the Python file.
        python: the interpreter of a backend's environment, which sees nothing of ours; None for our own, where
            `script` may import edgekit.
        env: variables over those that we have.
    """

    what: str
    script: Path
    python: Path | None = None
    timeout_s: float | None = None
    memory_bytes: int | None = None
    env: tuple[tuple[str, str], ...] = ()


def run_json(call: JsonCall, request: Mapping[str, object], folder: Path) -> dict[str, object]:
    """What `call.script` returns for `request`. Other files go in and out through `folder`.

    The child's output is swallowed; where it fails, its last line is in the error. Raises the EdgekitError
    that the script raised or returned as {"error": {"kind", "message", "hint"}}, and ModelError for a crash, a
    passed limit or an exception that the script did not expect.
    """
    (folder / "request.json").write_text(json.dumps(request))
    (folder / "result.json").unlink(missing_ok=True)
    done = run(
        _json_argv(call, folder),
        timeout_s=call.timeout_s,
        memory_bytes=call.memory_bytes,
        cwd=folder,
        env={**os.environ, **dict(call.env)},
    )
    result = _read_result(folder / "result.json") if done.ending is Ending.EXIT else None
    if result is None:
        raise ModelError(done.failure(call.what) or f"{call.what} ended without a result")
    if isinstance(error := result.get("error"), dict):
        raise _error(error)
    return result


def last_line(text: str) -> str:
    """The last line of `text` that is not blank, shortened to 300 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _json_argv(call: JsonCall, folder: Path) -> list[str]:
    runner = str(Path(__file__).with_name("child.py"))
    if call.python:
        return [str(call.python), "-I", runner, str(call.script), str(folder)]
    return [sys.executable, "-P", runner, str(call.script), str(folder), str(_PACKAGE_ROOT)]


def _read_result(path: Path) -> dict[str, object] | None:
    try:
        result = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) else None


def _error(fields: Mapping[str, object]) -> EdgekitError:
    kind = getattr(errors, str(fields.get("kind")), ModelError)
    known = isinstance(kind, type) and issubclass(kind, EdgekitError)
    return (kind if known else ModelError)(str(fields.get("message")), str(fields.get("hint") or ""))


@contextlib.contextmanager
def _group(
    argv: Sequence[str | Path], stdin: IO[bytes], cwd: Path | None, env: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a group of its own; no member of it is left when the block ends."""
    words = [str(word) for word in argv]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            words, stdin=stdin, stdout=pipe, stderr=pipe, cwd=cwd, env=env, start_new_session=True
        )
    except OSError as error:
        raise MissingError(f"cannot start {words[0]}: {error.strerror or error}") from error
    try:
        yield process
    finally:
        _kill(process)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Tail:
    """Reads a stream to its end in a thread and keeps the last OUTPUT_BYTES."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._data = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while chunk := os.read(self._stream.fileno(), 1 << 16):
            self._data += chunk
            del self._data[:-OUTPUT_BYTES]

    def text(self) -> str:
        """All that came. To be asked for when the writers are gone."""
        self._thread.join(timeout=5)  # one that left the group may still hold the stream
        return self._data.decode(errors="replace")


class _Watch:
    """Waits for a child and looks after its limits."""

    def __init__(self, process: subprocess.Popen[bytes], timeout_s: float | None, memory_bytes: int | None) -> None:
        self._process = process
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._start = time.monotonic()
        self.peak_bytes = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def wait(self) -> Ending:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                pause = min(_SLOW_POLL_S, max(_POLL_S, _POLL_PART * self.seconds))
                return Ending.SIGNAL if self._process.wait(pause) < 0 else Ending.EXIT
            self.peak_bytes = max(self.peak_bytes, _group_bytes(self._process.pid))
            if self._memory_bytes and self.peak_bytes > self._memory_bytes:
                return Ending.MEMORY
            if self._timeout_s and self.seconds > self._timeout_s:
                return Ending.TIME


def _group_bytes(group: int) -> int:
    """Resident bytes of all processes of `group` (proc(5): stat field 5 is the group, 24 the pages)."""
    pages = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:  # ended in the meantime
            continue
        if int(fields[2]) == group:
            pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _limit_text(ending: Ending, timeout_s: float | None, memory_bytes: int | None) -> str:
    if ending is Ending.TIME:
        return f"{timeout_s:g} s"
    return format_bytes(memory_bytes or 0) if ending is Ending.MEMORY else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
