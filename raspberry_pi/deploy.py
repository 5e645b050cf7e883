#!/usr/bin/env python3
"""Deploy one bundle to a fleet of Raspberry Pis that a file lists.

    raspberry_pi/deploy.py fleet.toml                      deploy: the canary first, the rest after it passes
    raspberry_pi/deploy.py fleet.toml --status             what each board runs
    raspberry_pi/deploy.py fleet.toml --rollback           back to the release before
    raspberry_pi/deploy.py fleet.toml --install-service    once: the systemd unit that serves the current release

All the work is done by `edgekit deploy`, `status` and `rollback`, and the exit codes are theirs. What follows `--` goes
to them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from edgekit.cli.main import exit_code_of
from edgekit.core.errors import DeviceError, UsageError
from edgekit.deploy.site import require_board
from edgekit.transports.uri import DeviceUri, parse_device

UNIT = Path(__file__).with_name("edgekit.service")
KEYS = {"bundle": str, "boards": list, "canary": int, "key": str, "health_s": int}
RANGES = {"canary": (0, 10_000), "health_s": (1, 3600)}
INSTALL = """
set -e
mkdir -p ~/.config/systemd/user
cat > ~/.config/systemd/user/.edgekit.service
mv ~/.config/systemd/user/.edgekit.service ~/.config/systemd/user/edgekit.service
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
systemctl --user daemon-reload
systemctl --user enable edgekit.service
loginctl enable-linger || echo "the service starts at login only: run  sudo loginctl enable-linger $(id -un)  there" >&2
systemctl --user restart edgekit.service
"""
SSH_S = 120


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet file."""

    bundle: Path
    boards: tuple[DeviceUri, ...]
    canary: int
    key: Path | None
    health_s: int

    @staticmethod
    def read(path: Path) -> Fleet:
        """Raises UsageError, naming the key that is missing, unknown or of another type."""
        try:
            record = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"cannot read {path}: {error}") from error
        for name, value in record.items():
            if name not in KEYS or type(value) is not KEYS[name]:
                raise UsageError(f"{path}: {name!r} is unknown or of another type", f"known: {', '.join(KEYS)}")
        if not record.get("bundle") or not record.get("boards"):
            raise UsageError(f"{path}: `bundle` and `boards` are needed")
        boards = tuple(parse_device(str(text)) for text in record["boards"])
        for board in boards:
            require_board(board)
        if len(set(boards)) != len(boards):
            raise UsageError(f"{path}: a board is named twice")
        for name, (least, most) in RANGES.items():
            if not least <= record.get(name, least) <= most:
                raise UsageError(f"{path}: {name!r} must be {least} to {most}")
        key = _path(path, record["key"]) if "key" in record else None
        return Fleet(_path(path, record["bundle"]), boards, record.get("canary", 1), key, record.get("health_s", 60))

    def devices(self) -> list[str]:
        """As edgekit's options."""
        return [word for board in self.boards for word in ("--device", str(board))]


def _path(fleet: Path, text: str) -> Path:
    if not text.isprintable():
        raise UsageError(f"{fleet}: {text[:80]!r} is no path")
    try:
        return fleet.resolve().parent / Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{fleet}: there is no home for {text[:80]!r}") from error


def deploy(fleet: Fleet, more: list[str]) -> int:
    """`edgekit deploy` to the whole fleet."""
    key = ["--key", str(fleet.key)] if fleet.key else []
    how = ["--canary", str(fleet.canary), "--health", str(fleet.health_s), *key]
    return edgekit("deploy", str(fleet.bundle), *fleet.devices(), *how, *more)


def edgekit(*words: str) -> int:
    """Run the command as a person would."""
    return subprocess.run([sys.executable, "-m", "edgekit", *words], check=False).returncode


def install_service(fleet: Fleet) -> int:
    """Put the unit on each board and start it. Raises DeviceError for the first board that fails."""
    config = os.environ.get("EDGEKIT_SSH_CONFIG")
    for board in fleet.boards:
        words = ["ssh", *(["-F", config] if config else []), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        port = ["-p", str(board.port)] if board.port else []
        target = f"{board.user}@{board.host.strip('[]')}"
        with UNIT.open("rb") as unit:
            try:
                done = subprocess.run([*words, *port, target, INSTALL], stdin=unit, check=False, timeout=SSH_S)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise DeviceError(f"{board}: the service could not be installed: {error}") from error
        if done.returncode != 0:
            raise DeviceError(f"{board}: the service could not be installed (exit code {done.returncode})")
        sys.stdout.write(f"{board}: the service is installed\n")
    return 0


def main() -> int:
    """The script. Exit codes as edgekit's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fleet", type=Path)
    what = parser.add_mutually_exclusive_group()
    for name in ("status", "rollback", "install-service"):
        what.add_argument(f"--{name}", action="store_true")
    parser.add_argument("more", nargs="*", help="after --: more options for edgekit")
    options = parser.parse_args()
    fleet = Fleet.read(options.fleet)
    if options.install_service:
        return install_service(fleet)
    if options.status or options.rollback:
        return edgekit("status" if options.status else "rollback", *fleet.devices(), *options.more)
    return deploy(fleet, options.more)


if __name__ == "__main__":
    sys.exit(exit_code_of(main))
