"""A real adbd, and what can happen to it: killed, pulled, stalled, full, read-only, in use, behind another server."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError
from edgekit.lab.adb_server import AdbServer
from edgekit.lab.box import Towards
from edgekit.lab.phone import Phone, PhoneOptions
from edgekit.transports.adb import AdbTransport, discover
from edgekit.transports.keeper import Patience
from edgekit.transports.uri import DeviceUri, parse_device
from tests.devices.need import need, without

QUICK = Patience(connect_s=10, beat_s=0.5, deserted_s=10, answer_s=5)
"""For lines that fall silent; else a busy machine might be taken for one."""
GONE = "lost|not connected|offline|no answer|cannot be reached|does not answer|did not answer"


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(bytes(range(256)) * 40_000)
    return path


def _transport(phone: Phone, patience: Patience | None = None) -> AdbTransport:
    return AdbTransport(parse_device(phone.uri), patience)


def _sessions(phone: Phone) -> list[str]:
    return [path.name for path in phone.scratch.glob(".edgekit-session.*")]


def _eventually(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


@contextmanager
def _when(ready: Callable[[], bool], then: Callable[[], None]) -> Iterator[None]:
    """Do `then` beside the block, once `ready`."""

    def work() -> None:
        if _eventually(ready):
            then()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(40)
    assert not thread.is_alive()


def _arriving(phone: Phone) -> bool:
    """Whether part of a file, and not all of it, is on the phone."""
    return any(path.stat().st_size > 0 for path in phone.scratch.glob(".edgekit-session.*/run/*.part"))


def test_adbd_killed_in_mid_push(phone: Phone, big: Path) -> None:
    phone.box.rate(4_000_000)
    with _transport(phone) as device:
        device.push(Path(__file__), "model")
        with _when(lambda: _arriving(phone), phone.box.power_off), pytest.raises(DeviceError, match=GONE) as error:
            device.push(big, "model")
        assert phone.uri in error.value.message
        # What was pushed before is whole, or gone where the keeper still heard the line break before it was killed.
        assert len(_sessions(phone)) <= 1
        left = [*phone.scratch.glob(".edgekit-session.*/work/model")]
        assert all(path.read_bytes() == Path(__file__).read_bytes() for path in left)
    phone.box.power_on()
    with _transport(phone) as device:
        device.push(big, "model")
        assert len(_sessions(phone)) == 1  # what the power cut left is gone


def test_the_cable_pulled_in_mid_run(phone: Phone) -> None:
    alive = phone.folder / "sdcard/alive"
    script = "while true; do echo alive >>/sdcard/alive; sleep 0.1; done"
    with _transport(phone) as device:
        with _when(alive.exists, phone.box.pull), pytest.raises(DeviceError, match=GONE):
            device.run(["sh", "-c", script], 60)
        assert _eventually(lambda: not _sessions(phone))  # the phone has ended the program by itself
        size = alive.stat().st_size
        phone.box.plug()
        with pytest.raises(DeviceError, match=GONE):
            device.run(["true"], 10)
    with _transport(phone) as device:
        assert device.run(["cat", "/sdcard/alive"], 10).stdout == "alive\n" * (size // 6)
    alive.unlink()


@pytest.mark.parametrize("towards", list(Towards))
def test_a_line_that_falls_silent_in_mid_run(phone: Phone, towards: Towards) -> None:
    begun = phone.folder / "sdcard/begun"
    with _transport(phone, QUICK) as device:
        silent = _when(begun.exists, lambda: phone.box.stall_after(0, towards))
        with silent, pytest.raises(DeviceError, match=GONE):
            device.run(["sh", "-c", "true >/sdcard/begun; sleep 600"], 600)
    begun.unlink()


def test_a_line_that_falls_silent_in_mid_push(phone: Phone, big: Path) -> None:
    with _transport(phone, QUICK) as device:
        phone.box.stall_after(2_000_000)
        with pytest.raises(DeviceError, match=GONE):
            device.push(big, "model")


def test_a_line_that_is_silent_from_the_start(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    with _transport(phone) as device:
        device.run(["true"], 10)
    phone.box.stall_after(0)
    monkeypatch.setattr("edgekit.transports.adb_client.PROBE_S", 1.0)
    monkeypatch.setattr("edgekit.transports.adb_client.CALL_S", 3.0)
    with pytest.raises(DeviceError, match=GONE):
        _transport(phone, QUICK).open()


def test_a_phone_that_restarts_between_two_sessions(phone: Phone) -> None:
    with _transport(phone) as device:
        assert device.run(["true"], 10).exit_code == 0
    phone.box.power_off()
    phone.box.power_on()
    with _transport(phone) as device:
        assert device.run(["true"], 10).exit_code == 0


def test_a_phone_that_is_off(phone: Phone) -> None:
    phone.box.power_off()
    with pytest.raises(DeviceError, match=GONE) as error:
        _transport(phone).open()
    assert phone.uri in error.value.message and "\n" not in error.value.message


def test_a_device_by_its_serial_number_alone(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    with _transport(phone):
        pass  # which has connected it, as a cable would
    by_serial = AdbTransport(DeviceUri("adb", name=phone.serial))
    with by_serial:
        assert by_serial.run(["sh", "-c", "exit 5"], 10).exit_code == 5
    phone.box.power_off()
    monkeypatch.setattr("edgekit.transports.adb_client.SETTLE_S", 0.5)
    with pytest.raises(DeviceError, match="is offline|is not connected"):
        by_serial.open()


def test_a_full_disk(tmp_path: Path, big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("bwrap", "adb")
    with Phone(PhoneOptions(disk_bytes=4_000_000)) as phone:
        for name, value in phone.environment.items():
            monkeypatch.setenv(name, value)
        with _transport(phone) as device:
            device.push(Path(__file__), "model")
            with pytest.raises(DeviceError, match="cannot write 'model': .*No space left on device"):
                device.push(big, "model")
            device.pull("model", tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == Path(__file__).read_bytes()
            assert device.run(["sh", "-c", "cat /dev/zero >fill"], 30).exit_code == 1
            with pytest.raises(DeviceError, match="No space left on device"):
                device.push(Path(__file__), "other")
            assert device.run(["ls"], 10).stdout == "fill\nmodel\n"


def test_a_folder_without_permission(phone: Phone) -> None:
    phone.scratch.chmod(0o555)
    try:
        with pytest.raises(DeviceError, match=r"[Pp]ermission|not a file to read"), _transport(phone):
            pass
    finally:
        phone.scratch.chmod(0o777)


def test_two_sessions_through_two_servers(phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _transport(phone) as device, AdbServer(tmp_path / "server") as other:
        for name, value in other.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(DeviceError, match="is in use by another edgekit session"):
            _transport(phone).open()
        device.close()
        with _transport(phone) as second:
            assert second.run(["true"], 10).exit_code == 0


def test_a_server_named_by_address_and_port(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADB_SERVER_SOCKET")
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(phone.server.port))
    monkeypatch.setenv("ANDROID_SERIAL", "another-phone")
    with _transport(phone) as device:
        assert device.run(["getprop", "ro.boot.qemu"], 10).stdout == "1\n"
    assert [(found.uri, found.usable) for found in discover()] == [(phone.uri, True)]


def test_the_server_ends_in_mid_run(phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = phone.folder / "sdcard/begun"
    with AdbServer(tmp_path / "server") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with _transport(phone) as device:
            with _when(begun.exists, server.stop), pytest.raises(DeviceError, match=GONE):
                device.run(["sh", "-c", "true >/sdcard/begun; sleep 600"], 600)
            assert _eventually(lambda: not _sessions(phone))
    begun.unlink()


_SLEEPER = """
import sys
from edgekit.transports.adb import AdbTransport
from edgekit.transports.uri import DeviceUri, parse_device
with AdbTransport(parse_device(sys.argv[1])) as device:
    device.run(["sh", "-c", "true >/sdcard/begun; exec sleep 600"], 600)
