"""Every transport of the registry keeps the promises of `edgekit.transports.base.Transport`, on a device that runs."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, StorageError
from edgekit.transports.base import Transport
from edgekit.transports.registry import TRANSPORTS, transport_for
from edgekit.transports.uri import parse_device
from tests.devices.cases import NAMES, Case, Device, Second, Words, case

_JOIN_S = 120
"""A call that has not ended by then hangs."""


@dataclass(frozen=True, slots=True)
class Place:
    """A running device and its case."""

    case: Case
    device: Device

    @property
    def words(self) -> Words:
        return self.case.words

    def limit_s(self, seconds: float = 10) -> float:
        return seconds * self.case.speed

    def transport(self) -> Transport:
        return transport_for(parse_device(self.device.uri))


@pytest.fixture(scope="module", params=NAMES)
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    kind = case(request.param)
    with kind.start(tmp_path_factory.mktemp(kind.name)) as device:
        yield Place(kind, device)


@pytest.fixture
def place(started: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in started.device.environment.items():
        monkeypatch.setenv(name, value)
    yield started
    if started.device.come_back is not None:
        started.device.come_back()


@pytest.fixture
def session(place: Place) -> Iterator[Transport]:
    transport = place.transport()
    transport.open()
    yield transport
    transport.close()


def _content(size: int) -> bytes:
    return hashlib.shake_256(b"edgekit").digest(size)


def _file(folder: Path, data: bytes | str = b"x") -> Path:
    path = folder / "source"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def _is_there(place: Place, session: Transport, name: str) -> bool:
    code = session.run(place.words.exists(name), place.limit_s()).exit_code
    assert code in {0, 1}
    return code == 0


def _in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[Exception]]:
    """`work` in a thread, and what it raised."""
    raised: list[Exception] = []

    def call() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  handed to the test, which looks at it
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread, raised


def test_every_transport_has_a_case() -> None:
    assert {case(name).transport for name in NAMES} == set(TRANSPORTS)


@pytest.mark.parametrize("size", [0, 1, 65536, 5_000_000])
def test_what_is_pushed_is_pulled(place: Place, session: Transport, tmp_path: Path, size: int) -> None:
    most = place.device.most_bytes
    if most is not None and size > most:
        pytest.skip(f"the device holds {most} bytes: see the test of a full disk")
    source, back = _file(tmp_path, _content(size)), tmp_path / "back"
    session.push(source, "there")
    session.pull("there", back)
    assert back.read_bytes() == source.read_bytes()


def test_a_full_device_refuses_and_keeps_nothing(place: Place, session: Transport, tmp_path: Path) -> None:
    most = place.device.most_bytes
    if most is None:
        pytest.skip("this device is as large as this machine's disk")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(max(most + 65536, 5_000_000))
    with pytest.raises(DeviceError, match=r"cannot write 'large': \S.*") as refused:
        session.push(tmp_path / "large", "large")
    assert "\n" not in refused.value.message
    assert not _is_there(place, session, "large")
    session.push(_file(tmp_path, _content(most // 2)), "small")
    assert _is_there(place, session, "small")


_PLAIN_NAMES = ["a", "sub/dir/x", "model-1.0_x.tflite"]
_ODD_NAMES = [
    "a b",
    "it's",
    'say "x"',
    "$HOME",
    "$(id)",
    "`id`",
    "a;b",
    "ä€",
    "*",
    "x\\y",
    ".hidden",
    "..a",
    "a&b|c>d",
    "~",
]


@pytest.mark.parametrize("name", [*_PLAIN_NAMES, *_ODD_NAMES])
def test_names_are_taken_as_they_are(place: Place, session: Transport, tmp_path: Path, name: str) -> None:
    if name in _ODD_NAMES and not place.case.odd_names:
        with pytest.raises(DeviceError, match="name"):
            session.push(_file(tmp_path), name)
        return
    session.push(_file(tmp_path, name), name)
    session.pull(name, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == name.encode()
    assert session.run(place.words.cat(name), place.limit_s()).stdout == name


def test_a_second_push_replaces_the_first(place: Place, session: Transport, tmp_path: Path) -> None:
    for text in ("longer than the next", "short"):
        session.push(_file(tmp_path, text), "file")
    assert session.run(place.words.cat("file"), place.limit_s()).stdout == "short"


def test_exit_codes_come_back(place: Place, session: Transport) -> None:
    codes = [0, 1, 42, 255]
    assert [session.run(place.words.exit(code), place.limit_s()).exit_code for code in codes] == codes


@pytest.mark.parametrize("number", [6, 9, 11, 15])
def test_a_signal_is_not_an_exit_code(place: Place, session: Transport, number: int) -> None:
    if place.words.die is None:
        pytest.skip("this device has no signals")
    assert session.run(place.words.die(number), place.limit_s()).exit_code == -number


def test_stdout_and_stderr_come_apart(place: Place, session: Transport) -> None:
    result = session.run(place.words.both, place.limit_s())
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_arguments_never_meet_a_shell(place: Place, session: Transport) -> None:
    arguments = ["a b", "$(id)", "`id`", "'", '"', "\\", ";", "&", "*", "", "\n", "--", "-n", "~", "!x", "ä", "%s"]
    result = session.run(place.words.arguments(arguments), place.limit_s())
    assert result.stdout == "".join(f"<{word}>" for word in arguments)


def test_long_arguments_arrive(place: Place, session: Transport) -> None:
    word = "x" * place.case.word_bytes
    assert session.run(place.words.arguments([word]), place.limit_s()).stdout == f"<{word}>"


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
def test_standard_input_is_given_whole(place: Place, session: Transport, size: int) -> None:
    data = _content(min(size, place.case.stdin_bytes))
    result = session.run(place.words.digest, place.limit_s(20), stdin=data)
    assert result.stdout.split()[0] == place.words.digest_of(data)


def test_a_program_that_does_not_read_its_input(place: Place, session: Transport) -> None:
    data = _content(place.case.stdin_bytes)
    assert session.run(place.words.exit(3), place.limit_s(20), stdin=data).exit_code == 3


def test_much_output_does_not_block(place: Place, session: Transport) -> None:
    count = place.case.output_bytes
    result = session.run(place.words.much(count), place.limit_s(20))
    assert (result.stdout.count("x"), result.stderr.count("y")) == (count, count)
    assert (len(result.stdout), len(result.stderr)) == (count, count)


def test_a_command_that_does_not_end_is_killed(place: Place, session: Transport) -> None:
    with pytest.raises(DeviceError, match=r"1 s"):
        session.run(place.words.sleep(60), 1)
    assert session.run(place.words.exit(0), place.limit_s()).exit_code == 0


def test_a_command_is_killed_with_all_it_started(place: Place, session: Transport) -> None:
    if place.words.orphan is None:
        pytest.skip("this device has no processes")
    with pytest.raises(DeviceError, match=r"1 s"):
        session.run(place.words.orphan("survivor"), 1)
    time.sleep(2)
    assert not _is_there(place, session, "survivor")


def test_a_program_that_is_not_there(place: Place, session: Transport) -> None:
    with pytest.raises(DeviceError, match="no-such-program"):
        session.run(["no-such-program"], place.limit_s())
    with pytest.raises(ValueError, match="list of words"):
        session.run("echo 1", place.limit_s())
    with pytest.raises(ValueError, match="list of words"):
        session.run([], place.limit_s())


def test_lines_are_streamed(place: Place, session: Transport) -> None:
    assert list(session.stream(place.words.three, place.limit_s())) == ["one", "two", "three"]


def test_a_line_comes_before_the_program_ends(place: Place, session: Transport) -> None:
    lines = session.stream(place.words.first, place.limit_s(20))
    assert next(lines) == "first"
    lines.close()  # type: ignore[attr-defined]  # a generator: closing it ends the program
    assert session.run(place.words.exit(0), place.limit_s()).exit_code == 0


def test_a_silent_stream_and_a_failing_one(place: Place, session: Transport) -> None:
    with pytest.raises(DeviceError, match="silent"):
        list(session.stream(place.words.sleep(30), 1))
    with pytest.raises(DeviceError, match="exit code 3"):
        list(session.stream(place.words.exit(3), place.limit_s()))
    with pytest.raises(DeviceError, match="no-such-program"):
        list(session.stream(["no-such-program"], place.limit_s()))


def test_missing_files(session: Transport, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        session.push(tmp_path / "missing", "x")
    with pytest.raises(DeviceError, match="'missing'"):
        session.pull("missing", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "", ".", "a/../../x", "a\nb", "-rf", "a\x1b[2J"])
def test_paths_that_lead_out(session: Transport, tmp_path: Path, path: str) -> None:
    source = _file(tmp_path)
    with pytest.raises(DeviceError, match="is not a path below"):
        session.push(source, path)
    with pytest.raises(DeviceError, match="is not a path below"):
        session.pull(path, tmp_path / "back")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_here_leaves_nothing(session: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session.push(_file(tmp_path), "file")
    monkeypatch.setattr(os, "fsync", _no_space)
    with pytest.raises(StorageError, match="No space left on device"):
        session.pull("file", tmp_path / "back")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def _no_space(handle: int) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")


def test_a_target_that_cannot_be_written(place: Place, session: Transport, tmp_path: Path) -> None:
    source = _file(tmp_path)
    session.push(source, "file")
    with pytest.raises(DeviceError, match="cannot write 'file/below'"):
        session.push(source, "file/below")
    with pytest.raises(StorageError, match="cannot write"):
        session.pull("file", source / "below")
    assert session.run(place.words.cat("file"), place.limit_s()).stdout == "x"


def test_a_file_where_a_folder_is(session: Transport, tmp_path: Path) -> None:
    session.push(_file(tmp_path), "folder/file")
    with pytest.raises(DeviceError, match="cannot write 'folder'"):
        session.push(_file(tmp_path), "folder")
    with pytest.raises(DeviceError, match="'folder'"):
        session.pull("folder", tmp_path / "back")


def test_a_folder_without_permission(place: Place, session: Transport, tmp_path: Path) -> None:
    if place.words.lock is None:
        pytest.skip("nothing is forbidden to us there")
    assert session.run(place.words.lock("locked"), place.limit_s()).exit_code == 0
    with pytest.raises(DeviceError, match="cannot write 'locked/x': .*[Pp]ermission denied"):
        session.push(_file(tmp_path), "locked/x")
    assert not _is_there(place, session, "locked/x")


def test_links_lead_nowhere(place: Place, session: Transport, tmp_path: Path) -> None:
    """A session's folder may hold a link that a program made: bytes do not go where it leads."""
    if place.words.link is None:
        pytest.skip("this device has no links")
    source = _file(tmp_path)
    session.push(source, "real/x")
    assert session.run(place.words.link("linked", "real"), place.limit_s()).exit_code == 0
    assert session.run(place.words.link("single", "real/x"), place.limit_s()).exit_code == 0
    with pytest.raises(DeviceError, match="cannot write 'linked/y': a link is on the way"):
        session.push(source, "linked/y")
    for name in ("linked/x", "single"):
        with pytest.raises(DeviceError, match=f"cannot read '{name}': .*link"):
            session.pull(name, tmp_path / "back")
    assert not _is_there(place, session, "real/y")
    session.push(_file(tmp_path, "new"), "single")
    assert session.run(place.words.cat("real/x"), place.limit_s()).stdout == "x", "a link is replaced, not followed"


