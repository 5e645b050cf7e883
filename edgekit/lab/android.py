"""What an Android phone has and a Debian box has not: its properties, services and kernel files, as text.

The programs are the few of Android's own that edgekit asks; they answer from files that a test may change.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

_GETPROP = """\
#!/system/bin/sh
# What setprop wrote wins over the build's own properties.
if [ $# -gt 0 ] && [ -f "/data/property/$1" ]; then cat "/data/property/$1"; echo; exit 0; fi
while IFS='=' read -r name value; do
  if [ $# -eq 0 ]; then [ -f "/data/property/$name" ] || echo "[$name]: [$value]"
  elif [ "$name" = "$1" ]; then echo "$value"; exit 0; fi
done </system/build.prop
if [ $# -gt 0 ]; then echo "${2:-}"; exit 0; fi
for file in /data/property/*; do [ -f "$file" ] && echo "[${file##*/}]: [$(cat "$file")]"; done
exit 0
"""
_SETPROP = """\
#!/system/bin/sh
case $1 in ''|*/*|.*) echo "setprop: bad name: $1" >&2; exit 1 ;; esac
mkdir -p /data/property && printf %s "$2" >"/data/property/$1"
"""
_DUMPSYS = """\
#!/system/bin/sh
case ${1:-} in ''|*/*) echo "Can't find service: ${1:-}" >&2; exit 0 ;; esac
[ -f "/vendor/dumpsys/$1.txt" ] && exec cat "/vendor/dumpsys/$1.txt"
echo "Can't find service: $1" >&2
"""
_SETTINGS = """\
#!/system/bin/sh
file=/vendor/settings/${2:-}/${3:-}
case $file in *..*) exit 255 ;; esac
[ "${1:-}" = get ] || { echo "Bad command: ${1:-}" >&2; exit 255; }
if [ -f "$file" ]; then cat "$file"; else echo null; fi
"""
PROGRAMS: Mapping[str, str] = {
    "getprop": _GETPROP,
    "setprop": _SETPROP,
    "dumpsys": _DUMPSYS,
    "settings": _SETTINGS,
}
"""Name in /system/bin -> text."""


class Throttling(enum.IntEnum):
    """How hot the phone says it is (Android, PowerManager.THERMAL_STATUS_*)."""

    NONE = 0
    LIGHT = 1
    MODERATE = 2
    SEVERE = 3
    CRITICAL = 4
    EMERGENCY = 5
    SHUTDOWN = 6


@dataclass(frozen=True, slots=True)
class Battery:
    """The battery's state.

    Args:
        level: percent.
        charging: over USB.
        temperature_c: degrees Celsius.
        voltage_mv: millivolts.
        current_ua: microamperes; negative while it is drained, as most phones count.
    """

    level: int = 87
    charging: bool = True
    temperature_c: float = 29.1
    voltage_mv: int = 4123
    current_ua: int = -152000


@dataclass(frozen=True, slots=True)
class Heat:
    """What the thermal sensors say, in degrees Celsius.

    Args:
        cpu_c: hottest core.
        skin_c: the case.
        throttling: the phone's own word for it.
    """

    cpu_c: float = 41.2
    skin_c: float = 33.1
    throttling: Throttling = Throttling.NONE


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clock of every core, in kHz, and who sets it."""

    now_khz: int = 1_800_000
    most_khz: int = 2_400_000
    governor: str = "schedutil"


def properties(machine: str) -> Mapping[str, str]:
    """The build's properties, for a processor as `uname -m` has it."""
    abi = {"aarch64": "arm64-v8a", "armv7l": "armeabi-v7a"}.get(machine, machine)
    return {
        "ro.product.manufacturer": "edgekit",
        "ro.product.brand": "edgekit",
        "ro.product.model": f"Lab Phone {abi}",
        "ro.product.name": "edgekit_lab",
        "ro.product.device": "lab",
        "ro.product.cpu.abi": abi,
        "ro.product.cpu.abilist": abi,
        "ro.build.version.release": "14",
        "ro.build.version.sdk": "34",
        "ro.build.fingerprint": "edgekit/edgekit_lab/lab:14/LAB/1:userdebug/test-keys",
        "ro.soc.manufacturer": "edgekit",
        "ro.soc.model": "LAB1",
        "ro.hardware": "lab",
        "ro.boot.qemu": "1",
        "sys.boot_completed": "1",
    }


