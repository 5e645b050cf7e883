"""Faults between us and a device, the same for every kind of device."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.fault import Fault, Seen, caught, environment, file_of, opened, refused, scratch
from edgekit.core.errors import DeviceError
from edgekit.lab.board import Board
from edgekit.lab.phone import Phone
from tests.devices.cases import Case, Device, Second, case

_KINDS = ("ssh", "adb", "serial", "qemu", "local")
_CUT = "an error that names the device; nothing under the file's name; the next session works"


def faults() -> Iterator[Fault]:
    """Each fault that a kind of device can have."""
    for kind in _KINDS:
        found = case(kind)
        yield Fault(kind, "a program that never ends", "killed when its time is up", _on(found, _endless))
        yield Fault(kind, "a program that is not there", "an error that names it", _on(found, _no_program))
        yield Fault(
            kind, "a path that leads out of the folder", "refused before anything is sent", _on(found, _leads_out)
        )
        if found.second is Second.REFUSED:
            yield Fault(kind, "a second session at the same time", "refused, the first goes on", _on(found, _second))
        if kind == "local":
            continue
        yield Fault(kind, "a file that does not fit", "an error, no file, what was there stays", _on(found, _too_big))
        if kind == "qemu":
            continue
        yield Fault(kind, "power cut in mid-push", _CUT, _on(found, _vanish_in_push))
        yield Fault(kind, "power cut in mid-run", _CUT, _on(found, _vanish_in_run))
        yield Fault(kind, "power cut between two runs", _CUT, _on(found, _vanish_between))
        if found.words.lock is not None:
            yield Fault(kind, "no permission to write", "an error, no file", _on(found, _no_permission))
    yield from _boards()
    yield from _phones()


def _on(kind: Case, run: Callable[[Case, Device, Path], Seen]) -> Callable[[], Seen]:
    def work() -> Seen:
        with scratch() as folder, kind.start(folder) as device, environment(dict(device.environment)):
            return run(kind, device, folder)

    return work


def _endless(kind: Case, device: Device, folder: Path) -> Seen:
    session = opened(device.uri)
    seen = refused(lambda: session.run(kind.words.sleep(600), 2 * kind.speed), 5)
    works = session.run(kind.words.exit(7), 60).exit_code == 7
    session.close()
    return Seen(seen.kept and works, seen.words)


def _no_program(kind: Case, device: Device, folder: Path) -> Seen:
    with opened(device.uri) as session:
        return refused(lambda: session.run(["no-such-program"], 60), 5, "no-such-program")


def _leads_out(kind: Case, device: Device, folder: Path) -> Seen:
    source = file_of(folder, b"x")
    with opened(device.uri) as session:
        seen = [refused(lambda p=path: session.push(source, p), 5) for path in ("../out", "/tmp/out", "a/../../out")]
    return Seen(all(s.kept for s in seen), seen[0].words)


def _second(kind: Case, device: Device, folder: Path) -> Seen:
    with opened(device.uri) as first:
        seen = refused(lambda: opened(device.uri).close(), 5, "in use")
        works = first.run(kind.words.exit(7), 60).exit_code == 7
    return Seen(seen.kept and works, seen.words)


def _too_big(kind: Case, device: Device, folder: Path) -> Seen:
    if device.most_bytes is None:
        return Seen(False, "this device has no limit to try")
    big = file_of(folder, b"\0" * (device.most_bytes + 1_000_000), "big")
    with opened(device.uri) as session:
        session.push(file_of(folder, b"the one before"), "file")
        seen = refused(lambda: session.push(big, "file"), 5)
        session.pull("file", folder / "back")
    return Seen(seen.kept and (folder / "back").read_bytes() == b"the one before", seen.words)


def _vanish_in_push(kind: Case, device: Device, folder: Path) -> Seen:
    assert device.vanish_after is not None
    size = min(2_000_000, (device.most_bytes or 2_000_000) // 2)
    source = file_of(folder, hashlib.shake_256(b"fault").digest(size))
    session = opened(device.uri)
    device.vanish_after(size // 2)
    seen = refused(lambda: session.push(source, "file"), 5, device.uri)
    session.close()
    return _again(kind, device, seen)


def _vanish_in_run(kind: Case, device: Device, folder: Path) -> Seen:
    session = opened(device.uri)
    lines = session.stream(kind.words.first, 60)
    first = next(lines)
    assert device.vanish is not None
    device.vanish()
    seen = refused(lambda: list(lines), 5, device.uri)
    session.close()
    return _again(kind, device, Seen(seen.kept and first == "first", seen.words))


def _vanish_between(kind: Case, device: Device, folder: Path) -> Seen:
    session = opened(device.uri)
    session.run(kind.words.exit(0), 60)
    assert device.vanish is not None
    device.vanish()
    seen = refused(lambda: session.run(kind.words.exit(0), 60), 5, device.uri)
    pulled = caught(lambda: session.pull("file", folder / "back"))
    session.close()
    kept = seen.kept and isinstance(pulled, DeviceError) and not (folder / "back").exists()
    return _again(kind, device, Seen(kept, seen.words))


def _no_permission(kind: Case, device: Device, folder: Path) -> Seen:
    assert kind.words.lock is not None
    with opened(device.uri) as session:
        session.run(kind.words.lock("locked"), 60)
        seen = refused(lambda: session.push(file_of(folder, b"x"), "locked/file"), 5, "locked/file")
        absent = session.run(kind.words.exists("locked/file"), 60).exit_code == 1
    return Seen(seen.kept and absent, seen.words)


def _again(kind: Case, device: Device, seen: Seen) -> Seen:
    """Kept only where the device works again afterwards, and holds no file of that name."""
    assert device.come_back is not None
    device.come_back()
    with opened(device.uri) as session:
        works = session.run(kind.words.exit(7), 60).exit_code == 7
    return Seen(seen.kept and works, seen.words)


@contextmanager
def _board() -> Iterator[Board]:
    with Board("native") as board, environment({"EDGEKIT_SSH_CONFIG": str(board.ssh_config)}):
        yield board


def _boards() -> Iterator[Fault]:
    promised = "an error before anything is sent, nothing accepted"
    yield Fault("ssh", "the cable is pulled in mid-run", _CUT, lambda: _ssh_line("pull"))
    yield Fault("ssh", "the line falls silent in mid-run", "noticed, an error", lambda: _ssh_line("stall"))
    yield Fault("ssh", "a host key that nobody knows", promised, lambda: _host_key(""))
    yield Fault("ssh", "another host key than the known one", promised, lambda: _host_key("other"))
    yield Fault("ssh", "our key is refused", "an error that says so", _no_key)
    yield Fault("ssh", "sshd is killed in mid-run", _CUT, _sshd_killed)


def _ssh_line(how: str) -> Seen:
    with _board() as board:
        session = opened(board.uri)
        lines = session.stream(["sh", "-c", "echo first; sleep 60"], 90)
        next(lines)
        if how == "pull":
            board.box.pull()
        else:
            board.box.stall_after(0)
        seen = refused(lambda: list(lines), 5, board.uri)
        session.close()
        board.box.plug()
        with opened(board.uri) as again:
            works = again.run(["true"], 60).exit_code == 0
    return Seen(seen.kept and works, seen.words)


def _host_key(which: str) -> Seen:
    with _board() as board, scratch() as folder:
        known = folder / "known_hosts"
        if which:
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "k")], check=True)
            port = board.uri.rpartition(":")[2]
            known.write_text(f"[127.0.0.1]:{port} " + (folder / "k.pub").read_text())
        else:
            known.touch()
        before = known.read_bytes()
        return _with_option(board, folder, f"UserKnownHostsFile {known}", lambda: known.read_bytes() == before)


def _no_key() -> Seen:
    with _board() as board, scratch() as folder:
        return _with_option(board, folder, "PubkeyAuthentication no", lambda: True)


def _with_option(board: Board, folder: Path, option: str, also: Callable[[], bool]) -> Seen:
    """Open with one option put before the board's own configuration, of which ssh takes the first."""
    config = folder / "config"
    config.write_text(f"{option}\n{board.ssh_config.read_text()}")
    with environment({"EDGEKIT_SSH_CONFIG": str(config)}):
        seen = refused(lambda: opened(board.uri).close(), 5, board.uri)
    return Seen(seen.kept and also(), seen.words)


