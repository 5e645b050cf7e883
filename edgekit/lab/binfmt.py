"""Run a command in namespaces of its own where programs of other processors start under emulation.

    python binfmt.py QEMU_AARCH64 QEMU_ARM COMMAND...

Since Linux 6.7 each user namespace has its own table of binary formats (binfmt_misc): nothing is registered on the
host, no root is needed, and the table is gone with its last process. A program of its own, standard library only.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)  # linux/mount.h
_TABLE = "/proc/sys/fs/binfmt_misc"
_FLAGS = "PF"  # keep argv[0]; open the emulator now, so that it is found in any root


def _magic(bits: int, machine: int) -> str:
    """The first 20 bytes of a little-endian ELF file (e_ident, e_type, e_machine), and which of their bits count."""
    ident = [0x7F, 0x45, 0x4C, 0x46, bits, 1, 1, *[0] * 9]
    magic = [*ident, 2, 0, machine, 0]
    mask = [*[0xFF] * 7, 0, *[0xFF] * 8, 0xFE, 0xFF, 0xFF, 0xFF]  # any ABI; executables and shared objects
    return ":".join("".join(f"\\x{byte:02x}" for byte in row) for row in (magic, mask))


def rules(qemu_aarch64: str, qemu_arm: str) -> list[str]:
    """The lines for the kernel's `register` file."""
    machines = (("aarch64", 2, 0xB7, qemu_aarch64), ("arm", 1, 0x28, qemu_arm))
    return [f":edgekit-{name}:M::{_magic(bits, number)}:{qemu}:{_FLAGS}" for name, bits, number, qemu in machines]


def registered(names: tuple[str, ...] = ("qemu-aarch64", "qemu-arm")) -> bool:
    """Whether this machine starts such programs already, in any root: Debian's packages can register qemu for all."""
    try:
        texts = [Path(f"{_TABLE}/{name}").read_text() for name in names]
    except OSError:
        return False
    return all(re.match(r"enabled\n(?s:.*)\nflags: \w*F", text) for text in texts)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def enter() -> None:
    """Become root of new user and mount namespaces, with a table of binary formats that is empty."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path(f"/proc/self/{name}").write_text(text)
    _check(libc.mount(None, b"/", None, _MS_REC_PRIVATE, None), "mount --make-rprivate /")
    _check(libc.mount(b"binfmt_misc", _TABLE.encode(), b"binfmt_misc", 0, None), f"mount {_TABLE}")


def _main(qemu_aarch64: str, qemu_arm: str, *command: str) -> None:
    try:
        enter()
        for rule in rules(qemu_aarch64, qemu_arm):
            Path(f"{_TABLE}/register").write_text(rule)
    except OSError as error:
        sys.exit(f"no emulated programs in namespaces, which Linux 6.7 or later and user namespaces give: {error}")
    os.execv(command[0], command)


if __name__ == "__main__":
    _main(*sys.argv[1:])
