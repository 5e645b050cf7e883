"""Setting up a 32-bit board that has nothing but Python and its distribution's numpy, and cannot reach a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.bundle.read import open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.errors import DeviceError, EdgekitError, UsageError
from edgekit.core.progress import Silent
from edgekit.lab.board import Board, BoardOptions
from edgekit.measure.board import Facts
from edgekit.measure.check import check_bundle
from edgekit.measure.options import CheckOptions
from edgekit.measure.setup import SetupOptions, set_up
from edgekit.transports.uri import parse_device
from tests.devices.need import need
from tests.unit.bundle.content import content

OFFLINE = SetupOptions(offline=True)
HOME = ".local/share/edgekit"


@pytest.fixture(scope="module")
def shared_bare() -> Iterator[Board]:
    need("bwrap", "sshd", "ssh", "qemu-aarch64-static", "qemu-arm-static")
    with Board("armhf", BoardOptions(bare=True)) as running:
        yield running


@pytest.fixture
def bare(shared_bare: Board, monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(shared_bare.ssh_config))
    return shared_bare


def setup(board: Board, options: SetupOptions = OFFLINE) -> tuple[Facts, list[str]]:
    told: list[str] = []
    return set_up(parse_device(board.uri), options, Cache(default_cache_folder()), told.append), told


def test_a_setup_that_loses_its_board_is_made_good_by_the_next(bare: Board) -> None:
    failures: list[EdgekitError] = []

    def try_setup() -> None:
        try:
            setup(bare)
        except EdgekitError as error:
            failures.append(error)

    thread = threading.Thread(target=try_setup)
    thread.start()
    venvs, end = bare.home / HOME / "venvs", time.monotonic() + 120
    while not (list(venvs.glob("*/bin/python")) if venvs.is_dir() else []) and time.monotonic() < end:
        time.sleep(0.05)
    bare.box.power_off()
    thread.join(120)
    assert not thread.is_alive()
    assert [type(error) for error in failures] == [DeviceError]
    bare.box.power_on()
    assert not (bare.home / HOME / "venv").exists()
    assert [path.name for path in venvs.glob("*/ready.json")] == []

    facts, told = setup(bare)
    assert any(line.startswith("cleared ") for line in told)
    assert (facts.runtime, facts.bits, facts.path) == ("tflite-runtime", 32, f"/home/pi/{HOME}/venv/bin/python")
    link = bare.home / HOME / "venv"
    assert link.is_symlink()
    assert not link.readlink().is_absolute()

    again, told = setup(bare)
    assert again == facts
    assert told[-1].endswith("nothing was changed")


def test_the_board_runs_models_now(bare: Board, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", content())
    options = CheckOptions(runs=20, warmup=2)
    found = check_bundle(open_bundle(tmp_path / "bundle"), parse_device(bare.uri), options, Silent())
    assert found.parity.passed
    assert found.conditions.runtime == "tflite-runtime"
    assert found.profile.note == "tflite-runtime has no profiler, so there are no times by operator."


def test_a_board_without_a_network_says_how_to_do_without(board: Board) -> None:
    with pytest.raises(DeviceError, match="cannot install from the package index") as caught:
        setup(board, SetupOptions())
    assert "--offline" in caught.value.hint
    assert not (board.home / HOME / "venv").exists()


def test_wheels_that_do_not_fit_make_no_environment(board: Board, tmp_path: Path) -> None:
    (tmp_path / "pip-25.0-py3-none-any.whl").write_bytes(b"no wheel either")
    (tmp_path / "ai_edge_litert-2.3.0-cp311-cp311-manylinux_2_34_armv7l.whl").write_bytes(b"no wheel")
    with pytest.raises(DeviceError, match="cannot install the wheels"):
        setup(board, SetupOptions(wheels=tmp_path))
    assert not (board.home / HOME / "venv").exists()


def test_what_needs_no_setup() -> None:
    with pytest.raises(UsageError, match="local needs no environment"):
        set_up(parse_device("local"), OFFLINE, Cache(default_cache_folder()), print)
