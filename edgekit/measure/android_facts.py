"""What a phone tells of itself: one shell script that asks, and a pure reader of what comes back.

A phone decides what it lets the shell's user read. What is not there is left out here and said in the measurement,
never guessed. Shapes: `getprop`, `dumpsys battery`, `dumpsys thermalservice`, `dumpsys power` and `settings get` of
Android 10 and later; /sys/devices/system/cpu (Linux, Documentation/ABI/testing/sysfs-devices-system-cpu),
/sys/class/thermal, /sys/class/power_supply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.measure.measurement import Health

SCRIPT = """
say() { echo "@@ $1"; }
say getprop; getprop 2>/dev/null
say lab; cat /etc/edgekit-lab 2>/dev/null
say kernel; uname -r 2>/dev/null; say machine; uname -m 2>/dev/null
say cpuinfo; cat /proc/cpuinfo 2>/dev/null
say load; cat /proc/loadavg 2>/dev/null
say present; cat /sys/devices/system/cpu/present 2>/dev/null
for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq; do
  say "clock $f"; cat $f/scaling_cur_freq 2>/dev/null
  say "most $f"; cat $f/cpuinfo_max_freq 2>/dev/null
  say "limit $f"; cat $f/scaling_max_freq 2>/dev/null
  say "governor $f"; cat $f/scaling_governor 2>/dev/null
done
for z in /sys/class/thermal/thermal_zone*; do say "zone $z"; cat $z/type $z/temp 2>/dev/null; done
say thermal; dumpsys thermalservice 2>/dev/null
say battery; dumpsys battery 2>/dev/null
say current; cat /sys/class/power_supply/battery/current_now 2>/dev/null
say saving; settings get global low_power 2>/dev/null
say screen; dumpsys power 2>/dev/null | grep -e mWakefulness= -e 'Display Power'
say end
"""
"""Prints sections `@@ NAME`, each with what could be read; a section that is empty could not."""

_PROPERTY = re.compile(r"^\[([^\]]+)\]: \[(.*)\]$", re.MULTILINE)
_EMULATORS = {"goldfish": "Android emulator", "ranchu": "Android emulator", "cutf_cvm": "Cuttlefish"}
# Temperature{mValue=36.0, mType=3, mName=skin, mStatus=0}: android.os.Temperature; CPU 0, GPU 1, skin 3
_TEMPERATURE = re.compile(r"Temperature\{mValue=(-?[0-9.]+), mType=(-?\d+), mName=([^,}]*), mStatus=(\d+)\}")
_WARM = ("0", "1", "3")
_STATUS = ("", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_ZONES = re.compile(r"cpu|soc|tsens|gpu|skin|big|little", re.IGNORECASE)
_THROTTLED_SHARE = 0.98  # below that share of its highest clock a core is held down


@dataclass(frozen=True, slots=True)
class Facts:
    """A phone as it was when it was asked. Empty and None where it did not tell.

    Attributes:
        emulated: with what it is emulated; empty on real hardware.
        lab: whether it is one of the lab's.
        max_khz: highest clock of each core that tells it, by core number, only where all do.
        battery: charge, temperature, supply and current, in words.
        state: power saving and screen, in words.
        hidden: what it does not let us read.
    """

    model: str
    soc: str
    android: str
    abis: tuple[str, ...]
    machine: str
    kernel: str
    cores: int
    governor: str
    emulated: str
    lab: bool
    max_khz: tuple[float, ...]
    battery: str
    state: str
    health: Health
    hidden: tuple[str, ...]

    @property
    def board(self) -> str:
        """Maker's name and chip."""
        return f"{self.model} ({self.soc})" if self.soc else self.model

    @property
    def system(self) -> str:
        """Android's version and the kernel's."""
        return ", ".join(part for part in (self.android, f"kernel {self.kernel}" if self.kernel else "") if part)


def parse_facts(text: str) -> Facts:
    """What `SCRIPT` printed. Total: anything that is not understood is not known."""
    sections = _sections(text)
    properties = dict(_PROPERTY.findall(sections.get("getprop", "")))
    clocks = _by_core(sections, "clock")
    most = _by_core(sections, "most")
    cores = _cores(sections)
    health = Health(
        clock_mhz=tuple(khz / 1000 for _, khz in sorted(clocks.items())),
        temperature_c=_temperature(sections),
        throttled=_throttled(sections),
        load=_first_number(sections.get("load", "")),
    )
    return Facts(
        model=_clean(" ".join(_given(properties, "ro.product.manufacturer", "ro.product.model"))),
        soc=_clean(" ".join(_given(properties, "ro.soc.manufacturer", "ro.soc.model"))),
        android=_android(properties),
        abis=_abis(properties),
        machine=_clean(sections.get("machine", "")),
        kernel=_clean(sections.get("kernel", "")),
        cores=cores,
        governor=_clean(" ".join(sorted({v.strip() for k, v in sections.items() if k.startswith("governor ")} - {""}))),
        emulated=_emulated(sections, properties),
        lab=bool(sections.get("lab", "").strip()),
        max_khz=tuple(khz for _, khz in sorted(most.items())) if sorted(most) == list(range(cores)) else (),
        battery=_battery(sections),
        state=_state(sections),
        health=health,
        hidden=_hidden(health, sections),
    )


def _sections(text: str) -> dict[str, str]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("@@ "):
            lines = sections.setdefault(line[3:].strip(), [])
        else:
            lines.append(line)
    return {name: "\n".join(body) for name, body in sections.items()}


def _given(properties: Mapping[str, str], *names: str) -> list[str]:
    return [properties[name] for name in names if properties.get(name)]


