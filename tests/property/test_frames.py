"""A bad line loses nothing and adds nothing: frames by themselves, and the host's half against the firmware's C."""

from __future__ import annotations

import hashlib
import itertools
import random
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.transports.frames import Decoder, Exchange, Frame, Kind, cobs_decode, cobs_encode, decode, encode
from tests.devices.agent_host import HostAgent, build
from tests.devices.need import need

FRAMES = st.builds(
    Frame,
    st.sampled_from(list(Kind)),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=600),
)
SESSIONS = itertools.count(1)


@given(st.binary(max_size=2000) | st.builds(bytes, st.integers(0, 1000)))
def test_stuffing_is_undone(data: bytes) -> None:
    stuffed = cobs_encode(data)
    assert 0 not in stuffed
    assert len(stuffed) <= len(data) + len(data) // 254 + 1
    assert cobs_decode(stuffed) == data


@given(st.binary(max_size=300))
def test_anything_can_be_decoded_without_an_accident(data: bytes) -> None:
    assert (cobs_decode(data) is None) or len(data) >= len(cobs_decode(data) or b"")
    assert decode(data) is None  # 2**-32 of all bytes are a frame: none of these is


@given(st.lists(FRAMES, max_size=5), st.data())
def test_frames_come_in_any_pieces(frames: list[Frame], data: st.DataObject) -> None:
    line = b"".join(encode(frame) for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=8)))
    decoder = Decoder()
    came = [f for a, b in itertools.pairwise([0, *cuts, len(line)]) for f in decoder.feed(line[a:b])]
    assert came == frames


@given(FRAMES, st.binary(max_size=300), st.binary(max_size=300))
def test_noise_around_a_frame_does_not_lose_it(frame: Frame, before: bytes, after: bytes) -> None:
    assert Decoder().feed(before + encode(frame) + after) == [frame]


@given(FRAMES, st.data())
def test_a_damaged_frame_is_never_believed(frame: Frame, data: st.DataObject) -> None:
    line = bytearray(encode(frame))
    at = data.draw(st.integers(1, len(line) - 2))
    how = data.draw(st.sampled_from(["flip", "drop", "double", "insert"]))
    if how == "flip":
        line[at] ^= data.draw(st.integers(1, 255))
    elif how == "drop":
        del line[at]
    else:
        line.insert(at, line[at] if how == "double" else data.draw(st.integers(0, 255)))
    # A doubled or inserted byte may be the one that was there: then the line is as it was.
    assert [f for f in Decoder().feed(bytes(line)) if f != frame] == []


@given(FRAMES)
def test_only_the_answer_to_the_request_under_way_is_taken(frame: Frame) -> None:
    exchange = Exchange(7)
    exchange.request(Kind.POLL)
    mine = Frame(Kind.DONE, 1, 7, frame.payload)
    answer = exchange.receive(encode(frame) + exchange.again() + encode(mine))
    assert answer == mine or (answer is not None and (answer.sequence, answer.session) == (1, 7))


# ---- against the firmware ----


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostAgent]:
    need("gcc")
    yield HostAgent(tmp_path_factory.mktemp("agent"))


class BadLine:
    """The agent behind a line that does each fault once, and is good when none is left."""

    def __init__(self, agent: HostAgent, faults: list[tuple[str, int]]) -> None:
        self._agent = agent
        self._faults = iter(faults)
        self._exchange = Exchange(next(SESSIONS))

    def ask(self, kind: Kind, payload: bytes = b"") -> Frame:
        sent = self._exchange.request(kind, payload)
        for _ in range(200):
            back = self._damage(self._agent.answer(self._damage(sent)))
            if answer := self._exchange.receive(back):
                return answer
            sent = self._exchange.again()
        raise AssertionError("never answered")

    def done(self, kind: Kind, payload: bytes = b"") -> bytes:
        answer = self.ask(kind, payload)
        assert answer.kind is Kind.DONE, answer
        return answer.payload

    def _damage(self, data: bytes) -> bytes:
        how, place = next(self._faults, ("nothing", 0))
        at = place % len(data) if data else 0
        cases = {
            "drop all": b"",
            "double all": data + data,
            "drop": data[:at] + data[at + 1 :],
            "double": data[: at + 1] + data[at:],
            "flip": data[:at] + bytes([data[at] ^ 1 << place % 8]) + data[at + 1 :] if data else b"",
            "cut": data[:at],
            "tail": data[at:],
            "noise": b"\xff\x00" + data[:at][::-1] + b"\x81\x00\x02" + data,
        }
        return cases.get(how, data)


