"""Frames over a line that may lose, double, damage and split bytes: pure, no I/O.

On the line a frame is `00 COBS(body) 00`, so that a zero byte always ends whatever was damaged before it. The body
(little-endian) is kind (1 byte), sequence (2), session (4), payload, CRC-32 of all before it (4).

The host asks, the device answers: one request is under way at a time. A request without an answer is sent again
as it was; a device that sees the number of its last request again sends its last answer again and does nothing, so
a request takes effect once however often it arrives. A frame that is damaged, of another session or of another
number does not exist. The firmware's half is `agent/frames.c` and `agent/agent.c`.

Source of the encoding: Cheshire and Baker, Consistent Overhead Byte Stuffing, IEEE/ACM ToN 7(2), 1999.
"""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass

_HEADER = struct.Struct("<BHI")
_CRC = struct.Struct("<I")
_BARE_BYTES = _HEADER.size + _CRC.size
LONGEST_BYTES = 1 << 16
"""A longer run without a zero byte is noise."""


class Kind(enum.IntEnum):
    """What a frame is. Requests have bit 7, answers bits 7 and 6: an echoing line answers nothing."""

    HELLO = 0x81
    BEGIN = 0x82
    DATA = 0x83
    END = 0x84
    STAT = 0x85
    READ = 0x86
    RUN = 0x87
    POLL = 0x88
    KILL = 0x89
    BYE = 0x8A
    DONE = 0xC0
    REFUSED = 0xC1
    NO_SESSION = 0xC2


_ANSWERS = frozenset({Kind.DONE, Kind.REFUSED, Kind.NO_SESSION})
_KINDS = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: `sequence` below 2**16, `session` below 2**32."""

    kind: Kind
    sequence: int
    session: int
    payload: bytes = b""


def encode(frame: Frame) -> bytes:
    """The bytes of a frame on the line, zero bytes at both ends."""
    body = _HEADER.pack(frame.kind, frame.sequence, frame.session) + frame.payload
    return b"\0" + cobs_encode(body + _CRC.pack(zlib.crc32(body))) + b"\0"


def decode(stuffed: bytes) -> Frame | None:
    """The frame between two zero bytes, or None for anything damaged."""
    body = cobs_decode(stuffed)
    if body is None or len(body) < _BARE_BYTES:
        return None
    (checksum,) = _CRC.unpack_from(body, len(body) - _CRC.size)
    kind, sequence, session = _HEADER.unpack_from(body)
    if checksum != zlib.crc32(body[: -_CRC.size]) or kind not in _KINDS:
        return None
    return Frame(Kind(kind), sequence, session, body[_HEADER.size : -_CRC.size])


def cobs_encode(data: bytes) -> bytes:
    """`data` without zero bytes, at most one byte in 254 longer, and one."""
    out = bytearray()
    for block in data.split(b"\0"):
        rest = block
        while len(rest) >= 254:
            out += b"\xff" + rest[:254]
            rest = rest[254:]
        out += bytes([len(rest) + 1]) + rest
    return bytes(out)


def cobs_decode(data: bytes) -> bytes | None:
    """The inverse of `cobs_encode`; None where `data` is not an encoding."""
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        block = data[at + 1 : at + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            return None
        out += block
        at += code
        if code != 0xFF and at < len(data):
            out.append(0)
    return bytes(out)


class Decoder:
    """Frames out of bytes that come in any pieces."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The whole, undamaged frames that `data` completes."""
        self._pending += data
        *pieces, rest = self._pending.split(b"\0")
        self._pending = rest if len(rest) <= LONGEST_BYTES else bytearray()
        frames = (decode(bytes(piece)) for piece in pieces if piece)
        return [frame for frame in frames if frame is not None]


class Exchange:
    """The host's half: numbers the requests of one session and knows their answers.

    Args:
        session: a number that no earlier session on the line had; below 2**32 and not 0.
    """

    def __init__(self, session: int) -> None:
        self.session = session
        self._sequence = 0
        self._decoder = Decoder()
        self._sent = b""

    def request(self, kind: Kind, payload: bytes = b"") -> bytes:
        """The bytes of the next request; an answer to an earlier one is not taken any more."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._sent = encode(Frame(kind, self._sequence, self.session, payload))
        return self._sent

    def again(self) -> bytes:
        """The bytes of the request under way, to be sent when its answer does not come."""
        return self._sent

    def receive(self, data: bytes) -> Frame | None:
        """The answer to the request under way, once `data` completes it."""
        for frame in self._decoder.feed(data):
            mine = (frame.sequence, frame.session) == (self._sequence, self.session)
            if mine and frame.kind in _ANSWERS:
                return frame
        return None
