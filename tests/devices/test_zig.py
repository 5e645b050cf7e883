"""zig from PyPI in place of Debian's compiler: the firmware with its own C library, on emulated boards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgekit.bundle.read import open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.core.progress import Silent
from edgekit.core.toolchain import Family, command_of
from edgekit.measure.check import check_bundle
from edgekit.measure.options import CheckOptions
from edgekit.transports.uri import parse_device
from tests.devices.need import need, without
from tests.unit.bundle.content import content


@pytest.fixture(autouse=True)
def only_zig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other compiler is on the path."""
    need("qemu-system-arm")
    if command_of(Family.ZIG) is None:
        without("zig is not installed: pip install 'edgekit[zig]'")
    (tmp_path / "bin").mkdir()
    for program in ("qemu-system-arm", "setpriv", "sh", "zig"):
        if path := shutil.which(program):
            (tmp_path / "bin" / program).symlink_to(path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_what_zig_compiles_is_bit_exact(tmp_path: Path) -> None:
    """On one core only: zig compiles its own run-time library anew for each, which takes it half a minute."""
    write_bundle(tmp_path / "b", content("mcu"))
    found = check_bundle(open_bundle(tmp_path / "b"), parse_device("qemu:mps3-an547"), CheckOptions(), Silent())
    assert (found.parity.passed, found.parity.max_difference) == (True, 0)
    firmware = found.firmware
    assert firmware is not None and firmware.footprint is not None and firmware.instructions is not None
    assert firmware.footprint.compiler.startswith("zig cc ")
    assert 0 < firmware.instructions < 10_000
    assert firmware.footprint.arena_bytes > 0  # symbols are there, at -Os too
    assert len(firmware.layers) == 1
