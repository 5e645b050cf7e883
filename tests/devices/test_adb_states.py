"""What adb says about a device that cannot be used becomes one sentence and a hint, whatever the device is called."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, MissingError
from edgekit.transports import adb_client
from edgekit.transports.adb import AdbTransport, discover
from edgekit.transports.adb_client import Listed, adb_program, parse_devices
from edgekit.transports.uri import DeviceUri, parse_device
from tests.devices.need import need
from tests.devices.smart_socket import SmartSocket, smart_socket

NO_PERMISSIONS = "no permissions (missing udev rules? user is in the plugdev group); see [http://developer.android.com]"
HOSTILE = ("$(touch pwned)", "a;touch pwned", "-H evil", "a b", "../../x", "\x1b[31mred", "'\"`")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmartSocket]:
    need("adb")
    with smart_socket() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.mark.parametrize(
    ("state", "sentence", "hint"),
    [
        ("unauthorized", "has not accepted this computer's key", "allow USB debugging"),
        (NO_PERMISSIONS, "no permission for this USB device", "udev rules"),
        ("recovery", "is in recovery", "adb reboot"),
        ("bootloader", "is in its bootloader", "fastboot reboot"),
        ("rescue", "is in the state 'rescue'", "Restart"),
    ],
)
def test_a_state_is_one_sentence_and_a_hint(server: SmartSocket, state: str, sentence: str, hint: str) -> None:
    server.listed = f"R58M123ABC             {state} usb:1-1 transport_id:3\n"
    with pytest.raises(DeviceError) as error:
        AdbTransport(parse_device("adb:R58M123ABC")).open()
    assert error.value.message.startswith("adb:R58M123ABC ") and sentence in error.value.message
    assert "\n" not in error.value.message and hint in error.value.hint


def test_a_device_that_stays_offline(server: SmartSocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adb_client, "SETTLE_S", 0.5)
    server.listed = "R58M123ABC             offline usb:1-1 transport_id:3\n"
    with pytest.raises(DeviceError, match="is offline"):
        AdbTransport(parse_device("adb:R58M123ABC")).open()


def test_a_device_that_is_not_there_names_those_that_are(server: SmartSocket) -> None:
    server.listed = "emulator-5554          device product:sdk model:Pixel_7 device:emu transport_id:1\n"
    with pytest.raises(DeviceError) as error:
        AdbTransport(parse_device("adb:R58M123ABC")).open()
    assert error.value.message == "adb:R58M123ABC is not connected"
    assert error.value.hint == "Connected now: adb:emulator-5554."


def test_two_devices_with_one_serial_number(server: SmartSocket) -> None:
    server.listed = (
        "0123456789ABCDEF       device usb:1-1 transport_id:1\n0123456789ABCDEF       device usb:1-2 transport_id:2\n"
    )
    with pytest.raises(DeviceError, match="two devices have this serial number"):
        AdbTransport(parse_device("adb:0123456789ABCDEF")).open()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("failed to connect to '192.0.2.1:5555': No route to host", "cannot be reached: No route to host"),
        ("failed to connect to 192.0.2.1:5555", "cannot be reached"),
        ("failed to authenticate to 192.0.2.1:5555", "has not accepted this computer's key"),
        ("cannot resolve host '192.0.2.1' and port 5555: Name or service not known", "Name or service not known"),
    ],
)
def test_a_failed_connection_is_told_by_its_text(server: SmartSocket, answer: str, sentence: str) -> None:
    server.connected = answer  # adb connect ends with 0 all the same
    with pytest.raises(DeviceError, match=sentence):
        AdbTransport(parse_device("adb:192.0.2.1:5555")).open()
    assert "host:connect:192.0.2.1:5555" in server.asked


@pytest.mark.parametrize("serial", HOSTILE)
def test_a_hostile_serial_number_reaches_no_shell(
    server: SmartSocket, serial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server.listed = f"{serial:22} device usb:1-1 model:{serial.replace(' ', '_')} transport_id:1\n"
    (found,) = discover()
    assert not found.usable and found.uri.isprintable() and found.what.isprintable()
    with pytest.raises(DeviceError):
        AdbTransport(DeviceUri("adb", name=serial)).open()
    assert list(tmp_path.iterdir()) == []


def test_what_is_found_has_a_word_on_each(server: SmartSocket) -> None:
    server.listed = (
        "R58M123ABC             unauthorized usb:1-1 transport_id:1\n"
        f"R58M123ABD             {NO_PERMISSIONS} usb:1-2 transport_id:2\n"
        "emulator-5554          device product:sdk model:Pixel_7 device:emu transport_id:3\n"
    )
    found = discover()
    assert [(entry.uri, entry.usable) for entry in found] == [
        ("adb:R58M123ABC", False),
        ("adb:R58M123ABD", False),
        ("adb:emulator-5554", True),
    ]
    assert "key" in found[0].what and "permission" in found[1].what and found[2].what == "Pixel 7"


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    need("adb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    with pytest.raises(
        DeviceError, match=f"adb's server at tcp:127.0.0.1:{port} does not answer: Connection refused"
    ) as error:
        AdbTransport(parse_device("adb:R58M123ABC")).open()
    assert "$ANDROID_ADB_SERVER_ADDRESS, $ANDROID_ADB_SERVER_PORT" in error.value.hint
    assert discover() == ()


def test_a_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    need("adb")
    monkeypatch.setattr(adb_client, "CALL_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("ADB_SERVER_SOCKET", f"tcp:127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(DeviceError, match=r"adb did not answer within 0\.5 s"):
            AdbTransport(parse_device("adb:R58M123ABC")).open()


def test_lines_of_adb_devices_are_read() -> None:
    text = (
        "* daemon not running; starting now at tcp:5037\n* daemon started successfully\nList of devices attached\n"
        "127.0.0.1:6001         device transport_id:4\n"
        "a serial with blanks   device usb:1-1 product:p model:M_1 device:d transport_id:5\n"
        "????????????           no permissions; see [http://developer.android.com/tools/device.html] usb:1-3 transport_id:6\n"
        "\n"
    )
    assert parse_devices(text) == (
        Listed("127.0.0.1:6001", "device"),
        Listed("a serial with blanks", "device", "M 1"),
        Listed("????????????", "no permissions"),
    )


def test_which_adb_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my-adb"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDGEKIT_ADB", str(program))
    assert adb_program() == str(program)
    monkeypatch.setenv("EDGEKIT_ADB", str(tmp_path / "nowhere"))
    with pytest.raises(MissingError, match="nowhere, which is no program"):
        adb_program()


def test_no_adb_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEKIT_ADB", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [])  # adbutils carries one
    monkeypatch.delitem(sys.modules, "adbutils", raising=False)
    with pytest.raises(MissingError) as error:
        adb_program()
    assert error.value.exit_code == 6 and "pip install 'edgekit[adb]'" in error.value.hint
    assert discover() == ()
