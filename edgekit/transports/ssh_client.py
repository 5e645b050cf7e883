"""The OpenSSH client as edgekit calls it: the user's own configuration, with a few settings that nothing can weaken."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path

from edgekit.core.errors import DeviceError, MissingError, StorageError
from edgekit.transports.base import one_line
from edgekit.transports.lab_devices import lab_variables
from edgekit.transports.uri import DeviceUri

CONFIG_VARIABLE = "EDGEKIT_SSH_CONFIG"
_SOCKET_PATH = 70
"""sun_path holds 108 bytes (unix(7)), of which ssh takes some for a temporary name."""

# The first value that ssh finds for an option holds (ssh_config(5)), also for the jump hosts, to which ssh hands the
# file but not the command line. The user's files are included after these.
_FIRM = """StrictHostKeyChecking yes
NoHostAuthenticationForLocalhost no
UpdateHostKeys no
BatchMode yes
ConnectTimeout 10
ServerAliveInterval {alive}
ServerAliveCountMax 3
LogLevel ERROR
ForwardAgent no
ForwardX11 no
PermitLocalCommand no
"""
_OWN = (
    *("-o", "ControlPersist=no", "-o", "RemoteCommand=none", "-o", "RequestTTY=no", "-o", "ClearAllForwardings=yes"),
    *("-o", "SessionType=default", "-o", "StdinNull=no", "-o", "ForkAfterAuthentication=no"),
)


class SshClient:
    """How one board is called: the `Link` of ssh.

    Args:
        uri: the board.
        alive_s: how often ssh asks the board for a sign of life; after three without an answer the line is lost.
    """

    folder = ""

    def __init__(self, uri: DeviceUri, alive_s: float) -> None:
        self._uri = uri
        self._alive_s = alive_s
        self._program = ""
        self._private = Path()

    def reach(self) -> None:
        """See Link: find ssh, and make the private folder with the configuration and for the shared connection."""
        program = ssh_program()
        if program is None:
            raise MissingError("ssh is not installed", "sudo apt install openssh-client")
        included = "".join(f"Include {_quoted(path)}\n" for path in config_files(self._uri))
        try:
            folder = Path(tempfile.mkdtemp(prefix="edgekit-ssh-"))
            if len(str(folder)) > _SOCKET_PATH or "%" in str(folder):
                folder.rmdir()
                folder = Path(tempfile.mkdtemp(prefix="edgekit-ssh-", dir="/tmp"))
            (folder / "config").write_text(_FIRM.format(alive=max(1, round(self._alive_s))) + included)
        except OSError as error:
            raise StorageError(f"cannot make a private folder for ssh: {error.strerror or error}") from error
        self._program, self._private = program, folder

    def first(self, command: str) -> list[str]:
        """See Link: connects, shares the connection, and runs `command` over it."""
        return [*self._head(), "-o", "ControlMaster=yes", *self._where(command)]

    def call(self, command: str) -> list[str]:
        """See Link: runs `command` over the connection that is there, and never makes one of its own."""
        return [*self._head(), "-o", "ControlMaster=no", "-o", "ProxyCommand=false", *self._where(command)]

    def environment(self) -> dict[str, str]:
        """See Link: ours, with which ssh asks nobody, also not by a window."""
        return {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}

    def failure(self, said: str) -> DeviceError:
        """See Link."""
        return why(self._uri, said)

    def leave(self) -> None:
        """See Link."""
        if self._program:
            shutil.rmtree(self._private, ignore_errors=True)
        self._program = ""

    def _head(self) -> list[str]:
        return [self._program, "-F", str(self._private / "config"), "-S", str(self._private / "s"), *_OWN]

    def _where(self, command: str) -> list[str]:
        port = ["-p", str(self._uri.port)] if self._uri.port is not None else []
        return [*port, "-l", self._uri.user, "--", self._uri.host.strip("[]"), command]


def ssh_program() -> str | None:
    """The ssh binary, where there is one."""
    return shutil.which("ssh")


def config_files(uri: DeviceUri | None = None) -> tuple[str, ...]:
    """The ssh configuration: what $EDGEKIT_SSH_CONFIG names, that of a lab device, or else the user's and the system's.

    Raises DeviceError where the variable names no file.
    """
    lab = lab_variables(uri) if uri is not None else {}
    named = os.environ.get(CONFIG_VARIABLE) or lab.get(CONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise DeviceError(f"${CONFIG_VARIABLE} names {named}, which is no file")
        return (str(Path(named).absolute()),)
    return ("~/.ssh/config", "/etc/ssh/ssh_config")


def why(uri: DeviceUri, said: str) -> DeviceError:
    """What kept ssh from connecting, as one sentence and what to do."""
    port = f"-p {uri.port} " if uri.port is not None else ""
    login = f"ssh {port}{uri.user}@{uri.host.strip('[]')}"
    for pattern, sentence, hint in _REASONS:
        if found := pattern.search(said):
            words = {key: one_line(value or "") for key, value in found.groupdict().items()}
            names = {"login": login, "device": str(uri), "forget": _forget(said, uri), **words}
            return DeviceError(f"{uri} {sentence.format(**names)}", hint.format(**names))
    return DeviceError(f"{uri}: ssh cannot connect: {one_line(said) or 'it says nothing'}", f"Try `{login}` by hand.")


def _forget(said: str, uri: DeviceUri) -> str:
    """The command with which the user forgets a key: with the file and the host as ssh itself named them."""
    host = re.search(r"Host key for (\S+) has changed", said)
    file = re.search(r"Offending \S+ key in (.+):\d+", said)
    port = uri.port or 22
    name = host[1] if host else f"[{uri.host.strip('[]')}]:{port}" if port != 22 else uri.host.strip("[]")
    return (
        "ssh-keygen " + (f"-f {shlex.quote(one_line(file[1]))} " if file else "") + f"-R {shlex.quote(one_line(name))}"
    )


def _quoted(path: str) -> str:
    """A path for an Include line: as it is, also with blanks and with what glob(7) would take for a pattern."""
    text = re.sub(r"([*?\[\\])", r"\\\1", path)
    return text if re.fullmatch(r"[\w~./-]+", text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ONCE = "Run `{login}` once, compare the fingerprint that it shows with the device's own, and answer yes."
_KEYS = "Run `ssh-copy-id` for it, or unlock your key with `ssh-add`: `{login}` must work without a question."
_REASONS = tuple(
    (re.compile(pattern), sentence, hint)
    for pattern, sentence, hint in (
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED|HOST IDENTIFICATION HAS CHANGED|has changed and you have requested",
            "shows another host key than the one that you know: it was set up anew, or something else answers",
            "Only if you know why: `{forget}`, then `{login}` once, and compare the fingerprint with the device's own.",
        ),
        (
            "REVOKED",
            "shows a host key that your known_hosts marks as revoked",
            "Do not connect before you know why.",
        ),
        (
            r"No \S+ host key is known for (?P<host>\S+)",
            "has a host key that you have not accepted yet (for {host})",
            _ONCE,
        ),
        ("Host key verification failed", "has a host key that you have not accepted yet", _ONCE),
        (
            r"(?P<who>\S+@\S+): Permission denied",
            "does not let you in: {who} takes none of the keys that ssh can use",
            _KEYS,
        ),
        (
            "Permission denied|Too many authentication failures",
            "does not let you in: it takes none of the keys that ssh can use",
            _KEYS,
        ),
        (
            r"Could not resolve hostname (?P<host>[^:\n]+)",
            "is not known by that name ({host})",
            "Look at the name, or at HostName in ~/.ssh/config.",
        ),
        (
            r"connect to host (?P<host>\S+) port (?P<port>\d+): Connection refused",
            "cannot be reached: nothing listens on {host} at port {port}",
            "Is it the right port, and is sshd running?",
        ),
        (
            r"connect to host (?P<host>\S+) port \d+: (?P<reason>.+)",
            "cannot be reached: {host} does not answer ({reason})",
            "Is it switched on and in this network?",
        ),
        ("timed out", "does not answer", "Is it switched on and in this network?"),
        (
            "Bad owner or permissions on (?P<file>[^\n]+)",
            "cannot be called: ssh refuses {file}, which others may write to",
            "chmod 600 that file.",
        ),
    )
)
