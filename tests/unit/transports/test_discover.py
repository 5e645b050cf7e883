"""What a transport can reach includes the devices of the lab that run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edgekit.core.records import to_record
from edgekit.transports.base import Found
from edgekit.transports.lab_devices import RECORD, LabDevice, fleet_folder, start_of
from edgekit.transports.registry import discover


def _keep(name: str, started: str) -> None:
    device = LabDevice(name, f"adb:127.0.0.1:{60000 + len(name)}", "a phone", os.getpid(), started, {})
    folder = fleet_folder() / name
    folder.mkdir(parents=True)
    (folder / RECORD).write_text(json.dumps(to_record(device)))


def test_devices_of_the_lab_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EDGEKIT_ADB", str(tmp_path / "no-adb"))
    _keep("runs", start_of(os.getpid()))
    _keep("ended-before", "another start of the machine 1")
    assert discover("adb") == (Found("adb:127.0.0.1:60004", "a phone (edgekit lab)"),)
    assert discover("ssh") == ()
