"""A server of a device in a box: namespaces of its own (bubblewrap), and a cable to a port of this machine.

The box has its own users, processes, files, network and host name. Its server may use any port, binds only inside,
and is reached through a cable on 127.0.0.1 that can be pulled. Killing the box's first process is the power cut: all
that ran in it is gone at once. Everything dies with the process that made the box.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, Self, TypeVar

from edgekit.core.errors import DeviceError
from edgekit.core.process import last_line
from edgekit.lab.binfmt import registered
from edgekit.lab.packages import program

_START_S = 90.0
"""How long a server may take until it listens: an emulated one on a busy machine needs many seconds."""
_ANSWER_S = 20.0
_LISTENS = "0A"  # proc(5), net/tcp: the state of a listening socket
_VSOCK = 40  # linux/socket.h
_AUDIT = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}  # linux/audit.h; number of the call socket()


class Startable(Protocol):
    """A device of the lab."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


D = TypeVar("D", bound=Startable)


def started(device: D) -> D:
    """`device`, started; what was begun of it is undone where that fails."""
    try:
        device.start()
    except BaseException:
        device.stop()
        raise
    return device


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of this machine that the box sees at `target`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """A folder of the box that is in memory, empty at each start, and full after `size_bytes` (0: no own limit)."""

    target: str
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BoxPlan:
    """What is in a box.

    Args:
        name: its host name.
        argv: its first process; when that ends, the box does.
        port: TCP port on which its server listens inside, on 127.0.0.1 or on all addresses.
        mounts: in this order, on top of an empty root with /proc and /dev; one with the target "/" is the root.
        environment: all variables of the first process.
        user: user and group id inside.
        emulated: programs of aarch64 and arm start under qemu's user mode emulation.
    """

    name: str
    argv: tuple[str, ...]
    port: int
    mounts: tuple[Bind | Memory, ...]
    environment: tuple[tuple[str, str], ...] = ()
    user: int = 1000
    emulated: bool = False


class Towards(enum.Enum):
    """A direction of the cable."""

    DEVICE = "device"
    HOST = "host"


