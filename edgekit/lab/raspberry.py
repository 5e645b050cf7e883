"""What makes a lab board look like a Raspberry Pi: /sys, `vcgencmd`, and the file that says that it is none.

All of it are files in the board's folder on this machine, so that a test can heat it up or slow it down while it runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.files import write_atomic

GOVERNOR = "ondemand"
UNDER_VOLTAGE = 0x1
FREQUENCY_CAPPED = 0x2
THROTTLED = 0x4
SOFT_LIMIT = 0x8
HAS_HAPPENED = 16
"""Bits of `get_throttled` (Raspberry Pi documentation, "vcgencmd"); shifted by HAS_HAPPENED: since the last start."""

_VCGENCMD = """\
#!/bin/sh
# Answers as the firmware's own does; what it says is set from outside, in /lab/pi and /sys.
case "$1" in
get_throttled) echo "throttled=$(cat /lab/pi/throttled)" ;;
measure_temp) awk '{ printf "temp=%.1f\\047C\\n", $1 / 1000 }' /sys/class/thermal/thermal_zone0/temp ;;
measure_clock)
    awk '{ printf "frequency(48)=%.0f\\n", $1 * 1000 }' /sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq ;;
measure_volts) echo "volt=0.8600V" ;;
pmic_read_adc) cat /lab/pi/pmic 2>/dev/null || echo 'error=1 error_msg="Command not registered"' ;;
*) echo 'error=1 error_msg="Command not registered"' ;;
esac
"""


@dataclass(frozen=True, slots=True)
class PiModel:
    """A model of Raspberry Pi, as its /proc/cpuinfo and device tree tell it.

    Args:
        cpu: qemu's name of the processor: its default, with every feature there is, is one that no Pi has, and slower.
        part, architecture, features: of that processor, as the kernel writes them.
    """

    name: str
    cpu: str
    part: str
    architecture: int
    features: str

    def cpuinfo(self, count: int) -> str:
        """/proc/cpuinfo with `count` processors: this machine's own would name a processor that is not there."""
        rows = [("BogoMIPS", "108.00"), ("Features", self.features), ("CPU implementer", "0x41")]
        rows += [("CPU architecture", str(self.architecture)), ("CPU variant", "0x0")]
        rows += [("CPU part", self.part), ("CPU revision", "3")]
        lines = [f"{name}\t: {value}\n" for i in range(count) for name, value in (("\nprocessor", str(i)), *rows)]
        return "".join(lines).lstrip() + f"\nModel\t\t: {self.name}\n"


PI_4 = PiModel("Raspberry Pi 4 Model B Rev 1.4 (emulated)", "cortex-a72", "0xd08", 8, "fp asimd evtstrm crc32 cpuid")
PI_2 = PiModel(
    "Raspberry Pi 2 Model B Rev 1.1 (emulated)",
    "cortex-a15",
    "0xc0f",
    7,
    "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae",
)
"""Its own Cortex-A7 lacks nothing of what a Cortex-A15 has, which is the nearest that qemu knows."""


@dataclass(frozen=True, slots=True)
class Rail:
    """One power rail of a Raspberry Pi 5, as `vcgencmd pmic_read_adc` tells it."""

    name: str
    ampere: float
    volt: float


RAILS = (
    Rail("3V7_WL_SW", 0.09759600, 3.72141700),
    Rail("3V3_SYS", 0.08783640, 3.30830000),
    Rail("1V8_SYS", 0.18152860, 1.79926100),
    Rail("DDR_VDD2", 0.01561536, 1.11062500),
    Rail("DDR_VDDQ", 0.00000000, 0.60659800),
    Rail("1V1_SYS", 0.20592760, 1.10476400),
    Rail("0V8_SW", 0.33182640, 0.80292150),
    Rail("VDD_CORE", 0.88209000, 0.76251680),
)


@dataclass(frozen=True, slots=True)
class Raspberry:
    """The settable side of a board.

    Args:
        system: its /sys.
        lab: its /lab.
        model: what it says it is.
    """

    system: Path
    lab: Path
    model: PiModel = PI_4

    @property
    def cpuinfo(self) -> Path:
        """Its /proc/cpuinfo."""
        return self.lab / "pi" / "cpuinfo"

    def make(self) -> None:
        """Write a cool, idle, healthy board without power rails."""
        self.set_temperature(48.3)
        self.set_throttled(0)
        self.set_clock(1500)
        self._write("class/thermal/thermal_zone0/type", "cpu-thermal\n")
        last = (os.cpu_count() or 1) - 1
        for name in ("possible", "present", "online"):
            self._write(f"devices/system/cpu/{name}", f"0-{last}\n" if last else "0\n")
        self._write("firmware/devicetree/base/model", f"{self.model.name}\0")
        write_atomic(self.cpuinfo, self.model.cpuinfo(os.cpu_count() or 1).encode())
        command = self.lab / "bin" / "vcgencmd"
        write_atomic(command, _VCGENCMD.encode())
        command.chmod(0o755)

    def set_temperature(self, celsius: float) -> None:
        """The temperature of the processor, in degrees Celsius."""
        self._write("class/thermal/thermal_zone0/temp", f"{round(celsius * 1000)}\n")

    def set_throttled(self, bits: int) -> None:
        """What `vcgencmd get_throttled` says, such as THROTTLED | THROTTLED << HAS_HAPPENED."""
        write_atomic(self.lab / "pi" / "throttled", f"{bits:#x}\n".encode())

    def set_clock(self, mhz: int) -> None:
        """The clock of all cores, in MHz."""
        for core in range(os.cpu_count() or 1):
            folder = f"devices/system/cpu/cpu{core}/cpufreq"
            for name, khz in (
                ("scaling_cur_freq", mhz * 1000),
                ("scaling_min_freq", 600000),
                ("scaling_max_freq", 1500000),
            ):
                self._write(f"{folder}/{name}", f"{khz}\n")
            self._write(f"{folder}/scaling_governor", f"{GOVERNOR}\n")

    def set_rails(self, rails: tuple[Rail, ...] = RAILS) -> None:
        """Give it the power rails of a Raspberry Pi 5; an empty tuple takes them away again."""
        if not rails:
            (self.lab / "pi" / "pmic").unlink(missing_ok=True)
            return
        width = max(len(rail.name) for rail in rails) + 2
        lines = [f"{rail.name + '_A':>{width + 4}} current({i})={rail.ampere:.8f}A" for i, rail in enumerate(rails)]
        lines += [
            f"{rail.name + '_V':>{width + 4}} volt({i})={rail.volt:.8f}V" for i, rail in enumerate(rails, len(rails))
        ]
        lines.append(f"{'EXT5V_V':>{width + 4}} volt(24)=5.15432200V")
        write_atomic(self.lab / "pi" / "pmic", ("\n".join(lines) + "\n").encode())

    def _write(self, name: str, text: str) -> None:
        write_atomic(self.system / name, text.encode())
