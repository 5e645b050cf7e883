"""The lab's phone answers as Android does, says that it is emulated, and leaves nothing running."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit.core.errors import UsageError
from edgekit.lab.android import Battery, Clocks, Heat, Throttling
from edgekit.lab.phone import Phone, PhoneOptions
from edgekit.transports.base import Transport
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import parse_device
from tests.devices.need import need


def _device(phone: Phone) -> Transport:
    return transport_for(parse_device(phone.uri))


def _out(device: Transport, *argv: str) -> str:
    result = device.run(argv, 30)
    assert result.exit_code == 0, result
    return result.stdout


def test_it_says_that_it_is_emulated(phone: Phone) -> None:
    with _device(phone) as device:
        assert _out(device, "cat", "/etc/edgekit-lab").startswith("emulated: ")
        assert _out(device, "getprop", "ro.boot.qemu") == "1\n"


def test_properties_and_services(phone: Phone) -> None:
    phone.set_property("lab.model", "Another Phone")
    phone.set_service("lab", "as it is\n")
    with _device(phone) as device:
        assert _out(device, "getprop", "lab.model") == "Another Phone\n"
        assert _out(device, "getprop", "no.such.property", "else") == "else\n"
        assert "[lab.model]: [Another Phone]\n" in _out(device, "getprop")
        assert device.run(["setprop", "debug.it's", "a b"], 10).exit_code == 0
        assert _out(device, "getprop", "debug.it's") == "a b\n"
        assert _out(device, "dumpsys", "lab") == "as it is\n"
        assert "Can't find service" in device.run(["dumpsys", "nothing"], 10).stderr
    for name in ("", "../x", ".x"):
        with pytest.raises(UsageError):
            phone.set_property(name, "x")


def test_battery_heat_and_clocks_while_it_runs(phone: Phone) -> None:
    with _device(phone) as device:
        phone.set_battery(Battery(level=41, charging=False, temperature_c=38.5, voltage_mv=3800, current_ua=-900_000))
        assert "\n  level: 41\n" in _out(device, "dumpsys", "battery")
        assert "\n  temperature: 385\n" in _out(device, "dumpsys", "battery")
        assert _out(device, "cat", "/sys/class/power_supply/battery/current_now") == "-900000\n"
        phone.set_heat(Heat(cpu_c=88.0, skin_c=46.5, throttling=Throttling.SEVERE))
        assert "Thermal Status: 3\n" in _out(device, "dumpsys", "thermalservice")
        assert _out(device, "cat", "/sys/class/thermal/thermal_zone0/temp") == "88000\n"
        phone.set_clocks(Clocks(now_khz=600_000, most_khz=2_400_000))
        assert _out(device, "cat", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq") == "600000\n"
        phone.set_power_saving(True)
        assert _out(device, "settings", "get", "global", "low_power") == "1\n"
        assert _out(device, "settings", "get", "global", "nothing") == "null\n"
    phone.set_battery(Battery())
    phone.set_heat(Heat())
    phone.set_clocks(Clocks())
    phone.set_power_saving(False)


def test_it_has_the_shell_of_android_and_no_user_of_this_machine(phone: Phone) -> None:
    with _device(phone) as device:
        assert "MIRBSD KSH" in _out(device, "sh", "-c", 'echo "$KSH_VERSION"')
        assert _out(device, "id", "-un") == "shell\n"
        assert device.run(["test", "-w", "/"], 10).exit_code == 1
        assert device.run(["ls", str(Path.home() / ".ssh")], 10).exit_code != 0


def test_files_stay_over_a_restart(tmp_path: Path) -> None:
    need("bwrap", "adb")
    for expected in ("", "kept\n"):
        with Phone(PhoneOptions(folder=tmp_path / "phone")) as phone:
            assert (phone.scratch / "file").exists() == bool(expected)
            (phone.scratch / "file").write_text("kept\n")
    assert (tmp_path / "phone/data/local/tmp/file").read_text() == "kept\n"


_KEEPER = """
import sys, time
from pathlib import Path
from edgekit.lab.phone import Phone, PhoneOptions
phone = Phone(PhoneOptions(folder=Path(sys.argv[1])))
phone.start()
print(phone.box.pid, phone.server.pid, flush=True)
time.sleep(600)
"""


def test_it_ends_with_the_process_that_made_it(tmp_path: Path) -> None:
    need("bwrap", "adb")
    with subprocess.Popen([sys.executable, "-c", _KEEPER, str(tmp_path / "phone")], stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        line = keeper.stdout.readline()
        keeper.send_signal(signal.SIGKILL)
    ids = [int(word) for word in line.split()]
    assert len(ids) == 2
    deadline = time.monotonic() + 30
    while any(map(_alive, ids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_alive, ids))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
