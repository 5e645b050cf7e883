"""The devices on which the contract of the transports is tried, and the words for simple programs on each of them.

A case is one entry of `ALL`. It says how to start a device, how its generic programs are called there (a phone has a
shell and no Python, a microcontroller has neither) and what the device cannot do; the contract suite asks no more.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

Argv = list[str]


class Second(Enum):
    """What a second session at the same time meets."""

    REFUSED = "refused"
    QUEUED = "queued"
    APART = "a device of its own"


def shell(script: str, *words: str) -> Argv:
    """A POSIX shell script with its words as $1, $2, …"""
    return ["sh", "-c", script, "sh", *words]


@dataclass(frozen=True, slots=True)
class Words:
    """Programs of a device, as argv. The defaults are for any POSIX shell; None is what a device cannot do.

    Attributes:
        arguments: writes each word as `<word>`, one after another, without a newline.
        cat: writes a file of the session's folder as it is.
        exists: ends with 0 where the file is there, else with 1.
        exit: ends with that code.
        both: writes `out` and a newline to stdout, `err` and a newline to stderr.
        digest: reads stdin to its end; the first word that it writes is `digest_of(stdin)` in hexadecimal.
        sleep: does nothing for so many seconds.
        die: ends by that signal.
        much: writes so many `x` to stdout, then so many `y` to stderr.
        three: writes the line `one`, on stderr the line `two`, then `three` without a newline.
        first: writes the line `first`, then sleeps for 30 s.
        orphan: leaves a child that writes the file after two seconds, whatever happens to its parent, and sleeps for 60 s.
        link: makes a link of that name to that place.
        lock: takes the permission to write into a new folder of that name.
    """

    arguments: Callable[[list[str]], Argv] = lambda words: shell('for word do printf "<%s>" "$word"; done', *words)
    cat: Callable[[str], Argv] = lambda name: ["cat", name]
    exists: Callable[[str], Argv] = lambda name: ["test", "-e", name]
    exit: Callable[[int], Argv] = lambda code: shell(f"exit {code}")
    both: Argv = field(default_factory=lambda: shell("echo out; echo err >&2"))
    digest: Argv = field(default_factory=lambda: ["sha256sum"])
    digest_of: Callable[[bytes], str] = lambda data: hashlib.sha256(data).hexdigest()
    sleep: Callable[[float], Argv] = lambda seconds: ["sleep", f"{seconds:g}"]
    die: Callable[[int], Argv] | None = lambda number: shell(f"kill -{number} $$")
    much: Callable[[int], Argv] = lambda count: shell(
        f"head -c {count} /dev/zero | tr '\\0' x; head -c {count} /dev/zero | tr '\\0' y >&2"
    )
    three: Argv = field(default_factory=lambda: shell("echo one; echo two >&2; printf three"))
    first: Argv = field(default_factory=lambda: shell("echo first; sleep 30"))
    orphan: Callable[[str], Argv] | None = lambda name: shell('(sleep 2; echo alive > "$1") & sleep 60', name)
    link: Callable[[str, str], Argv] | None = lambda name, place: ["ln", "-s", place, name]
    lock: Callable[[str], Argv] | None = lambda name: shell('mkdir "$1" && chmod 555 "$1"', name)


@dataclass(frozen=True, slots=True)
class Device:
    """A device that runs now.

    Attributes:
        uri: as the command line takes it.
        environment: variables that our side needs to reach it.
        vanish: the power or the cable is gone, at once; returns when it is. None where that cannot be.
        vanish_after: gone by itself when so many more bytes have gone to the device.
        come_back: power and cable are there again, and the device answers; also where neither was gone.
        most_bytes: a file of more than so many bytes does not fit on it; None where nothing small is in the way.
    """

    uri: str
    environment: Mapping[str, str] = field(default_factory=dict)
    vanish: Callable[[], None] | None = None
    vanish_after: Callable[[int], None] | None = None
    come_back: Callable[[], None] | None = None
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of device.

    Attributes:
        name: of the case, in test names.
        transport: its registry entry.
        start: starts one, in a folder that the test throws away; ends it when the block ends. It skips, with the
            reason, where this machine cannot (see `need.py`).
        words: its programs.
        second: what a second session meets.
        stdin_bytes: how much a program can be given on its standard input.
        output_bytes: how much a program's stdout, and its stderr, can carry.
        word_bytes: how long all words of a command may be together.
        odd_names: files may have any name that is text; else letters, digits, dots, dashes and folders only.
        speed: how many times longer than a shell on this machine its answers may take; the suite's limits grow by it.
    """

    name: str
    transport: str
    start: Callable[[Path], AbstractContextManager[Device]]
    words: Words = field(default_factory=Words)
    second: Second = Second.REFUSED
    stdin_bytes: int = 1_000_000
    output_bytes: int = 1_000_000
    word_bytes: int = 20_000
    odd_names: bool = True
    speed: float = 1.0


_CASES = {
    "local": "tests.devices.case_local:CASE",
    "adb": "tests.devices.case_adb:CASE",
    "ssh": "tests.devices.case_ssh:CASE",
    "busybox": "tests.devices.case_busybox:CASE",
    "serial": "tests.devices.case_mcu:SERIAL",
    "qemu": "tests.devices.case_mcu:QEMU",
}
"""One line a case: `"adb": "tests.devices.case_adb:CASE"`. A module is imported when its case is asked for."""

NAMES = tuple(_CASES)


def case(name: str) -> Case:
    """The case of that name."""
    module, _, attribute = _CASES[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert isinstance(found, Case)
    return found