def _sshd_killed() -> Seen:
    with _board() as board:
        session = opened(board.uri)
        lines = session.stream(["sh", "-c", "echo first; sleep 60"], 90)
        next(lines)
        board.box.power_off()
        seen = refused(lambda: list(lines), 5, board.uri)
        session.close()
        board.box.power_on()
        with opened(board.uri) as again:
            works = again.run(["true"], 60).exit_code == 0
    return Seen(seen.kept and works, seen.words)


def _phones() -> Iterator[Fault]:
    yield Fault("adb", "the cable is pulled in mid-run", _CUT, lambda: _phone_line("pull"))
    yield Fault("adb", "the line falls silent in mid-run", "noticed, an error", lambda: _phone_line("stall"))
    yield Fault("adb", "a phone that is not connected", "an error that names it", _no_phone)


def _phone_line(how: str) -> Seen:
    with Phone() as phone, environment(dict(phone.environment)):
        session = opened(phone.uri)
        lines = session.stream(["sh", "-c", "echo first; sleep 60"], 20)
        next(lines)
        if how == "pull":
            phone.box.pull()
        else:
            phone.box.stall_after(0)
        seen = refused(lambda: list(lines), 5, phone.uri)
        session.close()
        phone.box.plug()
        end, works = time.monotonic() + 60, False
        while not works and time.monotonic() < end:
            works = caught(lambda: opened(phone.uri).close()) is None
    return Seen(seen.kept and works, seen.words)


def _no_phone() -> Seen:
    with Phone() as phone, environment(dict(phone.environment)):
        return refused(lambda: opened("adb:emulator-9999").close(), 5, "adb:emulator-9999")
