"""The boards that the user's ssh configuration names."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from edgekit.core.errors import EdgekitError
from edgekit.transports.base import Found, one_line
from edgekit.transports.ssh_client import config_files, ssh_program
from edgekit.transports.uri import DeviceUri, parse_device

_MOST_HOSTS = 50
_NESTED = 3
_ASK_S = 3.0
_TOUCH_S = 1.5
_ALL_S = 6.0
_NO_SHELL_USERS = frozenset({"git", "hg"})
"""Who logs in so has a repository there, not a board."""


def discover() -> tuple[Found, ...]:
    """Hosts that the user's ssh configuration names, and whether something answers at their port.

    No one logs in, and a host behind a jump host is not tried. Empty without an ssh.
    """
    program = ssh_program()
    if program is None:
        return ()
    try:
        files = config_files()
    except EdgekitError:
        return ()
    names = list(dict.fromkeys(name for file in files for name in _names(Path(file).expanduser(), _NESTED)))
    found: dict[str, Found] = {}
    threads = [
        threading.Thread(target=_look, args=(program, files[0], name, found), daemon=True)
        for name in names[:_MOST_HOSTS]
    ]
    end = time.monotonic() + _ALL_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return tuple(found[name] for name in names if name in found)


def _names(path: Path, depth: int) -> Iterator[str]:
    """The names after `Host` without patterns, also of included files (ssh_config(5))."""
    with contextlib.suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            word, *rest = _split(line)
            if word.lower() == "host":
                yield from (name for name in rest if not set(name) & set("*?!"))
            elif word.lower() == "include" and depth:
                for pattern in rest:
                    wanted = Path("~/.ssh").expanduser() / Path(pattern).expanduser()
                    for file in sorted(Path("/").glob(str(wanted.absolute()).lstrip("/"))):
                        yield from _names(file, depth - 1)


def _split(line: str) -> list[str]:
    """The words of a line of the configuration; never empty."""
    try:
        return shlex.split(line.replace("=", " ", 1), comments=True) or [""]
    except ValueError:
        return [""]


def _look(program: str, config: str, name: str, found: dict[str, Found]) -> None:
    """Put what there is to say about a host into `found`; nothing where it is no board that edgekit could reach."""
    facts = _facts(program, config, name)
    user, host, port = facts.get("user", ""), facts.get("hostname", ""), facts.get("port", "22")
    if not facts or user in _NO_SHELL_USERS or not port.isdecimal():
        return
    try:
        uri = parse_device(f"ssh:{user}@{name}")
    except EdgekitError:
        return
    if jump := facts.get("proxyjump") or facts.get("proxycommand"):
        found[name] = Found(str(uri), f"in the ssh configuration, through {one_line(jump)}; not tried")
    else:
        found[name] = _touch(uri, host, int(port))


def _facts(program: str, config: str, name: str) -> dict[str, str]:
    """What ssh makes of its configuration for a host (ssh -G)."""
    own = [] if config.startswith("~") else ["-F", config]
    try:
        done = subprocess.run(
            [program, *own, "-G", "--", name], capture_output=True, text=True, timeout=_ASK_S, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs if value != "none"}


def _touch(uri: DeviceUri, host: str, port: int) -> Found:
    """Whether something accepts a connection; no byte is sent."""
    try:
        with socket.create_connection((host, port), timeout=_TOUCH_S):
            return Found(str(uri), f"in the ssh configuration; {host} answers at port {port}")
    except (OSError, UnicodeError) as error:
        why = one_line(getattr(error, "strerror", None) or str(error)) or "no answer"
        return Found(str(uri), f"in the ssh configuration; {host} does not answer at port {port}: {why}", usable=False)
