"""A small router or camera: Dropbear for sshd, BusyBox for everything else, neither scp nor sftp."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit.core.errors import DeviceError, MissingError
from edgekit.lab.box import Bind, Box, BoxPlan, Memory
from edgekit.lab.debs import RootRecipe, root_filesystem
from tests.devices.cases import Case, Device
from tests.devices.need import need, without

_DISK_BYTES = 24_000_000
_PORT = 2222
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PACKAGES = ("busybox-static", "dropbear-bin")
_START = (
    "cp -r /keys/.ssh /home/pi && { [ -e /keys/host ] || dropbearkey -t ed25519 -f /keys/host; } && "
    f"exec dropbear -F -E -p {_PORT} -r /keys/host -P /tmp/pid"
)


@contextmanager
def _start(folder: Path) -> Iterator[Device]:
    need("bwrap", "ssh", "ssh-keygen")
    recipe = RootRecipe("busybox", _ARCHITECTURES[platform.machine()], _PACKAGES, revision=1)
    try:
        root = root_filesystem(recipe, _finish)
    except (DeviceError, MissingError) as error:
        without(str(error))
    keys = folder / "keys"
    (keys / ".ssh").mkdir(parents=True, mode=0o700)
    mounts = (Bind(root, "/"), Bind(keys, "/keys", writable=True), Memory("/home/pi", _DISK_BYTES), Memory("/tmp"))
    _keys(keys)
    with Box(
        BoxPlan("router", ("/bin/sh", "-c", _START), _PORT, mounts, (("PATH", "/usr/bin:/usr/sbin"),)), folder / "log"
    ) as box:
        yield Device(
            f"ssh:pi@127.0.0.1:{box.port}",
            {"EDGEKIT_SSH_CONFIG": str(_config(folder, box.port))},
            vanish=box.power_off,
            vanish_after=box.drop_after,
            come_back=lambda: _mend(box),
            most_bytes=_DISK_BYTES,
        )


def _finish(root: Path) -> None:
    """Leave BusyBox and Dropbear, the libraries, and the two files without which nobody can log in."""
    busybox = root / "usr" / "bin" / "busybox"
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=20).stdout
    for folder in ("usr/bin", "usr/sbin"):
        for program in (root / folder).iterdir():
            if program.name not in {"busybox", "dropbear", "dropbearkey"}:
                program.unlink()
    for name in listed.split():
        link = root / "usr" / "bin" / name
        if not link.exists():
            link.symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000:pi:/home/pi:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\npi:x:1000:\n")
    (root / "etc" / "shells").write_text("/bin/sh\n")
    (root / "keys").mkdir()


def _keys(keys: Path) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "busybox", "-f", str(keys.parent / "key")]
    subprocess.run(words, check=True, timeout=60)
    (keys / ".ssh" / "authorized_keys").write_bytes((keys.parent / "key.pub").read_bytes())
    (keys / ".ssh" / "authorized_keys").chmod(0o600)


def _config(folder: Path, port: int) -> Path:
    """What `ssh-keyscan` says is what a person would have compared and accepted."""
    scan = ["ssh-keyscan", "-t", "ed25519", "-p", str(port), "127.0.0.1"]
    known = ""
    deadline = time.monotonic() + 20
    while not known and time.monotonic() < deadline:
        known = subprocess.run(scan, capture_output=True, text=True, check=False, timeout=20).stdout
    (folder / "known_hosts").write_text(known)
    config = folder / "config"
    config.write_text(
        f"IdentityFile {folder}/key\nIdentitiesOnly yes\nIdentityAgent none\n"
        f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile /dev/null\n"
    )
    return config


def _mend(box: Box) -> None:
    if not box.running():
        box.power_on()
    box.plug()


CASE = Case("busybox", "ssh", _start)