class Box:
    """A running box: a context manager, or `start` and `stop`.

    It ends with the *thread* that started it (prctl(2), PR_SET_PDEATHSIG): start it from one that lives long enough.

    Args:
        plan: what is in it.
        log: what its processes and the cable write to standard output and error is added there.
        port: the port of 127.0.0.1 that leads to it; 0 for a free one.
    """

    def __init__(self, plan: BoxPlan, log: Path, port: int = 0) -> None:
        self._plan = plan
        self._log = log
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._bwrap: subprocess.Popen[bytes] | None = None
        self._cable: subprocess.Popen[bytes] | None = None
        self._first: int | None = None
        self.pid = 0
        """The box's first process, as this machine counts."""

    def start(self) -> None:
        """Start it, and return when its server listens. Raises DeviceError with the last line of its log."""
        try:
            self._boot()
            self._connect()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it for good. May be called twice."""
        self.power_off()
        self._unplug_for_good()
        self._listener.close()

    def pull(self) -> None:
        """Pull the cable: every connection is reset, and every new one, until `plug`."""
        self._order("pull")

    def plug(self) -> None:
        """Plug the cable in again, whole: pending faults are forgotten and a silent line speaks again."""
        self._order("plug")

    def drop_after(self, count: int, towards: Towards = Towards.DEVICE) -> None:
        """Pull the cable by itself when `count` more bytes have gone `towards`: the same byte each time."""
        self._order(f"drop {towards.value} {count}")

    def stall_after(self, count: int, towards: Towards = Towards.DEVICE) -> None:
        """Fall silent, with connections open, when `count` more bytes have gone `towards`; until `plug`."""
        self._order(f"stall {towards.value} {count}")

    def rate(self, bytes_per_s: int) -> None:
        """Carry no more than so many bytes each second in each direction; 0 for no limit."""
        self._order(f"rate {bytes_per_s}")

    def power_off(self) -> None:
        """Cut the power: every process inside is killed at once. Files that were written stay."""
        first, self._first = self._first, None
        if first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(first, signal.SIGKILL)
            os.close(first)
        if self._bwrap is not None:
            if first is None:
                self._bwrap.kill()
            self._bwrap.wait(_ANSWER_S)
            self._bwrap = None

    def power_on(self) -> None:
        """Start it again after `power_off`: the same port, the same files, a whole cable. Raises DeviceError."""
        self.power_off()
        self._unplug_for_good()
        self._boot()
        self._connect()

    def running(self) -> bool:
        """Whether the power is on."""
        return self._bwrap is not None and self._bwrap.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _boot(self) -> None:
        info, told = os.pipe()
        with _no_vsock() as rules, self._log.open("ab") as log:
            try:
                self._bwrap = subprocess.Popen(
                    self._command(rules.fileno(), told),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(rules.fileno(), told),
                )
            finally:
                os.close(told)
        try:
            self.pid = self._pid_from(info)
        finally:
            os.close(info)
        self._first = os.pidfd_open(self.pid)
        self._wait_until_it_listens()

    def _command(self, rules: int, told: int) -> list[str]:
        plan = self._plan
        words = [str(program("bwrap")), "--unshare-all", "--as-pid-1", "--die-with-parent", "--new-session"]
        words += ["--cap-drop", "ALL", "--uid", str(plan.user), "--gid", str(plan.user), "--hostname", plan.name]
        words += ["--clearenv"]
        for name, value in plan.environment:
            words += ["--setenv", name, value]
        root = [mount for mount in plan.mounts if mount.target == "/"]
        for mount in root:
            words += _mount_words(mount)
        words += ["--proc", "/proc", "--dev", "/dev"]
        for mount in plan.mounts:
            words += [] if mount in root else _mount_words(mount)
        words += ["--remount-ro", "/", "--seccomp", str(rules), "--info-fd", str(told), *plan.argv]
        if not plan.emulated or registered():
            return words
        launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("binfmt.py"))]
        return [*launcher, str(program("qemu-aarch64-static")), str(program("qemu-arm-static")), *words]

    def _pid_from(self, info: int) -> int:
        text, deadline = b"", time.monotonic() + _START_S
        while b"}" not in text:
            ready, _, _ = select.select([info], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(info, 4096) if ready else b""
            if not chunk:
                raise self._failure("did not start")
            text += chunk
        return int(json.loads(text)["child-pid"])

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _START_S
        while not _listens(self.pid, self._plan.port):
            if not self.running() or time.monotonic() > deadline:
                raise self._failure(f"does not listen on its port {self._plan.port}")
            time.sleep(0.02)

    def _connect(self) -> None:
        program_file = str(Path(__file__).with_name("cable.py"))
        listener = self._listener.fileno()
        numbers = ["--listener", str(listener), "--pid", str(self.pid), "--to", str(self._plan.port)]
        with self._log.open("ab") as log:
            self._cable = subprocess.Popen(
                [sys.executable, "-I", "-S", program_file, *numbers],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(listener,),
            )
        self._answer()

    def _order(self, line: str) -> None:
        cable = self._cable
        if cable is None or cable.stdin is None:
            raise DeviceError(f"the lab device {self._plan.name} is not started")
        try:
            cable.stdin.write(f"{line}\n".encode())
            cable.stdin.flush()
        except BrokenPipeError as error:
            raise self._failure("lost its cable") from error
        self._answer()

    def _answer(self) -> None:
        stdout = self._cable.stdout if self._cable else None
        if stdout is None:  # cannot be: it is asked for in _connect
            raise self._failure("has no cable")
        ready, _, _ = select.select([stdout], [], [], _ANSWER_S)
        if not ready or os.read(stdout.fileno(), 16) != b"ok\n":
            raise self._failure("has a broken cable")

    def _unplug_for_good(self) -> None:
        cable, self._cable = self._cable, None
        if cable is None:
            return
        cable.kill()
        cable.wait(_ANSWER_S)
        for stream in (cable.stdin, cable.stdout):
            if stream is not None:
                stream.close()

    def _failure(self, what: str) -> DeviceError:
        said = last_line(self._log.read_text(errors="replace")) if self._log.exists() else ""
        return DeviceError(f"the lab device {self._plan.name} {what}: {said or 'it said nothing'}")


def _mount_words(mount: Bind | Memory) -> list[str]:
    if isinstance(mount, Bind):
        return ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    size = ["--size", str(mount.size_bytes)] if mount.size_bytes else []
    return [*size, "--tmpfs", mount.target]


def _listens(pid: int, port: int) -> bool:
    """Whether a process of the network namespace of `pid` listens on `port` (proc(5), net/tcp)."""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(f":{port:04X}") and fields[3] == _LISTENS:
                    return True
    return False


@contextlib.contextmanager
def _no_vsock() -> Iterator[IO[bytes]]:
    """A file with the seccomp rules that refuse AF_VSOCK sockets.

    adbd would listen there too, without any key, and vsock is in no network namespace. Classic BPF: linux/filter.h.
    """
    architecture, call = _AUDIT[platform.machine()]
    load, equal, give = 0x20, 0x15, 0x06
    refuse, allow = 0x50000 | 97, 0x7FFF0000  # linux/seccomp.h: an errno (EAFNOSUPPORT), allow
    program_rows = [
        (load, 0, 0, 4),
        (equal, 0, 5, architecture),
        (load, 0, 0, 0),
        (equal, 0, 3, call),
        (load, 0, 0, 16),
        (equal, 0, 1, _VSOCK),
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
    ]
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(struct.pack("HBBI", *row) for row in program_rows))
        file.seek(0)
        yield file
