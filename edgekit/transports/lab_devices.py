"""The devices of the lab that run now (`edgekit lab up`), and the variables that lead a transport to each.

The lab writes one record a device into the cache; a transport reads them, so that `--device ssh:pi@127.0.0.1:PORT`
works with no set-up, while the same command still reaches the user's own boards in the user's own way.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.cache import default_cache_folder
from edgekit.core.errors import ModelError
from edgekit.core.records import from_record
from edgekit.transports.uri import DeviceUri

RECORD = "device.json"
STARTING = "starting.json"
"""The same, without a URI yet, of a device whose process has begun."""


@dataclass(frozen=True, slots=True)
class LabDevice:
    """A device that was started.

    Args:
        name: the lab's name of it, such as "pi32".
        uri: how edgekit names it.
        what: it in words.
        pid: the process that keeps it.
        started: when that process started, as `start_of` tells: a later process with its pid is another one.
        variables: names and values for the environment of a client program, such as EDGEKIT_SSH_CONFIG.
    """

    name: str
    uri: str
    what: str
    pid: int
    started: str
    variables: dict[str, str]

    def running(self) -> bool:
        """Whether its process is the one that was started, and has not ended."""
        return start_of(self.pid) == self.started


def fleet_folder() -> Path:
    """Where the records are, one folder a device."""
    return default_cache_folder() / "lab" / "fleet"


def lab_devices(record: str = RECORD) -> tuple[LabDevice, ...]:
    """All that were started and not ended, by name; one whose process is gone is among them."""
    return tuple(device for path in sorted(fleet_folder().glob(f"*/{record}")) if (device := _read(path)))


def lab_variables(uri: DeviceUri) -> dict[str, str]:
    """What a client program needs in its environment to reach `uri`: nothing, unless it is a device of the lab."""
    if uri.host != "127.0.0.1":
        return {}
    found = (device for device in lab_devices() if device.uri == str(uri) and device.running())
    return next((dict(device.variables) for device in found), {})


def start_of(pid: int) -> str:
    """When a process started: this start of the machine, and its clock ticks since; empty for one that has ended."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, ticks = fields[0], fields[19]  # proc(5): fields 3 and 22
    return "" if state in "ZX" else f"{boot} {ticks}"


def _read(path: Path) -> LabDevice | None:
    with contextlib.suppress(OSError, ValueError, ModelError):
        return from_record(LabDevice, json.loads(path.read_text()), str(path))
    return None
