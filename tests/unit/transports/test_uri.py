"""Device names: every written form, and what must not pass."""

from __future__ import annotations

import pytest

from edgekit.core.errors import DeviceError, UsageError
from edgekit.transports.base import device_path
from edgekit.transports.registry import TRANSPORTS, transport_for
from edgekit.transports.uri import DeviceUri, parse_device

GOOD = {
    "local": DeviceUri("local"),
    "adb:emulator-5554": DeviceUri("adb", name="emulator-5554"),
    "adb:R58M123ABC": DeviceUri("adb", name="R58M123ABC"),
    "adb:127.0.0.1:5555": DeviceUri("adb", host="127.0.0.1", port=5555),
    "ssh:pi@raspberrypi.local": DeviceUri("ssh", user="pi", host="raspberrypi.local"),
    "ssh:pi@10.0.0.7:2222": DeviceUri("ssh", user="pi", host="10.0.0.7", port=2222),
    "ssh:pi@[fe80::1]:22": DeviceUri("ssh", user="pi", host="[fe80::1]", port=22),
    "serial:/dev/ttyACM0": DeviceUri("serial", name="/dev/ttyACM0"),
    "qemu:mps2-an386": DeviceUri("qemu", name="mps2-an386"),
}
BAD = (
    "",
    "LOCAL",
    "local:x",
    " local",
    "local\n",
    "adb:",
    "adb:-s",
    "adb:a b",
    "adb:host:0",
    "adb:host:65536",
    "adb:host:port",
    "ssh:host",
    "ssh:@host",
    "ssh:pi@",
    "ssh:pi@-oProxyCommand=sh",
    "ssh:-l@host",
    "ssh:pi@host:22\n",
    "ssh:pi@host;reboot",
    "ssh:pi@$(id)",
    "ssh:pi@[::1",
    "serial:ttyACM0",
    "serial:/dev/../etc/passwd",
    "serial:/dev/tty ACM0",
    "qemu:",
    "qemu:-monitor",
    "usb:1",
    "\x00",
    "adb:" + "a" * 300,
)


@pytest.mark.parametrize("text", GOOD)
def test_every_form_is_read_and_written_back(text: str) -> None:
    assert parse_device(text) == GOOD[text]
    assert str(parse_device(text)) == text


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match="is not a device") as caught:
        parse_device(text)
    assert "adb:SERIAL" in caught.value.hint
    assert len(caught.value.message) < 400


def test_each_way_of_writing_a_device_has_a_transport() -> None:
    texts = ("local", "ssh:pi@host", "adb:x", "serial:/dev/ttyACM0", "qemu:mps2-an386")
    assert sorted(TRANSPORTS) == sorted(parse_device(text).transport for text in texts)
    assert all(callable(transport_for(parse_device(text)).open) for text in texts)
    with pytest.raises(DeviceError, match="measures on .*local"):
        transport_for(DeviceUri("usb"))


@pytest.mark.parametrize("text", ["", "/etc/passwd", "../x", "a/../../x", "-rf", "a\nb", "a\0b", "a\x7f"])
def test_device_paths_that_lead_out_are_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="is not a path below"):
        device_path(text)


def test_device_paths_may_be_strange_names() -> None:
    assert device_path('a dir/it\'s "quoted" $HOME.txt').name == 'it\'s "quoted" $HOME.txt'
