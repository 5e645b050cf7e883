"""A microcontroller that QEMU emulates: each session starts a machine of its own, with the agent as its firmware.

The machine's UART is QEMU's standard input and output, so two sessions can never meet on one line.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time

from edgekit.core import process
from edgekit.core.errors import DeviceError, MissingError
from edgekit.core.toolchain import Family, command_of
from edgekit.transports.base import Found
from edgekit.transports.firmware import MACHINES, Machine, agent_image, machine_named
from edgekit.transports.framed import FramedTransport, Patience
from edgekit.transports.network_firmware import Network, network_image
from edgekit.transports.uri import DeviceUri

PROGRAM = "qemu-system-arm"
PROGRAM_COMMAND = "sudo apt install qemu-system-arm"
INSTRUCTION_NS = 1024
"""A power of two, as -icount wants it, and long against a tick of the boards' counters, so that counts are exact."""
NETWORK_SILENCE_S = 120.0
"""How long a network may compute: the firmware answers nothing meanwhile, so that nothing disturbs the count."""
_CHUNK_BYTES = 1 << 16
_WRITE_S = 10.0
_END_S = 5.0
_UNLESS_ORPHAN = '[ "$PPID" = "$0" ] && exec "$@"'  # we may have ended before setpriv could ask for the signal


def qemu_transport(uri: DeviceUri) -> FramedTransport:
    """The transport of `qemu:MACHINE`. Raises DeviceError for a machine that the agent is not made for."""
    machine = machine_named(uri.name)
    return FramedTransport(uri, lambda: QemuLine(uri, machine), Patience())


def network_transport(uri: DeviceUri, network: Network) -> FramedTransport:
    """The transport of `qemu:MACHINE` with a network in its firmware. Errors as `qemu_transport`."""
    machine = machine_named(uri.name)
    return FramedTransport(uri, lambda: QemuLine(uri, machine, network), Patience(silence_s=NETWORK_SILENCE_S))


def discover() -> tuple[Found, ...]:
    """The machines that can be started here; none where QEMU or the compiler of the firmware is missing."""
    if shutil.which(PROGRAM) is None or not any(map(command_of, Family)):
        return ()
    return tuple(Found(f"qemu:{machine.name}", f"{machine.core}, emulated by QEMU") for machine in MACHINES)


def qemu_words(machine: Machine, serial: str, network: Network | None = None) -> list[str]:
    """The command that emulates `machine` with the agent, its UART at `serial` (a -serial option).

    With a network in the firmware, an instruction takes INSTRUCTION_NS of virtual time, whatever it does.
    Raises MissingError where QEMU or the compiler is missing, DeviceError where the firmware does not build.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise MissingError(
            f"emulating {machine.name} needs {PROGRAM}, which is not installed",
            PROGRAM_COMMAND,
        )
    image = network_image(machine, network) if network else agent_image(machine)
    words = [program, "-M", machine.name, "-display", "none", "-monitor", "none", "-serial", serial]
    words += ["-icount", f"shift={INSTRUCTION_NS.bit_length() - 1},align=off"] if network else []
    return [*words, "-kernel", str(image)]


def qemu_version() -> str:
    """The emulator's version, as it tells it. Raises MissingError where it cannot be started."""
    first = process.run([PROGRAM, "--version"], timeout_s=_END_S).stdout.partition("\n")[0]
    return first.removeprefix("QEMU emulator version ").partition(" ")[0]


def start_qemu(words: list[str], stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    """Start it in a process group of its own. It ends with the thread that starts it, by setpriv (util-linux).

    So a session is opened in the thread that uses it. Raises MissingError where the program cannot be started.
    """
    setpriv = shutil.which("setpriv")
    prefix = [setpriv, "--pdeathsig", "KILL", "sh", "-c", _UNLESS_ORPHAN, str(os.getpid())] if setpriv else []
    try:
        return subprocess.Popen(
            [*prefix, *words], stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, start_new_session=True, bufsize=0
        )
    except OSError as error:
        raise MissingError(f"cannot start {words[0]}: {error.strerror or error}") from error


def end_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child with its group, wait for it and close its pipes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_END_S)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


class QemuLine:
    """A Line to a machine that runs while the line is open."""

    def __init__(self, uri: DeviceUri, machine: Machine, network: Network | None = None) -> None:
        self._uri = uri
        self._child = start_qemu(qemu_words(machine, "stdio", network), subprocess.PIPE, subprocess.PIPE)
        if self._child.stdin is None or self._child.stdout is None:  # cannot be: both are asked for
            raise DeviceError(f"{uri}: QEMU has no line")
        self._in, self._out = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    @property
    def pid(self) -> int:
        """QEMU's process id, which is also its group's."""
        return self._child.pid

    def read(self, timeout_s: float) -> bytes:
        """See Line."""
        if not self._ready(self._out, selectors.EVENT_READ, timeout_s):
            return b""
        try:
            data = os.read(self._out, _CHUNK_BYTES)
        except OSError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        return data

    def write(self, data: bytes) -> None:
        """See Line."""
        rest, deadline = data, time.monotonic() + _WRITE_S
        while rest:
            if not self._ready(self._in, selectors.EVENT_WRITE, deadline - time.monotonic()):
                raise DeviceError(f"{self._uri}: the machine took nothing for {_WRITE_S:g} s")
            try:
                rest = rest[os.write(self._in, rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone() from error

    def close(self) -> None:
        """See Line."""
        end_group(self._child)

    def _ready(self, handle: int, event: int, timeout_s: float) -> bool:
        if self._child.poll() is not None and event == selectors.EVENT_WRITE:
            raise self._gone()
        with selectors.DefaultSelector() as selector:
            selector.register(handle, event)
            return bool(selector.select(max(0.0, timeout_s)))

    def _gone(self) -> DeviceError:
        code = self._child.poll()
        how = "has closed its line" if code is None else f"has ended with exit code {code}"
        return DeviceError(f"{self._uri}: the emulated board is gone: QEMU {how}")
