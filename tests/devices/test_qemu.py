"""Machines of QEMU: the four boards, faults in programs, a board that ends, what is missing."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.core.cache import Cache
from edgekit.core.errors import DeviceError, MissingError
from edgekit.transports import firmware, qemu
from edgekit.transports.firmware import MACHINES, agent_image, machine_named
from edgekit.transports.framed import FramedTransport
from edgekit.transports.qemu import QemuLine
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import parse_device
from tests.devices.case_mcu import needed

NAMES = [machine.name for machine in MACHINES]
URI = parse_device("qemu:mps2-an386")


@pytest.fixture(scope="module", params=NAMES)
def board(request: pytest.FixtureRequest) -> Iterator[FramedTransport]:
    needed()
    uri = parse_device(f"qemu:{request.param}")
    with FramedTransport(uri, lambda: QemuLine(uri, machine_named(uri.name))) as running:
        yield running


def test_each_machine_says_what_it_is(board: FramedTransport) -> None:
    assert board.board.name in NAMES
    assert board.board.emulated == "qemu-system-arm"
    assert board.run(["sha256sum"], 20, stdin=b"abc").stdout.strip() == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(("how", "code"), [("memory", -11), ("illegal", -4), ("stack", -11)])
def test_a_fault_is_a_signal_and_the_board_goes_on(board: FramedTransport, how: str, code: int) -> None:
    result = board.run(["fault", how], 20)
    assert result.exit_code == code
    assert result.stderr.startswith("fault at 0x")
    assert board.run(["echo", "alive"], 20).stdout == "alive\n"


def test_a_program_that_asks_for_nothing_is_killed(board: FramedTransport) -> None:
    with pytest.raises(DeviceError, match=r"spin did not end within 0\.5 s and was killed"):
        board.run(["spin"], 0.5)
    assert board.run(["exit", "9"], 20).exit_code == 9


def test_files_stay_between_programs_and_inputs_do_not(board: FramedTransport, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("kept")
    board.push(tmp_path / "source", "file")
    assert board.run(["cat"], 20, stdin=b"given").stdout == "given"
    assert board.run(["cat"], 20).stdout == ""
    assert board.run(["cat", "file"], 20).stdout == "kept"
    assert board.run(["cat", "other"], 20).stderr == "cat: other: there is no such file\n"


@pytest.fixture
def line() -> Iterator[QemuLine]:
    needed()
    running = QemuLine(URI, machine_named(URI.name))
    yield running
    running.close()


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists() or b"\nState:\tZ" in Path(f"/proc/{pid}/status").read_bytes():
            return True
        time.sleep(0.02)
    return False


def test_a_machine_that_is_killed_in_mid_push(line: QemuLine, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(200_000))
    with FramedTransport(URI, lambda: line) as board:
        threading.Timer(0.3, os.kill, (line.pid, signal.SIGKILL)).start()
        with pytest.raises(DeviceError, match="qemu:mps2-an386: the emulated board is gone"):
            board.push(tmp_path / "source", "file")


def test_a_machine_that_is_killed_in_mid_run_and_between_two(line: QemuLine, tmp_path: Path) -> None:
    with FramedTransport(URI, lambda: line) as board:
        lines = board.stream(["say", "60", "started"], 60)
        assert next(lines) == "started"
        os.kill(line.pid, signal.SIGKILL)
        with pytest.raises(DeviceError, match="the emulated board is gone"):
            list(lines)
        with pytest.raises(DeviceError, match="the emulated board is gone"):
            board.run(["true"], 10)
        with pytest.raises(DeviceError, match="the emulated board is gone"):
            board.pull("file", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_closing_ends_the_machine(line: QemuLine) -> None:
    with FramedTransport(URI, lambda: line) as board:
        assert board.run(["true"], 10).exit_code == 0
    assert _gone(line.pid)


def test_the_machine_ends_with_us() -> None:
    needed()
    program = (
        "import time\n"
        "from edgekit.transports.firmware import machine_named\n"
        "from edgekit.transports.qemu import QemuLine\n"
        "from edgekit.transports.uri import parse_device\n"
        f"line = QemuLine(parse_device('{URI}'), machine_named('{URI.name}'))\n"
        "print(line.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        pid = int(user.stdout.readline())
        os.kill(user.pid, signal.SIGKILL)
        assert _gone(pid)


def test_an_unknown_machine() -> None:
    with pytest.raises(DeviceError, match="there is no agent for the machine raspi3b") as failed:
        transport_for(parse_device("qemu:raspi3b"))
    assert failed.value.hint == f"known: {', '.join(NAMES)}"


def _only(folder: Path, monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    for name in programs:
        (folder / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setitem(sys.modules, "ziglang", None)  # as where it is not installed


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed()
    _only(tmp_path, monkeypatch)
    with pytest.raises(MissingError, match="needs qemu-system-arm") as failed:
        transport_for(URI).open()
    assert failed.value.hint == "sudo apt install qemu-system-arm"
    assert qemu.discover() == ()
    _only(tmp_path, monkeypatch, "qemu-system-arm")
    with pytest.raises(MissingError, match="needs arm-none-eabi-gcc") as failed:
        transport_for(URI).open()
    assert "gcc-arm-none-eabi" in failed.value.hint


def test_all_machines_are_found() -> None:
    needed()
    assert [found.uri for found in qemu.discover()] == [f"qemu:{name}" for name in NAMES]


def test_the_firmware_is_built_once_and_again_when_its_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed()
    cache, machine = Cache(tmp_path / "cache"), machine_named("mps2-an385")
    first = agent_image(machine, cache)
    made = first.stat().st_mtime_ns
    assert agent_image(machine, cache) == first
    assert first.stat().st_mtime_ns == made
    sources = tmp_path / "agent"
    shutil.copytree(firmware.SOURCES, sources)
    monkeypatch.setattr(firmware, "SOURCES", sources)
    assert agent_image(machine, cache) == first
    with (sources / "plain.c").open("a") as file:
        file.write("\nint unused(int value) { return valu; }\n")
    with pytest.raises(DeviceError, match=r"arm-none-eabi-gcc [0-9.]+ for Cortex-M3 failed: .*error: .valu. und"):
        agent_image(machine, cache)


def test_the_board_of_the_manual_compiles(tmp_path: Path) -> None:
    needed()
    manual = (Path(__file__).parents[2] / "docs" / "microcontrollers.md").read_text()
    (tmp_path / "my_board.c").write_text(manual.split("```c\n")[1].split("```")[0])
    command = manual.split("```sh\n")[1].split("```")[0]
    env = {**os.environ, "AGENT": str(firmware.SOURCES)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "agent.elf").stat().st_size > 0


def test_the_manual_names_the_programs(tmp_path: Path) -> None:
    needed()
    manual = (Path(__file__).parents[2] / "docs" / "microcontrollers.md").read_text()
    with transport_for(URI) as board, pytest.raises(DeviceError, match="cannot start nothing") as refused:
        board.run(["nothing"], 10)
    assert f"Programs: `{refused.value.message.partition('but: ')[2]}`." in manual
