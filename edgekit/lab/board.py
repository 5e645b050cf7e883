"""Linux boards without hardware: a real sshd in a box, over the userland of this machine or of another processor."""

from __future__ import annotations

import enum
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgekit.core.errors import UsageError
from edgekit.lab.box import Bind, Box, BoxPlan, Memory, started
from edgekit.lab.debs import root_filesystem
from edgekit.lab.keys import SSH_PORT, BoardKeys
from edgekit.lab.packages import require
from edgekit.lab.raspberry import PI_2, PI_4, Raspberry
from edgekit.lab.raspbian import PYTHON, raspbian

_NATIVE_ROOT = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_PATH = "/lab/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_USERS = """\
root:x:0:0:root:/root:/bin/bash
pi:x:1000:1000:pi:/home/pi:/bin/bash
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
"""
_ETC = {
    "passwd": _USERS,
    "group": "root:x:0:\npi:x:1000:\nnogroup:x:65534:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "hosts": "127.0.0.1 localhost\n",
}


class BoardKind(enum.Enum):
    """Which Linux a board runs."""

    NATIVE = "native"
    ARM64 = "arm64"
    ARMHF = "armhf"


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """What is special about one board.

    Args:
        port: the port of 127.0.0.1 that leads to it; 0 for a free one.
        folder: where its home and keys stay; None for a folder that is removed with it.
        home_bytes: the size of its disk, where a test wants a full one; its home is then empty at each start.
        bare: its Python has no runtime for models.
    """

    port: int = 0
    folder: Path | None = None
    home_bytes: int | None = None
    bare: bool = False


class Board:
    """A Linux board behind a real sshd, from `start` to `stop`; also a context manager.

    Args:
        kind: "native" (programs of this machine, fast), "arm64" or "armhf" (Debian for that processor, emulated).

    Raises MissingError where this machine lacks a Debian package, DeviceError where it does not start.
    """

    def __init__(self, kind: BoardKind | str, options: BoardOptions | None = None) -> None:
        try:
            self.kind = BoardKind(kind)
        except ValueError as error:
            raise UsageError(
                f"{kind!r} is no kind of board", f"kinds: {', '.join(k.value for k in BoardKind)}"
            ) from error
        require(_programs(self.kind))
        self._options = options or BoardOptions()
        given = self._options.folder
        self.folder = given.absolute() if given else Path(tempfile.mkdtemp(prefix="edgekit-board-"))
        """Where its files are on this machine: `home` is its home folder, `log` what its processes wrote."""
        self.keys = BoardKeys(self.folder / "ssh", self.folder / "lab" / "sshd")
        self.pi = Raspberry(self.folder / "sys", self.folder / "lab", PI_2 if self.kind is BoardKind.ARMHF else PI_4)
        """What a test can set: temperature, throttling, clock, power rails."""
        self.box = Box(self._plan(), self.folder / "log", self._options.port)

    @property
    def uri(self) -> str:
        """How edgekit names it, where `ssh_config` is in EDGEKIT_SSH_CONFIG."""
        return f"ssh:pi@127.0.0.1:{self.box.port}"

    @property
    def ssh_config(self) -> Path:
        """The configuration by which ssh reaches it."""
        return self.keys.client_config

    @property
    def home(self) -> Path:
        """Its home folder, seen from this machine (not where it has a disk size)."""
        return self.folder / "home"

    def start(self) -> None:
        """Start it; when this returns, sshd listens."""
        self._furnish()
        self.box.start()

    def stop(self) -> None:
        """End it, and remove its folder where nobody asked to keep it."""
        self.box.stop()
        if self._options.folder is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return started(self)

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _plan(self) -> BoxPlan:
        options = self._options
        home = Bind(self.home, "/home/pi", writable=True)
        disk = home if options.home_bytes is None else Memory("/home/pi", options.home_bytes)
        own = tuple(Bind(self.folder / name, f"/{name}") for name in ("etc", "sys", "lab"))
        mounts = (*self._root(), *own, disk)
        argv = ("/usr/sbin/sshd", "-D", "-e", "-f", "/lab/sshd/sshd_config")
        environment = self._environment()
        return BoxPlan("pi", argv, SSH_PORT, mounts, environment, emulated=self.kind is not BoardKind.NATIVE)

    def _root(self) -> tuple[Bind | Memory, ...]:
        scratch = (Memory("/tmp"), Memory("/var/tmp"), Memory("/run"))
        bare = self._options.bare
        if self.kind is BoardKind.NATIVE:
            return (*_native_root(), *scratch, *_python_of_this_machine(bare))
        hidden = (Memory(f"/usr/local/lib/python{PYTHON}"),) if bare else ()
        processor = Bind(self.pi.cpuinfo, "/proc/cpuinfo")
        return (Bind(raspbian(self.kind.value).folder, "/"), processor, *scratch, *hidden)

    def _environment(self) -> tuple[tuple[str, str], ...]:
        if self.kind is not BoardKind.NATIVE:
            return (("PATH", _PATH), ("QEMU_CPU", self.pi.model.cpu))
        return (("PATH", _PATH if self._options.bare else f"{sys.prefix}/bin:{_PATH}"),)

    def _furnish(self) -> None:
        """Write what is in its folder before it starts, and make its root filesystem where that was never done."""
        for name in ("home", "etc", "lab/bin"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in {**_ETC, "edgekit-lab": f"emulated: {_what(self.kind)}\n"}.items():
            (self.folder / "etc" / name).write_text(text)
        if self.kind is BoardKind.NATIVE:
            _copy_links(Path("/etc/alternatives"), self.folder / "etc" / "alternatives")
        else:
            root_filesystem(raspbian(self.kind.value))
        self.pi.make()
        self.keys.make(self.box.port, self._environment())


def _copy_links(source: Path, target: Path) -> None:
    """The symbolic links of a folder, as they are: Debian's `which` and `awk` lead through /etc/alternatives."""
    target.mkdir(exist_ok=True)
    for link in source.iterdir() if source.is_dir() else ():
        if link.is_symlink() and not (target / link.name).is_symlink():
            (target / link.name).symlink_to(link.readlink())


def _what(kind: BoardKind) -> str:
    machine = platform.machine()
    if kind is BoardKind.NATIVE:
        return f"a box on {machine}"
    return f"qemu-user {'aarch64' if kind is BoardKind.ARM64 else 'armv7l'} on {machine}"


def _programs(kind: BoardKind) -> tuple[str, ...]:
    always = ("bwrap", "sshd", "ssh", "ssh-keygen")
    return always if kind is BoardKind.NATIVE else (*always, "qemu-aarch64-static", "qemu-arm-static")


def _native_root() -> tuple[Bind, ...]:
    """The programs of this machine, read-only; nothing of its users."""
    return tuple(Bind(Path(os.path.realpath(path)), path) for path in _NATIVE_ROOT if Path(path).is_dir())


def _python_of_this_machine(bare: bool) -> tuple[Bind, ...]:
    """The environment that runs edgekit, at the same place: its `python3` has LiteRT."""
    folders = () if bare else dict.fromkeys((sys.base_prefix, sys.prefix))
    return tuple(Bind(Path(folder), folder) for folder in folders if folder != "/usr")