def test_closing_twice_and_using_it_after(place: Place, session: Transport) -> None:
    session.close()
    session.close()
    with pytest.raises(DeviceError, match="not open"):
        session.run(place.words.exit(0), place.limit_s())
    session.open()
    session.open()
    assert session.run(place.words.exit(0), place.limit_s()).exit_code == 0


def test_a_session_leaves_nothing_for_the_next(place: Place, tmp_path: Path) -> None:
    with place.transport() as first:
        first.push(_file(tmp_path), "file")
        if place.words.lock is not None:
            first.run(place.words.lock("locked"), place.limit_s())
    with place.transport() as second:
        assert not _is_there(place, second, "file")
        assert not _is_there(place, second, "locked")


def test_two_at_once(place: Place, session: Transport, tmp_path: Path) -> None:
    other = place.transport()
    if place.case.second is Second.REFUSED:
        with pytest.raises(DeviceError, match="is in use by another edgekit session"):
            other.open()
        assert session.run(place.words.exit(4), place.limit_s()).exit_code == 4
        session.close()
        other.open()
    elif place.case.second is Second.APART:
        session.push(_file(tmp_path), "file")
        other.open()
        assert not _is_there(place, other, "file")
        assert _is_there(place, session, "file")
    else:
        thread, raised = _in_thread(other.open)
        thread.join(0.5)
        assert thread.is_alive(), "the second waits for the first"
        session.close()
        thread.join(_JOIN_S)
        assert not raised
    assert other.run(place.words.exit(5), place.limit_s()).exit_code == 5
    other.close()


