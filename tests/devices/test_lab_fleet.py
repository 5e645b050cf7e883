"""`edgekit lab`: a fleet that lives on when its command has ended, and ends by process id."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.core.cache import default_cache_folder
from edgekit.core.records import canonical_json, to_record
from edgekit.lab.debs import root_filesystem
from edgekit.lab.members import MEMBERS
from edgekit.lab.phone import phone_root
from edgekit.lab.raspbian import raspbian
from edgekit.transports.lab_devices import LabDevice, start_of
from tests.cli.run import edgekit, said
from tests.devices.need import need, need_roots

need("bwrap", "sshd", "ssh", "adb", "qemu-aarch64-static", "qemu-arm-static")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of our own, so that the fleet is ours, with the root filesystems of the user's."""
    need_roots("arm64", "armhf", "phone")
    folder = tmp_path_factory.mktemp("cache")
    (folder / "lab").mkdir()
    for root in (root_filesystem(raspbian("arm64")), root_filesystem(raspbian("armhf")), phone_root()):
        (folder / "lab" / root.name).symlink_to(root)
    assert default_cache_folder() != folder
    yield folder
    edgekit("lab", "down", cache=folder)


@pytest.fixture
def fleet(cache: Path) -> Path:
    """The folder of a fleet in which `pi` runs."""
    assert edgekit("lab", "up", "pi", cache=cache).returncode == 0
    return cache / "lab" / "fleet"


def _record(fleet: Path, name: str = "pi") -> LabDevice:
    return LabDevice(**json.loads((fleet / name / "device.json").read_text()))


def _ended(pid: int) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20)[0]) or not start_of(pid)
    finally:
        os.close(handle)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in tasks]


def test_up_twice_is_up_once(fleet: Path, cache: Path) -> None:
    before = _record(fleet)
    done = edgekit("lab", "up", "pi", cache=cache)
    assert (done.returncode, before.uri in done.stdout) == (0, True)
    assert _record(fleet) == before
    assert before.running()


def test_status_lists_what_answers(fleet: Path, cache: Path) -> None:
    done = edgekit("lab", "status", cache=cache)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1].split()[0] == "pi"
    assert done.stdout.rstrip().endswith("answers")
    told = json.loads(edgekit("lab", "status", "--json", "-", cache=cache).stdout)
    assert [(row["uri"], row["trouble"]) for row in told["results"]] == [(_record(fleet).uri, "")]


def test_the_whole_fleet_starts_and_answers(cache: Path) -> None:
    need(*(program for member in MEMBERS.values() for program in member.programs))
    done = edgekit("lab", "up", cache=cache)
    assert done.returncode == 0, done.stderr
    told = json.loads(edgekit("lab", "status", "--json", "-", cache=cache).stdout)
    assert {row["name"]: row["trouble"] for row in told["results"]} == dict.fromkeys(MEMBERS, "")
    assert {row["uri"].partition(":")[0] for row in told["results"]} == {"adb", "ssh", "serial"}
    ended = edgekit("lab", "down", cache=cache).stdout
    assert sorted(ended.removeprefix("ended: ").strip().split(", ")) == sorted(MEMBERS)


def test_exports_lead_ssh_itself_to_the_board(fleet: Path, cache: Path) -> None:
    export = edgekit("lab", "status", "--export", cache=cache).stdout
    script = 'ssh -F "$EDGEKIT_SSH_CONFIG" -o BatchMode=yes -p "${EDGEKIT_LAB_PI##*:}" pi@127.0.0.1 uname -m'
    done = subprocess.run(["sh", "-c", export + script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("aarch64", 0), done.stderr


def test_down_ends_everything_and_a_second_one_nothing(fleet: Path, cache: Path) -> None:
    keeper = _record(fleet).pid
    processes = [keeper, *_children(keeper)]
    assert len(processes) >= 3  # the keeper, the box, the cable
    done = edgekit("lab", "down", cache=cache)
    assert (done.returncode, done.stdout) == (0, "ended: pi\n")
    assert all(_ended(pid) for pid in processes)
    assert not (fleet / "pi").exists()
    assert edgekit("lab", "down", cache=cache).stdout == "nothing ran\n"
    assert edgekit("lab", "status", cache=cache).stdout.startswith("nothing runs")


def test_a_keeper_that_is_killed_takes_its_device_along(fleet: Path, cache: Path) -> None:
    keeper = _record(fleet).pid
    children = _children(keeper)
    os.kill(keeper, signal.SIGKILL)
    assert all(_ended(pid) for pid in [keeper, *children])
    done = edgekit("lab", "status", cache=cache)
    assert (done.returncode, "its process is gone" in done.stdout) == (5, True)
    assert edgekit("lab", "up", "pi", cache=cache).returncode == 0
    assert _record(fleet).pid != keeper


def test_a_fleet_whose_folder_is_removed_ends(fleet: Path) -> None:
    keeper = _record(fleet).pid
    shutil.rmtree(fleet)
    assert _ended(keeper)


def test_a_process_that_has_the_number_of_a_dead_keeper_is_left_alone(cache: Path) -> None:
    edgekit("lab", "down", cache=cache)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        stale = LabDevice("pi", "ssh:pi@127.0.0.1:1", "a Pi of yesterday", other.pid, "another boot 1", {})
        folder = cache / "lab" / "fleet" / "pi"
        folder.mkdir(parents=True)
        (folder / "device.json").write_bytes(canonical_json(to_record(stale)))
        assert edgekit("lab", "down", cache=cache).stdout == "nothing ran\n"
        assert other.poll() is None
        assert not folder.exists()
        other.communicate(b"\n", timeout=20)
    assert other.returncode == 0


def test_a_start_that_is_killed_leaves_nothing_that_down_does_not_end(cache: Path) -> None:
    edgekit("lab", "down", cache=cache)
    starting = cache / "lab" / "fleet" / "pi" / "starting.json"
    words = [sys.executable, "-m", "edgekit", "lab", "up", "pi"]
    with subprocess.Popen(words, env={**os.environ, "EDGEKIT_CACHE": str(cache)}, stdout=subprocess.DEVNULL) as up:
        while not starting.exists() and up.poll() is None:
            time.sleep(0.002)
        keeper = json.loads(starting.read_text())["pid"]
        up.kill()
    edgekit("lab", "down", cache=cache)
    assert _ended(keeper)
    assert not starting.parent.exists()


def test_a_damaged_record_is_no_device(cache: Path) -> None:
    folder = cache / "lab" / "fleet" / "pi32"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "device.json").write_text('{"name": "pi32", "pid": "many"}')
    assert "pi32" not in edgekit("lab", "status", cache=cache).stdout


def test_an_unknown_device_and_a_missing_package(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = edgekit("lab", "up", "toaster", cache=cache)
    assert (unknown.returncode, "no device 'toaster'" in said(unknown)) == (2, True)
    monkeypatch.setenv("PATH", "/nowhere")
    done = edgekit("lab", "up", "pi32", cache=cache)
    first, second = said(done).splitlines()
    assert done.returncode == 6
    assert first == "error: the lab needs the Debian packages bubblewrap, openssh-client, qemu-user-static"
    assert second.strip() == "sudo apt-get install bubblewrap openssh-client qemu-user-static"