def battery_files(battery: Battery) -> Mapping[str, str]:
    """The phone's files (relative to /) that tell of the battery."""
    status = 2 if battery.charging else 3  # android.os.BatteryManager: CHARGING, DISCHARGING
    service = (
        "Current Battery Service state:\n"
        "  AC powered: false\n"
        f"  USB powered: {str(battery.charging).lower()}\n"
        "  Wireless powered: false\n"
        f"  status: {status}\n"
        "  health: 2\n"
        "  present: true\n"
        f"  level: {battery.level}\n"
        "  scale: 100\n"
        f"  voltage: {battery.voltage_mv}\n"
        f"  temperature: {round(battery.temperature_c * 10)}\n"
        "  technology: Li-ion\n"
    )
    supply = "sys/class/power_supply/battery"  # Linux, Documentation/ABI/testing/sysfs-class-power
    return {
        "vendor/dumpsys/battery.txt": service,
        f"{supply}/capacity": f"{battery.level}\n",
        f"{supply}/status": "Charging\n" if battery.charging else "Discharging\n",
        f"{supply}/temp": f"{round(battery.temperature_c * 10)}\n",
        f"{supply}/voltage_now": f"{battery.voltage_mv * 1000}\n",
        f"{supply}/current_now": f"{battery.current_ua}\n",
    }


def heat_files(heat: Heat) -> Mapping[str, str]:
    """The phone's files that tell of temperatures."""
    status = int(heat.throttling)
    service = (
        "IsStatusOverride: false\n"
        "ThermalEventListeners:\n"
        f"Thermal Status: {status}\n"
        "Cached temperatures:\n"
        f"\tTemperature{{mValue={heat.skin_c}, mType=3, mName=skin, mStatus={status}}}\n"
        f"\tTemperature{{mValue={heat.cpu_c}, mType=0, mName=cpu, mStatus={status}}}\n"
        "HAL Ready: true\n"
    )
    files = {"vendor/dumpsys/thermalservice.txt": service}
    for number, (kind, value) in enumerate((("cpu-0-0", heat.cpu_c), ("skin-therm", heat.skin_c))):
        zone = f"sys/class/thermal/thermal_zone{number}"  # Linux, Documentation/ABI/testing/sysfs-class-thermal
        files |= {f"{zone}/type": f"{kind}\n", f"{zone}/temp": f"{round(value * 1000)}\n"}
    return files


def clock_files(clocks: Clocks, cores: int) -> Mapping[str, str]:
    """The phone's files that tell of its cores."""
    folder = "sys/devices/system/cpu"  # Linux, Documentation/ABI/testing/sysfs-devices-system-cpu
    listed = f"0-{cores - 1}\n" if cores > 1 else "0\n"
    files = {f"{folder}/{name}": listed for name in ("possible", "present", "online")}
    for core in range(cores):
        frequency = f"{folder}/cpu{core}/cpufreq"
        files |= {
            f"{frequency}/scaling_cur_freq": f"{clocks.now_khz}\n",
            f"{frequency}/scaling_max_freq": f"{clocks.most_khz}\n",
            f"{frequency}/cpuinfo_max_freq": f"{clocks.most_khz}\n",
            f"{frequency}/scaling_governor": f"{clocks.governor}\n",
        }
    return files


def power_file(saving: bool) -> Mapping[str, str]:
    """The phone's files that tell whether it saves power."""
    lines = ("POWER MANAGER (dumpsys power)", "  mWakefulness=Awake", f"  mBatterySaverEnabled={str(saving).lower()}")
    return {
        "vendor/dumpsys/power.txt": "".join(f"{line}\n" for line in lines),
        "vendor/settings/global/low_power": f"{int(saving)}\n",
    }
