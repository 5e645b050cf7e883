"""The Python of a board: which interpreter there runs the workers, and what it lacks where none can."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import DeviceError
from edgekit.measure.visit import OUR_PYTHON, Answer
from edgekit.transports.base import Transport, one_line
from edgekit.transports.uri import DeviceUri

HOME = "~/.local/share/edgekit"
VENV_PYTHON = f"{HOME}/venv/bin/python"
"""Where `edgekit devices setup` puts its environment on a board, and the interpreter in it."""
OLDEST = (3, 8)
_PROBE = "probe_worker.py"
_PROBE_TIMEOUT_S = 60.0
_TFLITE_NUMPY = 2  # tflite-runtime 2.14 was built against numpy 1: with 2 it imports, and then fails on a model
# For each name: is it there, where, and which version. It runs on the board's sh, so that an old Python can answer too.
_FIND = r"""
for name in "$@"; do
  case $name in "~/"*) name=$HOME/${name#"~/"};; esac
  path=$(command -v -- "$name") || continue
  version=$("$path" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || version=broken
  printf '%s\t%s\n' "$version" "$path"
done
"""
_FOUND = re.compile(r"(?P<version>\d{1,4}\.\d{1,4}\.\d{1,4}|broken)\t(?P<path>/[^\t]+)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What an interpreter on a device says of itself. Versions of packages that are not there are empty.

    Attributes:
        path: how it is started.
        machine, bits: the processor as the system names it, and the size of a pointer.
        libc: such as "glibc-2.36".
        modules: of Python's own packaging modules, the ones that are there.
        emulated: what the test lab says of an emulated board; empty for a real one.
        board: the device tree's name of the board, or empty.
    """

    path: str
    version: str
    machine: str
    bits: int
    libc: str
    numpy: str
    litert: str
    tflite_runtime: str
    modules: tuple[str, ...]
    home: str
    memory_bytes: int
    emulated: str
    board: str

    @property
    def minor(self) -> tuple[int, int]:
        """Python's version, as far as wheels care."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def runtime(self) -> str:
        """The package that would run a model, or empty."""
        return "ai-edge-litert" if self.litert else ("tflite-runtime" if self.tflite_runtime else "")

    @property
    def lacks(self) -> str:
        """Why no worker can run here, in words; empty where one can."""
        if not self.runtime:
            return "has neither ai-edge-litert nor tflite-runtime"
        if not self.numpy:
            return f"has {self.runtime} but no numpy"
        if not self.litert and self.numpy.partition(".")[0] == str(_TFLITE_NUMPY):
            return f"has numpy {self.numpy}, and tflite-runtime needs one below {_TFLITE_NUMPY}"
        return ""

    def describe(self) -> str:
        """One line for a list of devices."""
        what = f"{self.machine}, {self.bits} bits, Python {self.version}"
        runtime = f"{self.runtime} {self.litert or self.tflite_runtime}" if self.runtime else "no runtime yet"
        return ", ".join(part for part in (self.board, what, runtime, self.emulated) if part)


@dataclass(frozen=True, slots=True)
class Runner:
    """What runs the workers on a device: how to start it and, on a board, what it is."""

    python: tuple[str, ...]
    facts: Facts | None = None


def runner_of(device: DeviceUri, transport: Transport, wanted: str = "") -> Runner:
    """The interpreter on the device that can run the workers.

    Here that is our own. On a board: `wanted`, else the environment that `edgekit devices setup` made, else python3;
    the first that has a runtime and numpy. Raises DeviceError that says what each one lacks.
    """
    if device.transport == "local" and not wanted:
        return Runner(OUR_PYTHON)
    facts = usable_facts(device, transport, wanted)
    return Runner((facts.path,), facts)


def usable_facts(device: DeviceUri, transport: Transport, wanted: str = "") -> Facts:
    """The facts of the interpreter that `runner_of` takes. Raises DeviceError."""
    complaints = []
    for facts in probe(device, transport, (wanted,) if wanted else (VENV_PYTHON, "python3")):
        if not facts.lacks:
            return facts
        complaints.append(f"{facts.path} ({facts.version}, {facts.machine}) {facts.lacks}")
    mend = f"edgekit devices setup {device}" if device.transport == "ssh" else "name another one with --python PATH"
    raise DeviceError(f"{device}: {'; '.join(complaints)}", mend)


def probe(device: DeviceUri, transport: Transport, names: tuple[str, ...]) -> tuple[Facts, ...]:
    """What the interpreters called `names` are, as far as they are there and new enough.

    Raises DeviceError where there is none, naming the one that is too old.
    """
    found = _find(device, transport, names)
    fit = [path for version, path in found if _is_new_enough(version)]
    if not fit:
        raise _no_python(device, found, names)
    transport.push(Path(__file__).with_name(_PROBE), _PROBE)
    return tuple(_ask(device, transport, path) for path in fit)


def _find(device: DeviceUri, transport: Transport, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Version and path of each that is there."""
    result = transport.run(("sh", "-c", _FIND, "sh", *names), _PROBE_TIMEOUT_S)
    if result.exit_code:
        raise DeviceError(f"{device}: its shell does not answer: {one_line(result.stderr)}")
    rows = [match for match in map(_FOUND.fullmatch, result.stdout.splitlines()) if match]
    return [(row["version"], row["path"]) for row in rows if row["path"].isprintable()]


def _is_new_enough(version: str) -> bool:
    return version != "broken" and tuple(int(part) for part in version.split(".")[:2]) >= OLDEST


def _no_python(device: DeviceUri, found: list[tuple[str, str]], names: tuple[str, ...]) -> DeviceError:
    oldest = ".".join(map(str, OLDEST))
    if not found:
        return DeviceError(
            f"{device}: there is no {one_line(names[-1])} on the device",
            f"install Python {oldest} or newer there (sudo apt install python3), or name one with --python PATH",
        )
    version, path = found[-1]
    if version == "broken":
        return DeviceError(f"{device}: {path} cannot be started there", "name another one with --python PATH")
    return DeviceError(
        f"{device}: {path} is Python {version}, and {oldest} is the oldest that works",
        "a newer system on the board, or another interpreter with --python PATH",
    )


def _ask(device: DeviceUri, transport: Transport, path: str) -> Facts:
    result = transport.run((path, _PROBE), _PROBE_TIMEOUT_S)
    if result.exit_code:
        raise DeviceError(f"{device}: {path} does not say what it is: {one_line(result.stderr)}")
    try:
        values = json.loads(result.stdout)
    except (ValueError, RecursionError) as error:
        raise DeviceError(f"{device}: {path} says no JSON: {error}") from error
    if not isinstance(values, dict):
        raise DeviceError(f"{device}: {path} says something else than what it is")
    return _facts(str(device), values, path)


def _facts(device: str, values: Mapping[str, object], path: str) -> Facts:
    answer, runtimes, modules = Answer(device, values), values.get("runtimes"), values.get("modules")
    if not isinstance(runtimes, dict) or not isinstance(modules, dict):
        raise DeviceError(f"{device}: {path} does not say what it has")
    version = answer.text("version")
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}(\..*)?", version):
        raise DeviceError(f"{device}: {path} says that it is Python {version!r}")
    return Facts(
        path=path,
        version=version,
        machine=answer.text("machine"),
        bits=int(answer.number("bits")),
        libc=answer.text("libc"),
        numpy=answer.text("numpy"),
        litert=Answer(device, runtimes).text("ai-edge-litert"),
        tflite_runtime=Answer(device, runtimes).text("tflite-runtime"),
        modules=tuple(sorted(name for name, there in modules.items() if there is True)),
        home=answer.text("home"),
        memory_bytes=int(answer.number("memory_bytes")),
        emulated=answer.text("emulated"),
        board=answer.text("board"),
    )