FAULTS = ["drop all", "double all", "drop", "double", "flip", "cut", "tail", "noise", "nothing"]


@settings(deadline=None)
@given(
    content=st.binary(max_size=5000),
    faults=st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 9999)), max_size=60),
)
def test_a_bad_line_loses_nothing(agent: HostAgent, content: bytes, faults: list[tuple[str, int]]) -> None:
    line = BadLine(agent, faults)
    line.done(Kind.HELLO)
    line.done(Kind.BEGIN, struct.pack("<I", len(content)) + b"file")
    for offset in range(0, len(content), 700):
        line.done(Kind.DATA, struct.pack("<I", offset) + content[offset : offset + 700])
    line.done(Kind.END, hashlib.sha256(content).digest())
    assert line.done(Kind.STAT, b"file") == struct.pack("<I", len(content))
    parts = [(at, min(900, len(content) - at)) for at in range(0, len(content), 900)]
    assert b"".join(line.done(Kind.READ, struct.pack("<IH", *part) + b"file") for part in parts) == content
    line.done(Kind.RUN, b"crc32\0file\0")
    text = f"{zlib.crc32(content)}\n".encode()
    assert line.done(Kind.POLL) == b"\1\0\0\0\0" + struct.pack("<BH", 1, len(text)) + text


def _push(line: BadLine, name: bytes, content: bytes) -> bool:
    """Whether the board took it."""
    if line.ask(Kind.BEGIN, struct.pack("<I", len(content)) + name).kind is Kind.REFUSED:
        return False
    for offset in range(0, len(content), 2044):
        line.done(Kind.DATA, struct.pack("<I", offset) + content[offset : offset + 2044])
    line.done(Kind.END, hashlib.sha256(content).digest())
    return True


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d/e"]), st.integers(0, 30_000)), max_size=12))
def test_files_that_replace_one_another_stay_whole(agent: HostAgent, pushes: list[tuple[bytes, int]]) -> None:
    line, kept = BadLine(agent, []), dict[bytes, bytes]()
    line.done(Kind.HELLO)
    for number, (name, size) in enumerate(pushes):
        content = hashlib.shake_256(bytes([number])).digest(size)
        fits = size <= 65536 - sum(map(len, kept.values()))
        assert _push(line, name, content) == fits
        if fits:
            kept[name] = content
    for name, content in kept.items():
        line.done(Kind.RUN, b"sha256sum\0" + name + b"\0")
        assert line.done(Kind.POLL)[8:].decode().strip() == hashlib.sha256(content).hexdigest()


def test_requests_that_make_no_sense_are_refused(agent: HostAgent) -> None:
    line = BadLine(agent, [])
    line.done(Kind.HELLO)
    bad = [
        (Kind.BEGIN, b"\0"),
        (Kind.BEGIN, struct.pack("<I", 65537) + b"too large"),
        (Kind.BEGIN, struct.pack("<I", 1) + b"n" * 256),
        (Kind.DATA, b"\0"),
        (Kind.DATA, struct.pack("<I", 0) + b"nothing has begun"),
        (Kind.END, b"short"),
        (Kind.END, bytes(32)),
        (Kind.STAT, b"missing"),
        (Kind.READ, b""),
        (Kind.READ, struct.pack("<IH", 0, 1) + b"missing"),
        (Kind.RUN, b""),
        (Kind.RUN, b"no-such-program\0"),
        (Kind.RUN, b"\0" * 65),
        (Kind.DONE, b""),
    ]
    for kind, payload in bad[:-1]:
        answer = line.ask(kind, payload)
        assert answer.kind is Kind.REFUSED, (kind, payload)
        assert answer.payload


