"""Every transport of the registry keeps the promises of `edgekit.transports.base.Transport`."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, StorageError
from edgekit.transports.base import Transport
from edgekit.transports.registry import TRANSPORTS, transport_for
from edgekit.transports.uri import parse_device

DEVICES = {"local": "local"}  # a device of each transport; the ones with a wire get an emulated one beside it
PYTHON = sys.executable


@pytest.fixture(params=list(TRANSPORTS))
def device(request: pytest.FixtureRequest) -> Iterator[Transport]:
    transport = transport_for(parse_device(DEVICES[request.param]))
    transport.open()
    yield transport
    transport.close()


def _content(size: int) -> bytes:
    return hashlib.shake_256(b"edgekit").digest(size)


@pytest.mark.parametrize("size", [0, 1, 65536, 5_000_000])
def test_what_is_pushed_is_pulled(device: Transport, tmp_path: Path, size: int) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(_content(size))
    device.push(source, "there")
    device.pull("there", back)
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", ["a b", "it's", 'say "x"', "$HOME", "a;b", "ä€", "sub/dir/x", "*", "x\\y"])
def test_names_are_taken_as_they_are(device: Transport, tmp_path: Path, name: str) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(name.encode())
    device.push(source, name)
    device.pull(name, back)
    assert back.read_bytes() == name.encode()
    assert device.run(["cat", name], 10).stdout == name


def test_a_second_push_replaces_the_first(device: Transport, tmp_path: Path) -> None:
    for text in ("longer than the next", "short"):
        (tmp_path / "source").write_text(text)
        device.push(tmp_path / "source", "file")
    assert device.run(["cat", "file"], 10).stdout == "short"


def test_exit_codes_come_back(device: Transport) -> None:
    assert [device.run(["sh", "-c", f"exit {code}"], 10).exit_code for code in (0, 1, 42, 255)] == [0, 1, 42, 255]


def test_a_signal_is_not_an_exit_code(device: Transport) -> None:
    assert device.run(["sh", "-c", "kill -SEGV $$"], 10).exit_code == -11


def test_stdout_and_stderr_come_apart(device: Transport) -> None:
    result = device.run(["sh", "-c", "echo out; echo err >&2"], 10)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_arguments_never_meet_a_shell(device: Transport) -> None:
    arguments = ["a b", "$(id)", "`id`", "'", '"', "\\", ";", "&", "*", "", "\n", "--"]
    program = "import sys; sys.stdout.write(repr(sys.argv[1:]))"
    assert device.run([PYTHON, "-c", program, *arguments], 20).stdout == repr(arguments)


def test_standard_input_is_given_whole(device: Transport) -> None:
    data = _content(1_000_000)
    program = "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    assert device.run([PYTHON, "-c", program], 20, stdin=data).stdout.strip() == hashlib.sha256(data).hexdigest()


def test_much_output_does_not_block(device: Transport) -> None:
    program = "import sys; sys.stdout.write('x' * 1_000_000); sys.stderr.write('y' * 1_000_000)"
    result = device.run([PYTHON, "-c", program], 20)
    assert (len(result.stdout), len(result.stderr)) == (1_000_000, 1_000_000)


def test_a_command_that_does_not_end_is_killed_with_all_it_started(device: Transport) -> None:
    start = time.monotonic()
    with pytest.raises(DeviceError, match=r"0\.5 s"):
        device.run(["sh", "-c", "(sleep 1.5; echo alive > survivor) & sleep 60"], 0.5)
    assert time.monotonic() - start < 10
    time.sleep(1.5)
    assert device.run(["test", "-e", "survivor"], 10).exit_code == 1


def test_a_program_that_is_not_there(device: Transport) -> None:
    with pytest.raises(DeviceError, match="no-such-program"):
        device.run(["no-such-program"], 10)
    with pytest.raises(ValueError, match="list of words"):
        device.run("echo 1", 10)


def test_lines_are_streamed(device: Transport) -> None:
    assert list(device.stream(["sh", "-c", "echo one; echo two >&2; printf three"], 10)) == ["one", "two", "three"]


def test_a_line_comes_before_the_program_ends(device: Transport) -> None:
    lines = device.stream(["sh", "-c", "echo first; sleep 30"], 20)
    start = time.monotonic()
    assert next(lines) == "first"
    assert time.monotonic() - start < 15
    lines.close()  # type: ignore[attr-defined]  # a generator: closing it ends the program


def test_a_silent_stream_and_a_failing_one(device: Transport) -> None:
    with pytest.raises(DeviceError, match="silent"):
        list(device.stream(["sleep", "30"], 0.3))
    with pytest.raises(DeviceError, match="exit code 3"):
        list(device.stream(["sh", "-c", "exit 3"], 10))


def test_missing_files(device: Transport, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        device.push(tmp_path / "missing", "x")
    with pytest.raises(DeviceError, match="'missing'"):
        device.pull("missing", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_paths_that_lead_out(device: Transport, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    for path in ("../x", "/tmp/x", ""):
        with pytest.raises(DeviceError, match="is not a path below"):
            device.push(tmp_path / "source", path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_here_leaves_nothing(device: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_text("x")
    device.push(tmp_path / "source", "file")
    monkeypatch.setattr(os, "fsync", _no_space)
    with pytest.raises(StorageError, match="No space left on device"):
        device.pull("file", tmp_path / "back")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def _no_space(handle: int) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")


def test_a_target_that_cannot_be_written(device: Transport, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    device.push(tmp_path / "source", "file")
    with pytest.raises(DeviceError, match="cannot write 'file/below'"):
        device.push(tmp_path / "source", "file/below")
    with pytest.raises(StorageError, match="cannot write"):
        device.pull("file", tmp_path / "source" / "below")
    assert device.run(["cat", "file"], 10).stdout == "x"


def test_closing_twice_and_using_it_after(device: Transport) -> None:
    device.close()
    device.close()
    with pytest.raises(DeviceError, match="not open"):
        device.run(["true"], 10)


def test_a_session_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    for name in TRANSPORTS:
        with transport_for(parse_device(DEVICES[name])) as first:
            first.push(tmp_path / "source", "file")
        with transport_for(parse_device(DEVICES[name])) as second:
            assert second.run(["test", "-e", "file"], 10).exit_code == 1