def _android(properties: Mapping[str, str]) -> str:
    release, sdk = properties.get("ro.build.version.release", ""), properties.get("ro.build.version.sdk", "")
    if not release:
        return ""
    return _clean(f"Android {release} (API {sdk})" if sdk else f"Android {release}")


def _abis(properties: Mapping[str, str]) -> tuple[str, ...]:
    text = properties.get("ro.product.cpu.abilist") or properties.get("ro.product.cpu.abi", "")
    return tuple(_clean(abi) for abi in text.split(",") if abi.strip())


def _emulated(sections: Mapping[str, str], properties: Mapping[str, str]) -> str:
    """The lab's own words, else what a real Android emulator says of itself."""
    if lab := _clean(sections.get("lab", "").strip().partition("\n")[0]):
        return lab
    hardware = properties.get("ro.hardware", "")
    if hardware in _EMULATORS:
        return f"emulated: {_EMULATORS[hardware]}"
    if "1" in (properties.get("ro.boot.qemu"), properties.get("ro.kernel.qemu")):
        return "emulated: Android under QEMU"
    return ""


def _cores(sections: Mapping[str, str]) -> int:
    """From `0-7`, the list of processors, or /proc/cpuinfo; 0 where neither is readable."""
    ranges = re.findall(r"(\d+)(?:-(\d+))?", sections.get("present", ""))
    counted = sum(int(high or low) - int(low) + 1 for low, high in ranges if len(low + high) < 10)
    return max(counted, 0) or len(re.findall(r"^processor\s*:", sections.get("cpuinfo", ""), re.MULTILINE))


def _by_core(sections: Mapping[str, str], kind: str) -> dict[int, float]:
    found = {}
    for name, body in sections.items():
        match = re.fullmatch(rf"{kind} .*/cpu(\d{{1,4}})/cpufreq", name)
        value = _first_number(body)
        if match and value:
            found[int(match[1])] = value
    return found


def _temperature(sections: Mapping[str, str]) -> float | None:
    """The hottest of CPU, GPU and skin by the thermal service, else of the kernel's zones of that name."""
    current = sections.get("thermal", "").partition("Current temperatures")[2].partition("Current cooling")[0]
    service = [float(value) for value, kind, *_ in _TEMPERATURE.findall(current) if kind in _WARM and _is_number(value)]
    zones = []
    for name, body in sections.items():
        kind, _, value = body.partition("\n")
        number = _first_number(value)
        if name.startswith("zone ") and _ZONES.search(kind) and number is not None:
            zones.append(number / 1000 if abs(number) > 200 else number)  # most kernels say thousandths, some degrees
    plausible = [t for t in service or zones if -40 < t < 150]
    return round(max(plausible), 1) if plausible else None


def _throttled(sections: Mapping[str, str]) -> str:
    """Android's thermal status, and cores whose limit is below their highest clock."""
    words = []
    status = re.search(r"Thermal Status: (\d)", sections.get("thermal", ""))
    if status and 0 < int(status[1]) < len(_STATUS):
        words.append(f"thermal status {_STATUS[int(status[1])]}")
    most, limit = _by_core(sections, "most"), _by_core(sections, "limit")
    held = [core for core, khz in sorted(most.items()) if limit.get(core, khz) < _THROTTLED_SHARE * khz]
    if held:
        lowest = min(limit[core] / most[core] for core in held)
        words.append(f"{len(held)} cores are held down to {100 * lowest:.0f} % of their clock")
    return f"now: {', '.join(words)}" if words else ""


def _battery(sections: Mapping[str, str]) -> str:
    values = dict(re.findall(r"^\s*([A-Za-z ]+): (\S+)", sections.get("battery", ""), re.MULTILINE))
    words = []
    if (level := _first_number(values.get("level", ""))) is not None:
        words.append(f"{level:.0f} %")
    if (tenths := _first_number(values.get("temperature", ""))) is not None:
        words.append(f"{tenths / 10:.1f} °C")
    supply = [name.removesuffix(" powered") for name, value in values.items() if " powered" in name and value == "true"]
    if values:
        words.append(f"powered by {' and '.join(supply)}" if supply else "on battery")
    if (current := _first_number(sections.get("current", ""))) is not None:
        words.append(f"current {current / 1000 if abs(current) > 20000 else current:.0f} mA")
    return ", ".join(words)


def _state(sections: Mapping[str, str]) -> str:
    """Power saving and screen."""
    saving = {"1": "power saving on", "0": "power saving off"}.get(sections.get("saving", "").strip(), "")
    screen = sections.get("screen", "")
    awake = "screen on" if "Awake" in screen or "state=ON" in screen else "screen off" if screen.strip() else ""
    return ", ".join(part for part in (saving, awake) if part)


def _hidden(health: Health, sections: Mapping[str, str]) -> tuple[str, ...]:
    known = {
        "core clocks": bool(health.clock_mhz),
        "temperature": health.temperature_c is not None,
        "thermal status": "Thermal Status" in sections.get("thermal", ""),
        "battery": "level" in sections.get("battery", ""),
        "battery current": _first_number(sections.get("current", "")) is not None,
        "power saving": sections.get("saving", "").strip() in ("0", "1"),
        "screen": bool(sections.get("screen", "").strip()),
    }
    return tuple(name for name, there in known.items() if not there)


def _first_number(text: str) -> float | None:
    match = re.match(r"\s*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)(?![0-9])", text)
    return float(match[1]) if match else None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", text) is not None


def _clean(text: str) -> str:
    """One printable line of bounded length."""
    return "".join(c for c in text if c.isprintable()).strip()[:120]