def test_a_file_whose_hash_differs_is_not_kept(agent: HostAgent) -> None:
    line = BadLine(agent, [])
    line.done(Kind.HELLO)
    line.done(Kind.BEGIN, struct.pack("<I", 3) + b"file")
    line.done(Kind.DATA, struct.pack("<I", 0) + b"abc")
    assert line.ask(Kind.END, hashlib.sha256(b"abd").digest()).payload == b"its SHA-256 differs from what was sent"
    assert line.ask(Kind.STAT, b"file").kind is Kind.REFUSED


def test_another_session_is_told_so(agent: HostAgent) -> None:
    first, second = BadLine(agent, []), BadLine(agent, [])
    first.done(Kind.HELLO)
    second.done(Kind.HELLO)
    assert first.ask(Kind.POLL).kind is Kind.NO_SESSION


def test_a_program_whose_host_is_gone_is_ended(agent: HostAgent) -> None:
    line = BadLine(agent, [])
    line.done(Kind.HELLO)
    for wait_ms, told in (("1000", b"0"), ("31000", b"9")):
        line.done(Kind.RUN, b"wait\0" + wait_ms.encode() + b"\0")
        assert line.done(Kind.POLL).endswith(struct.pack("<BH", 1, 1) + told)


def test_a_firmware_with_a_model_adds_its_own_commands(agent: HostAgent) -> None:
    assert agent.answer(b"infer 3 1%") == b"m-infer-start-3 1\r\nm-ready\r\n"
    assert b"m-model-[kws01]\r\n" in agent.answer(b"profile%")
    assert b"infer: N times\r\n" in agent.answer(b"help%")
    assert agent.answer(b"x" * 81 + b"%") == b""


def test_text_within_a_frame_is_no_command(agent: HostAgent) -> None:
    assert b"m-name" in agent.answer(b"\0name%")
    assert agent.answer(encode(Frame(Kind.DATA, 9, 0xFFFFFFFF, b"\1name%help%"))).count(b"m-") == 0


def _requests(source: random.Random, count: int) -> Iterator[bytes]:
    """Requests as a hostile or broken host would send them. A POLL with the same number follows each, in case it was lost."""
    for sequence in range(count):
        payload = source.randbytes(source.choice([0, 1, 3, 4, 6, 7, 32, 40, 300, 2048, 2060]))
        if source.random() < 0.5:
            payload = struct.pack("<I", source.choice([0, 3, 65536, 2**32 - 1])) + payload
        if source.random() < 0.2:
            payload = source.choice([b"much\x0030000\x0030000\0", b"cat\0file\0", b"die\0", b"put\0", b"exit\0"])
        kind = Kind.HELLO if sequence == 0 else source.choice([k for k in Kind if k < Kind.DONE])
        frame = bytearray(encode(Frame(kind, sequence & 0xFFFF, 5, payload)))
        if source.random() < 0.1:
            frame[source.randrange(len(frame))] ^= 0x55
        yield bytes(frame) + encode(Frame(Kind.POLL, sequence & 0xFFFF, 5))


def test_the_sanitizers_find_nothing_in_the_agent(tmp_path: Path) -> None:
    need("gcc")
    program = build(tmp_path / "agent", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    source = random.Random(3)
    data = b"".join(_requests(source, 3000)) + source.randbytes(100_000)
    env = {"ASAN_OPTIONS": "detect_leaks=0"}  # the leak checker needs ptrace, which a container may forbid
    done = subprocess.run([str(program)], input=data, capture_output=True, timeout=60, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(Decoder().feed(done.stdout)) > 1000
