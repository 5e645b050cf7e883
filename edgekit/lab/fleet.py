"""The fleet of the lab: devices that are started together and live on when the command that started them has ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import errors
from edgekit.core.errors import DeviceError, EdgekitError
from edgekit.core.files import write_atomic
from edgekit.core.process import last_line
from edgekit.core.progress import Progress
from edgekit.core.records import canonical_json, to_record
from edgekit.lab.keeper import FAILURE
from edgekit.lab.members import Member, members, ssh_config
from edgekit.lab.packages import require
from edgekit.lab.turn import turn
from edgekit.transports.lab_devices import STARTING, LabDevice, fleet_folder, lab_devices, start_of
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import parse_device

_START_S = 900.0
"""The first start fetches and unpacks some hundred packages."""
_END_S = 20.0
_POLL_S = 0.05
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a device of the fleet can be used now: `trouble` is empty, or says in one sentence why not."""

    device: LabDevice
    trouble: str


def up(names: tuple[str, ...], progress: Progress) -> tuple[LabDevice, ...]:
    """Start the devices of these names (all for none) that do not run yet, and return all of them.

    Raises MissingError, before anything is started, where this machine lacks a package; DeviceError where one does not
    start, and then none of this call's runs. Raises UsageError for an unknown name.
    """
    wanted = members(names)
    require([program for member in wanted for program in member.programs])
    with _alone():
        _write_ssh_config()
        running = {device.name for device in lab_devices() if device.running()}
        new = [member for member in wanted if member.name not in running]
        for device in lab_devices(STARTING):  # of a start that was killed
            if device.name not in running:
                _end(device.pid, device.started)
        if new:
            _start(new, progress)
    chosen = {member.name for member in wanted}
    return tuple(device for device in lab_devices() if device.name in chosen)


def down(names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """End the devices of these names (all for none) by their process ids, and return the names of those that ran.

    Raises DeviceError where one does not end, UsageError for an unknown name.
    """
    chosen = {member.name for member in members(names)}
    ended = []
    with _alone():
        for device in (*lab_devices(), *lab_devices(STARTING)):
            if device.name in chosen and device.running():
                _end(device.pid, device.started)
                ended.append(device.name)
        for name in chosen:
            shutil.rmtree(fleet_folder() / name, ignore_errors=True)
    return tuple(ended)


def answers(devices: tuple[LabDevice, ...]) -> tuple[Answer, ...]:
    """Open and close a session on each device, at once."""
    if not devices:
        return ()
    with ThreadPoolExecutor(len(devices)) as pool:
        return tuple(pool.map(_ask, devices))


def variables(devices: tuple[LabDevice, ...]) -> Mapping[str, str]:
    """What ssh, adb and scripts need in their environment: the devices' own, and EDGEKIT_LAB_NAME for each URI."""
    found = {f"EDGEKIT_LAB_{device.name.upper()}": device.uri for device in devices}
    for device in devices:
        found.update(device.variables)
    return found


def _ask(device: LabDevice) -> Answer:
    if not device.running():
        return Answer(device, "its process is gone")
    try:
        with transport_for(parse_device(device.uri)):
            return Answer(device, "")
    except EdgekitError as error:
        return Answer(device, error.message)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with turn(fleet_folder() / ".lock", "the lab", _START_S):
        yield


def _write_ssh_config() -> None:
    """A file that includes what each board brings, when it is there, and after it what ssh would have read."""
    lines = [f'Include "{fleet_folder().absolute()}/*/ssh/config"', "Match all", "Include ~/.ssh/config"]
    write_atomic(ssh_config(), ("\n".join([*lines, "Include /etc/ssh/ssh_config"]) + "\n").encode())


def _start(new: list[Member], progress: Progress) -> None:
    progress.start(f"starting {', '.join(member.name for member in new)}", len(new))
    keepers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for member in new:
            keepers[member.name] = _launch(member)
        _wait(dict(keepers), progress)
    except BaseException:
        for keeper in keepers.values():
            _end(keeper.pid, start_of(keeper.pid))
        raise
    finally:
        progress.finish()


def _launch(member: Member) -> subprocess.Popen[bytes]:
    folder = fleet_folder() / member.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    path = os.pathsep.join(filter(None, (str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH"))))
    with (folder / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgekit.lab.keeper", member.name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    device = LabDevice(member.name, "", member.what, keeper.pid, start_of(keeper.pid), {})
    write_atomic(folder / STARTING, canonical_json(to_record(device)))
    return keeper


def _wait(keepers: dict[str, subprocess.Popen[bytes]], progress: Progress) -> None:
    """Wait until each device has its record. Raises the error of the first that fails."""
    deadline = time.monotonic() + _START_S
    while keepers:
        ready = {device.name for device in lab_devices() if device.running()}
        for name, keeper in tuple(keepers.items()):
            if keeper.poll() is not None:
                raise _failure(name)
            if name in ready:
                del keepers[name]
                progress.advance()
        if time.monotonic() > deadline:
            raise DeviceError(f"the lab's {', '.join(keepers)} did not start within {_START_S:g} s")
        time.sleep(_POLL_S)


def _failure(name: str) -> EdgekitError:
    """Why a keeper ended."""
    folder = fleet_folder() / name
    try:
        fields = json.loads((folder / FAILURE).read_text())
        return getattr(errors, fields["kind"])(fields["message"], fields["hint"])  # type: ignore[no-any-return]
    except (OSError, ValueError, KeyError):
        log = folder / "keeper.log"
        said = last_line(log.read_text(errors="replace")) if log.exists() else ""
        return DeviceError(f"the lab's {name} did not start: {said or 'it said nothing'}")


def _end(pid: int, started: str) -> None:
    """End one process and wait for it: gently, then by force. Another process that has its number now is left alone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if start_of(pid) != started or not started:
                return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], _END_S)[0]:
                return
    finally:
        os.close(handle)
    raise DeviceError(f"the process {pid} of the lab does not end")
