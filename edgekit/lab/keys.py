"""The keys and files by which a lab board and its user know each other: made for one board, used by nobody else."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import DeviceError
from edgekit.lab.packages import program

SSH_PORT = 2222
"""Where sshd listens inside the box: 22 would need root."""
_KEYGEN_S = 30

_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey /lab/sshd/host
AuthorizedKeysFile /lab/sshd/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
KexAlgorithms curve25519-sha256
PrintMotd no
MaxStartups 100
MaxSessions 100
Subsystem sftp /usr/lib/openssh/sftp-server
SetEnv {environment}
"""
_CLIENT = """\
Match host "127.0.0.1" exec "test %p = {port}"
    IdentityFile "{folder}/key"
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile "{folder}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    KexAlgorithms curve25519-sha256
"""


@dataclass(frozen=True, slots=True)
class BoardKeys:
    """What a board and its user hold: the same for as long as the folders stay, so that a restarted board is known.

    Args:
        user: the user's key, known_hosts and configuration; the board never sees it.
        board: the board's host key, sshd_config and authorized_keys; its `/lab/sshd`.
    """

    user: Path
    board: Path

    @property
    def client_config(self) -> Path:
        """A configuration for ssh and scp that knows the board at 127.0.0.1:PORT, and nothing else."""
        return self.user / "config"

    @property
    def known_hosts(self) -> Path:
        """The host keys that the user knows: that of this board."""
        return self.user / "known_hosts"

    def make(self, port: int, environment: tuple[tuple[str, str], ...]) -> None:
        """Write all of it for a board at 127.0.0.1:`port` whose sessions get `environment`. Raises DeviceError."""
        for key in (self.user / "key", self.board / "host"):
            key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not key.exists():
                _generate(key)
        host = " ".join((self.board / "host.pub").read_text().split()[:2])
        self.known_hosts.write_text(f"[127.0.0.1]:{port} {host}\n")
        self.client_config.write_text(_CLIENT.format(port=port, folder=self.user))
        words = " ".join(f"{name}={value}" for name, value in environment)
        (self.board / "sshd_config").write_text(_SSHD.format(port=SSH_PORT, environment=words))
        (self.board / "authorized_keys").write_text((self.user / "key.pub").read_text())


def _generate(path: Path) -> None:
    words = [str(program("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-C", f"edgekit-lab-{path.name}"]
    done = subprocess.run([*words, "-f", str(path)], capture_output=True, text=True, check=False, timeout=_KEYGEN_S)
    if done.returncode != 0:
        raise DeviceError(f"cannot make the key {path}: {done.stderr.strip()}")