def _gone(place: Place) -> Callable[[], None]:
    if place.device.vanish is None:
        pytest.skip("this device cannot vanish")
    return place.device.vanish


def _works_again(place: Place) -> None:
    assert place.device.come_back is not None
    place.device.come_back()
    with place.transport() as again:
        assert again.run(place.words.exit(7), place.limit_s()).exit_code == 7


def test_a_device_that_vanishes_between_two_runs(place: Place, session: Transport, tmp_path: Path) -> None:
    vanish = _gone(place)
    assert session.run(place.words.exit(0), place.limit_s()).exit_code == 0
    vanish()
    with pytest.raises(DeviceError, match=place.case.transport):
        session.run(place.words.exit(0), place.limit_s())
    with pytest.raises(DeviceError, match=place.case.transport):
        session.push(_file(tmp_path), "x")
    with pytest.raises(DeviceError, match=place.case.transport):
        session.pull("x", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    session.close()
    _works_again(place)


def test_a_device_that_vanishes_in_mid_run(place: Place, session: Transport) -> None:
    vanish = _gone(place)
    thread, raised = _in_thread(lambda: session.run(place.words.sleep(60), 90))
    time.sleep(1)
    vanish()
    thread.join(_JOIN_S)
    assert not thread.is_alive(), "the call hangs"
    assert isinstance(raised[0], DeviceError)
    assert place.device.uri in raised[0].message
    session.close()
    _works_again(place)


def test_a_device_that_vanishes_in_mid_stream(place: Place, session: Transport) -> None:
    vanish = _gone(place)
    lines = session.stream(place.words.first, place.limit_s(60))
    assert next(lines) == "first"
    vanish()
    with pytest.raises(DeviceError, match=place.case.transport):
        list(lines)
    session.close()
    _works_again(place)


def test_a_device_that_vanishes_in_mid_push(place: Place, session: Transport, tmp_path: Path) -> None:
    if place.device.vanish_after is None:
        pytest.skip("this device cannot vanish after a number of bytes")
    size = min(2_000_000, (place.device.most_bytes or 2_000_000) // 2)
    session.push(_file(tmp_path, "the one before"), "file")
    place.device.vanish_after(size // 2)
    with pytest.raises(DeviceError, match=place.case.transport):
        session.push(_file(tmp_path, _content(size)), "file")
    session.close()
    _works_again(place)


def test_a_device_that_is_not_there(place: Place) -> None:
    _gone(place)()
    with pytest.raises(DeviceError, match=place.case.transport):
        place.transport().open()
    _works_again(place)
