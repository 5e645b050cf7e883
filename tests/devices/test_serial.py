"""A board on a serial port, through real pyserial: bad lines, lost power, ports that are not to be had."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.lab.mcu import Mcu
from edgekit.transports import serial as serial_room
from edgekit.transports.framed import FramedTransport, Line, Patience
from edgekit.transports.frames import Frame, Kind, encode
from edgekit.transports.registry import transport_for
from edgekit.transports.serial import SerialLine
from edgekit.transports.uri import DeviceUri, parse_device
from tests.devices.case_mcu import needed, power_off_after

PATIENT = Patience()
IMPATIENT = Patience(again_s=0.1, silence_s=0.6)


@pytest.fixture(scope="module")
def shared() -> Iterator[Mcu]:
    needed()
    with Mcu("mps2-an385") as running:
        yield running


@pytest.fixture
def mcu(shared: Mcu) -> Iterator[Mcu]:
    yield shared
    shared.power_on()


def _uri(mcu: Mcu) -> DeviceUri:
    return parse_device(mcu.uri)


def _over(
    mcu: Mcu, around: Callable[[Line], Line] = lambda line: line, patience: Patience = PATIENT
) -> FramedTransport:
    uri = _uri(mcu)
    return FramedTransport(uri, lambda: around(SerialLine(uri)), patience)


def _source(folder: Path, size: int = 3000) -> Path:
    path = folder / "source"
    path.write_bytes(hashlib.shake_256(b"edgekit").digest(size))
    return path


class NoisyLine:
    """A line that damages what goes over it, at times, both ways."""

    def __init__(self, line: Line, source: random.Random) -> None:
        self._line = line
        self._source = source
        self.damaged = 0

    def read(self, timeout_s: float) -> bytes:
        return self._damage(self._line.read(timeout_s))

    def write(self, data: bytes) -> None:
        self._line.write(self._damage(data))

    def close(self) -> None:
        self._line.close()

    def _damage(self, data: bytes) -> bytes:
        if not data or self._source.random() > 0.08:
            return data
        self.damaged += 1
        at = self._source.randrange(len(data))
        flipped = bytes([data[at] ^ (1 << self._source.randrange(8))])
        cases = [
            data[:at] + flipped + data[at + 1 :],
            data[:at] + data[at + 1 :],
            data[:at] + data[at : at + 1] + data[at:],
            data[:at],
            self._source.randbytes(20) + data,
        ]
        return self._source.choice(cases)


def test_a_noisy_line_loses_nothing(mcu: Mcu, tmp_path: Path) -> None:
    lines: list[NoisyLine] = []

    def noisy(line: Line) -> Line:
        lines.append(NoisyLine(line, random.Random(5)))
        return lines[0]

    source = _source(tmp_path, 8_000)
    with _over(mcu, noisy, Patience(again_s=0.05, silence_s=20)) as board:
        board.push(source, "file")
        board.pull("file", tmp_path / "back")
        told = [board.run(["sha256sum"], 20, stdin=str(number).encode()).stdout.strip() for number in range(5)]
        much = board.run(["much", "8000", "5"], 20)
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert told == [hashlib.sha256(str(number).encode()).hexdigest() for number in range(5)]
    assert (much.stdout, much.stderr) == ("x" * 8_000, "y" * 5)
    assert lines[0].damaged > 3


def test_garbage_on_the_line_before_a_session(mcu: Mcu) -> None:
    port = SerialLine(_uri(mcu))
    port.write(random.Random(1).randbytes(6000))
    port.close()
    with _over(mcu) as board:
        assert board.run(["echo", "here"], 10).stdout == "here\n"


def _ask_in_text(line: Line, text: bytes, end: bytes = b"m-ready\r\n") -> bytes:
    line.write(text)
    answer, deadline = b"", time.monotonic() + 20
    while not answer.endswith(end) and time.monotonic() < deadline:
        answer += line.read(0.2)
    return answer


def test_mlperf_tiny_commands_in_plain_text(mcu: Mcu) -> None:
    line = SerialLine(_uri(mcu))
    try:
        assert _ask_in_text(line, b"name%").endswith(b"m-name-dut-[mps2-an385]\r\nm-ready\r\n")
        assert _ask_in_text(line, b"profile%") == b"m-profile-[edgekit agent 1]\r\nm-model-[none]\r\nm-ready\r\n"
        assert _ask_in_text(line, b"db load 3%") == b"e-[Unknown command: db]\r\nm-ready\r\n"
        assert b"timestamp: " in _ask_in_text(line, b"help%")
        first, second = (int(_ask_in_text(line, b"timestamp%").split()[0].split(b"-")[-1]) for _ in range(2))
        assert first < second
    finally:
        line.close()


def test_a_file_full_of_commands_is_only_a_file(mcu: Mcu, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"\0name%" * 300)
    with _over(mcu) as board:
        board.push(tmp_path / "source", "file")
        board.pull("file", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"\0name%" * 300


def test_the_firmware_says_what_it_is(mcu: Mcu) -> None:
    board = _over(mcu)
    with pytest.raises(DeviceError, match="not open"):
        _ = board.board
    with board:
        assert (board.board.name, board.board.emulated) == ("mps2-an385", "qemu-system-arm")


def test_power_off_in_mid_push_keeps_nothing_under_the_name(mcu: Mcu, tmp_path: Path) -> None:
    board = transport_for(_uri(mcu))
    board.open()
    power_off_after(mcu, 20_000)
    with pytest.raises(DeviceError, match=r"the port is gone"):
        board.push(_source(tmp_path, 200_000), "file")
    board.close()
    mcu.power_on()
    with _over(mcu) as again:
        assert again.run(["test", "-e", "file"], 10).exit_code == 1


def test_power_off_in_mid_run(mcu: Mcu) -> None:
    with _over(mcu) as board:
        lines = board.stream(["say", "60", "started"], 60)
        assert next(lines) == "started"
        mcu.power_off()
        with pytest.raises(DeviceError, match=r"serial:.* the port is gone"):
            list(lines)


def test_a_board_that_falls_silent(mcu: Mcu) -> None:
    with _over(mcu, patience=IMPATIENT) as board:
        os.kill(mcu.pid, signal.SIGSTOP)
        try:
            with pytest.raises(DeviceError, match=r"no answer for 0\.6 s") as failed:
                board.run(["true"], 60)
        finally:
            os.kill(mcu.pid, signal.SIGCONT)
    assert "agent" in failed.value.hint
    with _over(mcu) as again:
        assert again.run(["exit", "3"], 10).exit_code == 3


def test_a_board_that_has_forgotten_the_session(mcu: Mcu) -> None:
    with _over(mcu) as board:
        handle = os.open(_uri(mcu).name, os.O_RDWR | os.O_NOCTTY)  # past the lock, as no session can
        os.write(handle, encode(Frame(Kind.HELLO, 1, 0xFFFFFFFF)))
        time.sleep(0.3)
        os.close(handle)
        with pytest.raises(DeviceError, match="has restarted and lost the session"):
            board.run(["true"], 10)


def test_a_session_that_was_lost_leaves_no_program_running(mcu: Mcu) -> None:
    lines: list[Line] = []

    def keep(line: Line) -> Line:
        lines.append(line)
        return line

    lost = _over(mcu, keep)
    lost.open()
    output = lost.stream(["say", "60", "started"], 60)
    assert next(output) == "started"
    lines[0].close()  # as when our process is killed: nothing is said any more
    with _over(mcu) as board:
        assert board.run(["exit", "6"], 10).exit_code == 6
    with pytest.raises(DeviceError, match="the port is gone"):
        list(output)
    lost.close()


@contextlib.contextmanager
def _pty(how: str) -> Iterator[str]:
    """A terminal whose other side is silent, echoing (says all that it hears) or babbling."""
    ours, theirs = os.openpty()
    stop = threading.Event()

    def answer() -> None:
        os.set_blocking(ours, False)
        while not stop.wait(0.01):
            with contextlib.suppress(BlockingIOError):
                data = os.read(ours, 4096)
                if how == "echoing":
                    os.write(ours, data)
            with contextlib.suppress(BlockingIOError):
                if how == "babbling":
                    os.write(ours, b"temperature 21.5\r\n\0")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        stop.set()
        thread.join()
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("how", ["silent", "echoing", "babbling"])
def test_a_port_without_an_agent(how: str) -> None:
    pytest.importorskip("serial")
    with _pty(how) as path:
        uri = DeviceUri("serial", path)
        with pytest.raises(DeviceError, match=r"no answer for 0\.6 s"):
            FramedTransport(uri, lambda: SerialLine(uri), IMPATIENT).open()
        SerialLine(uri).close()  # the failed session holds nothing


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(DeviceError, match="serial:/dev/ttyNone0: there is no such port") as failed:
        transport_for(parse_device("serial:/dev/ttyNone0")).open()
    assert "edgekit devices" in failed.value.hint


def test_a_path_that_is_no_port() -> None:
    with pytest.raises(DeviceError, match="serial:/etc/passwd: cannot open the port"):
        transport_for(parse_device("serial:/etc/passwd")).open()


def test_no_permission_on_the_port(tmp_path: Path) -> None:
    with _pty("silent") as path:
        Path(path).chmod(0)
        nobody = os.geteuid() == 0  # root may open anything
        if nobody:
            os.seteuid(65534)
        try:
            with pytest.raises(DeviceError, match="no permission on the port") as failed:
                transport_for(DeviceUri("serial", path)).open()
        finally:
            if nobody:
                os.seteuid(0)
    assert "dialout" in failed.value.hint


def test_two_at_once_are_never_mixed(mcu: Mcu) -> None:
    with _over(mcu) as first:
        with pytest.raises(DeviceError, match="is in use by another edgekit session"):
            _over(mcu).open()
        assert first.run(["echo", "mine"], 10).stdout == "mine\n"
    with _over(mcu) as second:
        assert second.run(["echo", "now mine"], 10).stdout == "now mine\n"


def test_words_that_do_not_fit(mcu: Mcu, tmp_path: Path) -> None:
    with _over(mcu) as board:
        with pytest.raises(DeviceError, match="cannot start echo: too long for this board: 5006 of 2048 bytes"):
            board.run(["echo", "x" * 5000], 10)
        with pytest.raises(DeviceError, match="too many words"):
            board.run(["echo", *["x"] * 100], 10)
        for word, why in (("a\0b", "holds a zero byte"), ("\ud800", "is no text")):
            with pytest.raises(DeviceError, match=why):
                board.run(["echo", word], 10)
        with pytest.raises(DeviceError, match="cannot write 'n*': the name is too long"):
            board.push(_source(tmp_path), "n" * 256)
        assert board.run(["exit", "1"], 10).exit_code == 1


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(MissingError, match="needs the Python package serial") as failed:
        transport_for(parse_device("serial:/dev/ttyACM0")).open()
    assert failed.value.hint == "pip install 'edgekit[serial]'"
    monkeypatch.setattr(serial_room, "installed", lambda module: False)
    assert serial_room.discover() == ()


@pytest.mark.parametrize("baud", ["fast", "0", "99999999", "-1"])
def test_a_baud_rate_that_is_none(monkeypatch: pytest.MonkeyPatch, baud: str) -> None:
    pytest.importorskip("serial")
    monkeypatch.setenv("EDGEKIT_SERIAL_BAUD", baud)
    with pytest.raises(UsageError, match="is no baud rate"):
        transport_for(parse_device("serial:/dev/ttyNone0")).open()


def test_what_is_found_is_a_device() -> None:
    assert all(parse_device(found.uri).transport == "serial" for found in serial_room.discover())


def test_a_board_that_is_off_has_no_process() -> None:
    needed()
    mcu = Mcu()
    mcu.close()
    for look in (lambda: mcu.pid, lambda: mcu.uri):
        with pytest.raises(DeviceError, match="is off"):
            look()
    with mcu:
        pid, link = mcu.pid, Path(_uri(mcu).name)
        assert mcu.running()
    assert not mcu.running()
    assert not link.parent.exists()
    assert not Path(f"/proc/{pid}").exists()
