"""A microcontroller behind a line: files and programs through the frames of `edgekit.transports.frames`.

The serial port and the emulator differ only in how their line is opened; what is said on it is here. The other side
is the firmware of `agent/`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from edgekit.core.errors import DeviceError, StorageError
from edgekit.core.files import read_bytes, write_atomic
from edgekit.transports.base import MOST_PULLED, RunResult, device_path, too_large
from edgekit.transports.frames import Exchange, Frame, Kind
from edgekit.transports.uri import DeviceUri

_POLL = struct.Struct("<Bi")
_RECORD = struct.Struct("<BH")
_SIZE = struct.Struct("<I")
_LEAST_PAYLOAD, _MOST_PAYLOAD = 256, 32768  # as agent/frames.h
_KEPT_BYTES = 4 << 20  # of each output stream, as base.RunResult allows
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.05
_OUT, _ERR = 1, 2
_RUNNING, _ENDED = 0, 1


class Line(Protocol):
    """Bytes both ways. Every method but `close` raises DeviceError when the other side is gone."""

    def read(self, timeout_s: float) -> bytes:
        """What has come; waits up to `timeout_s` for the first byte, and is empty when none came."""

    def write(self, data: bytes) -> None:
        """Send all of `data`, within a limit of the line's own."""

    def close(self) -> None:
        """Free the line. May be called twice, and never fails."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an answer.

    Args:
        again_s: a request without an answer for so long is sent again.
        silence_s: a device without any answer for so long is gone.
    """

    again_s: float = 0.3
    silence_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Board:
    """What the firmware says of itself.

    Args:
        name: the board.
        emulated: what emulates it; empty on real hardware.
        payload_bytes: what fits into one frame.
        store_bytes: room for files.
    """

    name: str
    emulated: str
    payload_bytes: int
    store_bytes: int


