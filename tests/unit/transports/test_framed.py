"""A firmware that speaks the frames and makes no sense in them is a device that failed, whatever it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError
from edgekit.transports.framed import FramedTransport, Patience
from edgekit.transports.frames import Decoder, Frame, Kind, encode
from edgekit.transports.uri import parse_device

URI = parse_device("serial:/dev/ttyACM0")
HELLO = b"board=b\nemulated=\npayload=256\nstore=1000\n"


class WildFirmware:
    """A line to a firmware that answers each kind of request with the same bytes."""

    def __init__(self, answers: Mapping[Kind, bytes]) -> None:
        self._answers = {Kind.HELLO: HELLO, **answers}
        self._decoder = Decoder()
        self._said = b""
        self.asked: list[Kind] = []

    def read(self, timeout_s: float) -> bytes:
        said, self._said = self._said, b""
        return said

    def write(self, data: bytes) -> None:
        for frame in self._decoder.feed(data):
            self.asked.append(frame.kind)
            payload = self._answers.get(frame.kind, b"")
            self._said += encode(Frame(Kind.DONE, frame.sequence, frame.session, payload))

    def close(self) -> None:
        self._said = b""


def _board(answers: Mapping[Kind, bytes]) -> FramedTransport:
    line = WildFirmware(answers)
    return FramedTransport(URI, lambda: line, Patience(0.05, 0.2))


@pytest.mark.parametrize(
    "hello",
    [
        b"",
        b"\xff\xfe",
        b"board=b",
        HELLO.replace(b"256", b"many"),
        HELLO.replace(b"256", b"0"),
        HELLO.replace(b"256", b"-1"),
        HELLO.replace(b"256", b"99999999"),
    ],
)
def test_a_greeting_that_makes_no_sense(hello: bytes) -> None:
    with pytest.raises(DeviceError, match="serial:/dev/ttyACM0: the firmware says nothing that makes sense"):
        _board({Kind.HELLO: hello}).open()


@pytest.mark.parametrize(
    ("answer", "part"),
    [(b"", b""), (b"\1", b""), (b"\xff\xff\xff\xff", b""), (b"\5\0\0\0", b""), (b"\5\0\0\0", b"too long")],
)
def test_a_file_that_makes_no_sense(tmp_path: Path, answer: bytes, part: bytes) -> None:
    board = _board({Kind.STAT: answer, Kind.READ: part})
    with board, pytest.raises(DeviceError, match="makes sense"):
        board.pull("file", tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("poll", [b"", b"\1\0\0", b"\1\0\0\0\0\7\1\0x", b"\0\0\0\0\0\0\0\0"])
def test_a_program_whose_output_makes_no_sense(poll: bytes) -> None:
    board = _board({Kind.POLL: poll})
    with board:
        with pytest.raises(DeviceError, match="makes sense"):
            board.run(["x"], 5)
        with pytest.raises(DeviceError, match="makes sense"):
            list(board.stream(["x"], 5))


def test_a_program_that_the_board_has_ended() -> None:
    board = _board({Kind.POLL: b"\2\0\0\0\0"})
    with board, pytest.raises(DeviceError, match="the program was ended on the board"):
        board.run(["x"], 5)


def test_output_longer_than_its_record_says_is_cut() -> None:
    board = _board({Kind.POLL: b"\1\7\0\0\0\1\xff\0ab"})
    with board:
        result = board.run(["x"], 5)
    assert (result.exit_code, result.stdout) == (7, "ab")


def test_a_stream_that_is_left_kills_its_program() -> None:
    line = WildFirmware({Kind.POLL: b"\0\0\0\0\0\1\4\0one\n"})
    with FramedTransport(URI, lambda: line) as board:
        lines = board.stream(["x"], 5)
        assert next(lines) == "one"
        lines.close()  # type: ignore[attr-defined]  # a generator
        assert line.asked[-1] is Kind.KILL
    assert line.asked[-1] is Kind.BYE