"""


def test_edgekit_is_killed_in_mid_run(phone: Phone) -> None:
    begun = phone.folder / "sdcard/begun"
    with subprocess.Popen([sys.executable, "-c", _SLEEPER, phone.uri]) as edgekit:
        assert _eventually(begun.exists)
        edgekit.kill()
    assert _eventually(lambda: not _sessions(phone))
    with _transport(phone) as device:
        assert "sleep 600" not in device.run(["ps", "-A", "-o", "ARGS"], 10).stdout
    begun.unlink()


def test_names_that_a_shell_would_take_for_commands(phone: Phone, tmp_path: Path) -> None:
    names = ["$(touch pwned)", "`touch pwned`", "a;touch pwned", "a|b&c", "~", "*?[x]", "a'b\"c", "%s\\n", "ä €"]
    source = tmp_path / "a;touch pwned $(x)"
    source.write_text("x")
    with _transport(phone) as device:
        for name in names:
            device.push(source, name)
            device.pull(name, tmp_path / "back" / name)
            assert (tmp_path / "back" / name).read_text() == "x"
        there = device.run(["sh", "-c", "printf '%s\\n' *"], 10).stdout.splitlines()
        assert sorted(there) == sorted(names)
        for name in ("../out", "/data/local/tmp/out", "-rf", "a\nb", "a/../../out"):
            with pytest.raises(DeviceError, match="not a path below"):
                device.push(source, name)
    assert {path.name for path in phone.scratch.iterdir()} <= {"edgekit.lock"}


def test_a_program_keeps_its_mode(phone: Phone, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/usr/bin/env python3\nimport ai_edge_litert.interpreter, sys; print(sys.argv[1:])\n")
    program.chmod(0o755)
    with _transport(phone) as device:
        device.push(program, "program")
        assert device.run(["./program", "a b", "$(id)"], 60).stdout == "['a b', '$(id)']\n"


def test_the_adb_that_the_extra_brings(phone: Phone, big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec("adbutils")
    if spec is None or spec.origin is None:
        without("adbutils is not installed: pip install 'edgekit[adb]'")
    monkeypatch.setenv("EDGEKIT_ADB", str(Path(spec.origin).parent / "binaries/adb"))
    begun = phone.folder / "sdcard/begun"
    with _transport(phone) as device:
        device.push(big, "big")
        assert device.run(["sh", "-c", "wc -c <big; echo err >&2; exit 3"], 10).exit_code == 3
        with _when(begun.exists, phone.box.pull), pytest.raises(DeviceError, match=GONE):
            device.run(["sh", "-c", "true >/sdcard/begun; sleep 600"], 600)
    begun.unlink()