class FramedTransport:
    """A Transport to the agent firmware at the other end of a line.

    Args:
        uri: the device, for messages.
        connect: opens the line; raises DeviceError or MissingError.
    """

    def __init__(self, uri: DeviceUri, connect: Callable[[], Line], patience: Patience = Patience()) -> None:
        self._uri = uri
        self._connect = connect
        self._patience = patience
        self._line: Line | None = None
        self._exchange = Exchange(1)
        self._board: Board | None = None

    @property
    def board(self) -> Board:
        """What the firmware said of itself when the session began. Raises DeviceError when it is not open."""
        if self._board is None or self._line is None:
            raise DeviceError(f"{self._uri}: not open")
        return self._board

    def open(self) -> None:
        """See Transport. Opening an open one does nothing."""
        if self._line is not None:
            return
        self._line = self._connect()
        self._exchange = Exchange(secrets.randbelow(0xFFFFFFFF) + 1)
        try:
            self._board = self._read_board(self._ask(Kind.HELLO))
        except BaseException:
            self._drop()
            raise

    def push(self, source: Path, target: str) -> None:
        """See Transport. The board must have room for the file beside the one that it replaces."""
        path = _bytes(str(device_path(target)))
        if not source.is_file():
            raise StorageError(f"cannot read {source}: it is no file")
        try:
            self._send_file(read_bytes(source), path)
        except _Refused as refusal:
            raise DeviceError(f"{self._uri}: cannot write {target!r}: {refusal.sentence}") from None

    def pull(self, source: str, target: Path, most_bytes: int = MOST_PULLED) -> None:
        """See Transport."""
        path = _bytes(str(device_path(source)))
        try:
            data = self._read_file(path)
        except _Refused as refusal:
            raise DeviceError(f"{self._uri}: cannot read {source!r}: {refusal.sentence}") from None
        if len(data) > most_bytes:
            raise too_large(f"{self._uri}: {source!r}", len(data), most_bytes)
        write_atomic(target, data)

    def run(self, argv: Sequence[str], timeout_s: float, stdin: bytes = b"") -> RunResult:
        """See Transport. `argv[0]` is one of the firmware's programs; a fault is the negative number of a signal."""
        self._start(argv, stdin)
        start = time.monotonic()
        streams = {_OUT: _Tail(), _ERR: _Tail()}
        for code, records in self._polls():
            for record in records:
                streams[record.stream].add(record.data)
            if code is not None:
                seconds = time.monotonic() - start
                return RunResult(code, streams[_OUT].text(), streams[_ERR].text(), seconds)
            if time.monotonic() - start > timeout_s:
                break
        self._ask(Kind.KILL)
        raise DeviceError(f"{self._uri}: {argv[0]} did not end within {timeout_s:g} s and was killed")

    def stream(self, argv: Sequence[str], timeout_s: float) -> Iterator[str]:
        """See Transport."""
        self._start(argv, b"")
        ended = False
        pending, deadline = b"", time.monotonic() + timeout_s
        try:
            for code, records in self._polls():
                ended = code is not None
                *lines, pending = (pending + b"".join(record.data for record in records)).split(b"\n")
                if lines:
                    yield from (line.decode(errors="replace") for line in lines)
                    deadline = time.monotonic() + timeout_s
                if code is not None:
                    break
                if time.monotonic() > deadline:
                    raise DeviceError(f"{self._uri}: {argv[0]} was silent for {timeout_s:g} s and was killed")
        finally:
            if not ended:
                self._kill_quietly()
        if pending:
            yield pending.decode(errors="replace")
        if code:
            raise DeviceError(f"{self._uri}: {argv[0]} ended with exit code {code}")

    def close(self) -> None:
        """See Transport."""
        if self._line is None:
            return
        try:
            self._line.write(self._exchange.request(Kind.BYE))
            self._wait(self._line, self._exchange)
        except DeviceError:
            pass  # gone: it has nothing of ours to forget
        finally:
            self._drop()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _drop(self) -> None:
        line, self._line, self._board = self._line, None, None
        if line is not None:
            line.close()

    def _ask(self, kind: Kind, payload: bytes = b"") -> bytes:
        """What the device answers. Raises _Refused with its sentence; DeviceError when it is gone or has restarted."""
        answer = self._answer(kind, payload)
        if answer.kind is Kind.REFUSED:
            raise _Refused(answer.payload.decode(errors="replace"))
        if answer.kind is Kind.NO_SESSION:
            raise DeviceError(f"{self._uri}: the board has restarted and lost the session", "Check its power supply.")
        return answer.payload

    def _answer(self, kind: Kind, payload: bytes) -> Frame:
        if self._line is None:
            raise DeviceError(f"{self._uri}: not open")
        if self._board is not None and len(payload) > self._board.payload_bytes:
            raise _Refused(f"too long for this board: {len(payload)} of {self._board.payload_bytes} bytes")
        line, exchange = self._line, self._exchange
        deadline = time.monotonic() + self._patience.silence_s
        data = exchange.request(kind, payload)
        while time.monotonic() < deadline:
            line.write(data)
            if answer := self._wait(line, exchange):
                return answer
            data = exchange.again()
        raise DeviceError(
            f"{self._uri}: no answer for {self._patience.silence_s:g} s",
            "Is the edgekit agent the firmware of this board? See docs/microcontrollers.md.",
        )

    def _wait(self, line: Line, exchange: Exchange) -> Frame | None:
        """The answer, or None when it is time to ask again: nothing has come for `again_s`."""
        quiet = time.monotonic() + self._patience.again_s
        stop = time.monotonic() + 10 * self._patience.again_s  # a line full of noise is never quiet
        while (now := time.monotonic()) < min(quiet, stop):
            data = line.read(quiet - now)
            if answer := exchange.receive(data):
                return answer
            if data:
                quiet = time.monotonic() + self._patience.again_s
        return None

    def _read_board(self, payload: bytes) -> Board:
        pairs = dict(text.split("=", 1) for text in payload.decode(errors="replace").splitlines() if "=" in text)
        try:
            board = Board(pairs["board"], pairs["emulated"], int(pairs["payload"]), int(pairs["store"]))
        except (KeyError, ValueError) as error:
            raise self._nonsense(payload) from error
        if not _LEAST_PAYLOAD <= board.payload_bytes <= _MOST_PAYLOAD:
            raise self._nonsense(payload)
        return board

    def _nonsense(self, payload: bytes) -> DeviceError:
        return DeviceError(f"{self._uri}: the firmware says nothing that makes sense: {payload[:80]!r}")

    def _send_file(self, data: bytes, name: bytes) -> None:
        self._ask(Kind.BEGIN, _SIZE.pack(min(len(data), 0xFFFFFFFF)) + name)
        step = self.board.payload_bytes - _SIZE.size
        for offset in range(0, len(data), step):
            self._ask(Kind.DATA, _SIZE.pack(offset) + data[offset : offset + step])
        self._ask(Kind.END, hashlib.sha256(data).digest())

    def _read_file(self, name: bytes) -> bytes:
        told = self._ask(Kind.STAT, name)
        if len(told) != _SIZE.size:
            raise self._nonsense(told)
        (size,) = _SIZE.unpack(told)
        if size > self.board.store_bytes:
            raise self._nonsense(told)
        data = bytearray()
        while len(data) < size:
            step = min(self.board.payload_bytes, size - len(data))
            part = self._ask(Kind.READ, struct.pack("<IH", len(data), step) + name)
            if len(part) != step:
                raise self._nonsense(part)
            data += part
        return bytes(data)

    def _start(self, argv: Sequence[str], stdin: bytes) -> None:
        words = _words(argv)
        try:
            if stdin:
                self._send_file(stdin, b"")
            self._ask(Kind.RUN, words)
        except _Refused as refusal:
            raise DeviceError(f"{self._uri}: cannot start {argv[0]}: {refusal.sentence}") from None

    def _polls(self) -> Iterator[tuple[int | None, list[_Record]]]:
        """What has come of the running program, again and again; its exit code with the last of it."""
        pause = _FIRST_PAUSE_S
        while True:
            payload = self._ask(Kind.POLL)
            records = _records(payload[_POLL.size :])
            if len(payload) < _POLL.size or any(record.stream not in (_OUT, _ERR) for record in records):
                raise self._nonsense(payload)
            state, code = _POLL.unpack_from(payload)
            if state not in (_RUNNING, _ENDED):
                raise DeviceError(f"{self._uri}: the program was ended on the board, which heard nothing of us")
            yield (code if state == _ENDED else None), records
            pause = _FIRST_PAUSE_S if records else min(pause * 2, _LONGEST_PAUSE_S)
            time.sleep(0 if records else pause)

    def _kill_quietly(self) -> None:
        with contextlib.suppress(DeviceError):  # the reason that we stopped is on its way to the caller
            self._ask(Kind.KILL)


class _Refused(DeviceError):
    """The device said no, in a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class _Record:
    stream: int
    data: bytes


class _Tail:
    """The last bytes of a stream."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data
        del self._data[:-_KEPT_BYTES]

    def text(self) -> str:
        return self._data.decode(errors="replace")


def _records(data: bytes) -> list[_Record]:
    records, at = [], 0
    while at + _RECORD.size <= len(data):
        stream, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        records.append(_Record(stream, data[at : at + size]))
        at += size
    return records


def _words(argv: Sequence[str]) -> bytes:
    if isinstance(argv, str) or not argv:
        raise ValueError("a command is a list of words, of which the first is the program")
    return b"".join(_bytes(word) + b"\0" for word in argv)


def _bytes(text: str) -> bytes:
    """A word or a name for the device, where a zero byte would end it. Raises DeviceError for what cannot be sent."""
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError as error:
        raise DeviceError(f"{text[:80]!r} is no text that can be sent to a board") from error
    if b"\0" in data:
        raise DeviceError(f"{text[:80]!r} holds a zero byte, which cannot be sent to a board")
    return data
