"""`edgekit devices` and `edgekit doctor`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.run import edgekit, said


def test_this_machine_is_always_reachable(tmp_path: Path) -> None:
    done = edgekit("devices", "--json", "-", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {row["uri"]: row for row in json.loads(done.stdout)["results"]}
    assert found["local"]["usable"] is True
    assert edgekit("devices", cache=tmp_path).stdout.splitlines()[1].startswith("local ")


def test_setting_up_what_needs_nothing_is_a_usage_error(tmp_path: Path) -> None:
    done = edgekit("devices", "setup", "local", cache=tmp_path)
    assert done.returncode == 2
    assert "local needs no environment" in said(done)


def test_doctor_tells_of_all_that_reaches_devices_with_what_mends_it(tmp_path: Path) -> None:
    done = edgekit("doctor", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[1]: line.split(maxsplit=2) for line in done.stdout.splitlines() if line.startswith("  ")}
    assert {"adb", "ssh", "benchmark_model", "bubblewrap", "qemu-system-arm", "gcc-arm-none-eabi"} <= set(rows)
    assert rows["benchmark_model"][0] == "missing"  # the cache is empty
    commands = ("pip install", "sudo ", "edgekit ")
    assert all(any(c in row[2] for c in commands) for row in rows.values() if row[0] == "missing")
