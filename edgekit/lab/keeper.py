"""The background process that keeps one device of the fleet: `python -m edgekit.lab.keeper NAME`.

The device lives and dies with it. Its record appears when the device can be reached and goes when it ends; a failure
to start is left in `failure.json` for the process that waits.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from edgekit.core.errors import EdgekitError
from edgekit.core.files import write_atomic
from edgekit.core.records import canonical_json, to_record
from edgekit.lab.members import MEMBERS, Member
from edgekit.transports.lab_devices import RECORD, STARTING, LabDevice, fleet_folder, start_of

FAILURE = "failure.json"
_LOOK_S = 1.0


def keep(member: Member, folder: Path) -> None:
    """Run a device in `folder` until a signal asks to end, its record is removed, or it ends by itself."""
    over = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        over.set()
        raise SystemExit  # also out of a start that takes long

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    record = folder / RECORD
    try:
        with member.start(folder) as started:
            mine = os.getpid()
            device = LabDevice(member.name, started.uri, member.what, mine, start_of(mine), dict(started.variables))
            write_atomic(record, canonical_json(to_record(device)))
            (folder / STARTING).unlink(missing_ok=True)
            while started.running() and record.exists() and not over.wait(_LOOK_S):
                pass
    finally:
        record.unlink(missing_ok=True)


def _main(name: str) -> None:
    folder = fleet_folder() / name
    try:
        keep(MEMBERS[name], folder)
    except EdgekitError as error:
        failure = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
        write_atomic(folder / FAILURE, json.dumps(failure).encode())
        raise SystemExit(error.exit_code) from None
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(sys.argv[1])
