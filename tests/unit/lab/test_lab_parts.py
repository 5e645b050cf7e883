"""Parts of the lab that need no device: lists, tables, texts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.lab import debs
from edgekit.lab.binfmt import rules
from edgekit.lab.debs import RootRecipe
from edgekit.lab.members import MEMBERS, members
from edgekit.lab.packages import missing, missing_packages, package_of, program, require
from edgekit.lab.raspberry import PI_2, PI_4
from edgekit.lab.turn import turn
from edgekit.transports.lab_devices import LabDevice, lab_variables, start_of
from edgekit.transports.uri import parse_device
from tests.devices.need import need


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert missing_packages(["bwrap", "qemu-arm-static", "qemu-aarch64-static"]) == ["bubblewrap", "qemu-user-static"]
    assert missing(["bwrap", "qemu-arm-static"]) == "the lab needs the Debian packages bubblewrap, qemu-user-static"
    with pytest.raises(MissingError) as caught:
        require(["bwrap"])
    assert caught.value.message == "the lab needs the Debian package bubblewrap"
    assert caught.value.hint == "sudo apt-get install bubblewrap"
    with pytest.raises(MissingError, match="android-tools"):
        program("android-tools")


def test_a_test_is_skipped_or_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("EDGEKIT_LAB", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match="needs the Debian package bubblewrap: sudo apt-get install bubblewrap"
    ):
        need("bwrap")
    monkeypatch.setenv("EDGEKIT_LAB", "required")
    with pytest.raises(pytest.fail.Exception, match="EDGEKIT_LAB=required, but the lab needs"):
        need("bwrap")


def test_every_program_of_the_fleet_has_a_package() -> None:
    needed = {name for member in MEMBERS.values() for name in member.programs}
    assert needed <= set(package_of())
    assert [member.name for member in members(())] == list(MEMBERS)
    assert [member.name for member in members(("pi", "pi"))] == ["pi"]
    with pytest.raises(UsageError, match="no device 'toaster'"):
        members(("toaster",))


def test_programs_of_this_machine_are_not_taken_for_foreign_ones() -> None:
    """A rule of the kernel matches where file & mask == magic & mask."""
    head = Path(sys.executable).read_bytes()[:20]
    for rule in rules("/qemu-aarch64", "/qemu-arm"):
        _, name, kind, offset, magic, mask, emulator, flags = rule.split(":")
        bits, want = (bytes.fromhex(text.replace("\\x", "")) for text in (mask, magic))
        assert (kind, offset, flags, len(bits), len(want)) == ("M", "", "PF", 20, 20)
        assert emulator == f"/qemu-{name.removeprefix('edgekit-')}"
        foreign = bytes([*want[:16], 3, *want[17:]])  # a position-independent program: e_type 3
        assert all(f & b == w & b for f, b, w in zip(foreign, bits, want, strict=True))
        if os.uname().machine == "x86_64":
            assert not all(h & b == w & b for h, b, w in zip(head, bits, want, strict=True))


def test_cpuinfo_names_each_processor_once() -> None:
    text = PI_4.cpuinfo(2)
    assert text.startswith("processor\t: 0\nBogoMIPS\t: 108.00\n")
    assert text.count("CPU part\t: 0xd08\n") == 2
    assert text.endswith(f"\nModel\t\t: {PI_4.name}\n")
    assert "CPU architecture\t: 7\n" in PI_2.cpuinfo(1)


def test_a_recipe_names_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    one, other = RootRecipe("pi", "arm64", ("bash",)), RootRecipe("pi", "arm64", ("bash",), revision=2)
    assert one.folder.parent == tmp_path / "lab"
    assert one.folder == RootRecipe("pi", "arm64", ("bash",)).folder != other.folder


def test_the_mirror_is_that_of_a_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debs, "_SOURCES", tmp_path)
    assert debs._mirror() == "http://deb.debian.org/debian"
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "docker.list").write_text(
        "deb https://download.docker.com/linux/debian bookworm stable\n"
    )
    assert debs._mirror() == "http://deb.debian.org/debian"
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example/debian x\ndeb [a=b] https://near.example/debian/ x main\n"
    )
    assert debs._mirror() == "https://near.example/debian"
    (tmp_path / "sources.list.d" / "debian.sources").write_text("Types: deb\nURIs: http://nearer.example/debian\n")
    assert debs._mirror() == "http://nearer.example/debian"


def test_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        turn(lock, "the lab", 1),
        pytest.raises(DeviceError, match="at work on the lab"),
        turn(lock, "the lab", 0.01),
    ):
        pytest.fail("two at once")
    with turn(tmp_path / "lock", "the lab", 1):
        assert (tmp_path / "lock").exists()


def test_a_process_is_known_by_its_start() -> None:
    mine = os.getpid()
    assert start_of(mine) == start_of(mine) != ""
    assert start_of(2**22 + 1) == ""
    assert LabDevice("pi", "ssh:pi@127.0.0.1:1", "", mine, start_of(mine), {}).running()
    assert not LabDevice("pi", "ssh:pi@127.0.0.1:1", "", mine, "another boot 7", {}).running()


def test_devices_of_others_get_no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    assert lab_variables(parse_device("ssh:pi@raspberrypi.local")) == {}
    assert lab_variables(parse_device("ssh:pi@127.0.0.1:2022")) == {}
