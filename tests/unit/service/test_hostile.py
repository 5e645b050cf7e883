"""What strangers send to the service: it stays within bounds, goes on answering others, and never answers wrongly."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekit.core.errors import UsageError
from edgekit.service.door import BODIES_LIMIT_BYTES, BODY_LIMIT_BYTES, CONNECTIONS
from edgekit.service.ports import BYTES, JSON, JSON_LIMIT_BYTES, SAMPLES_LIMIT, InputPort
from edgekit.service.release import Release
from tests.unit.service.conftest import Service
from tests.unit.service.test_service import BODY, expected

HOST = b"Host: board\r\n"
MEMORY_BYTES = 400 << 20
"""What a process may take at its worst; one that only answers takes a fourth of it."""


@pytest.fixture(scope="module")
def one(releases: list[Release]) -> Iterator[Service]:
    """One process for all: what hurts it hurts the next test."""
    with _served("--release", str(releases[0].folder), "--port", "0", "--processes", "1") as process:
        assert process.stdout is not None
        service = Service(process, int(process.stdout.readline().rpartition(":")[2]))
        service.wait_for(releases[0].digest)
        yield service


@contextlib.contextmanager
def _served(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "edgekit.service", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
        process.stderr.close()


def _child(service: Service) -> int:
    pid = service.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _peak_bytes(service: Service) -> int:
    lines = Path(f"/proc/{_child(service)}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


@pytest.fixture
def good(one: Service, releases: list[Release]) -> Iterator[Callable[[], None]]:
    """Asks as an honest client; also after the test, and the process is the same and has stayed small."""
    before = _child(one)

    def ask() -> None:
        assert one.ask("POST", "/v1/predict", BODY, BYTES) == (200, expected(releases[0]))

    yield ask
    ask()
    assert _child(one) == before, "the process died"
    assert _peak_bytes(one) < MEMORY_BYTES


def _connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=60)


def _read(client: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            found += part
    return found


def _raw(service: Service, data: bytes) -> bytes:
    with _connect(service) as client:
        with contextlib.suppress(OSError):  # it may have closed by now
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        return _read(client)


def _post(headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    lead = b"POST /v1/predict HTTP/" + version + b"\r\n" + HOST + b"Content-Type: application/octet-stream\r\n"
    return lead + headers + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"40\r\n" + BODY + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (_post(b"Content-Length: %d\r\n" % (1 << 40)), b"413"),
        (_post(b"Content-Length: %d\r\n" % BODY_LIMIT_BYTES), b"413"),
        (_post(b"Content-Length: " + b"9" * 5000 + b"\r\n"), b"400"),
        (_post(b"Content-Length: -1\r\n"), b"400"),
        (_post(b"Content-Length: +64\r\n", BODY), b"400"),
        (_post(b"Content-Length: 6_4\r\n", BODY), b"400"),
        (_post(b"Content-Length: 64\r\nContent-Length: 64\r\n", BODY), b"400"),
        (_post(b"Content-Length: 64\r\n" + CHUNKED, CHUNKS), b"400"),
        (_post(CHUNKED + b"Content-Length: 64\r\n", CHUNKS), b"400"),
        (_post(CHUNKED + b"Content-Length: 64\r\n", CHUNKS, b"1.0"), b"400"),
        (_post(CHUNKED, CHUNKS, b"1.0"), b"400"),
        (_post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS), b"501"),
        (_post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNKS), b"400"),
        (_post(CHUNKED, b"-1\r\n"), b"400"),
        (_post(CHUNKED, b"0x40\r\n" + BODY + b"\r\n0\r\n\r\n"), b"400"),
        (_post(CHUNKED, b"40\r\n" + BODY + b"xx0\r\n\r\n"), b"400"),
        (_post(b"X: " + b"a" * (1 << 18) + b"\r\n"), b"431"),
        (_post(b"X : 1\r\n"), b"400"),
        (_post(b"X: 1\nContent-Length: 64\r\n", BODY), b"400"),
        (_post(b"X\x00: 1\r\n"), b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"get /healthz HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /%2e%2e/%2e%2e/etc/passwd%00 HTTP/1.1\r\n\r\n", b"404"),
        (b"GET //v1//predict HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /healthz/ HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /\xff\xfe%0d%0aX:1 HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /v1%0d%0aX:1 HTTP/1.1\r\n\r\n", b"404"),
        (b"X" * 9000 + b" /healthz HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /healthz HTTP/1.1\r\nScript-Name: /x\r\nPath_Info: /v1/model\r\nX-Forwarded-For: x\r\n\r\n", b"200"),
    ],
)
def test_what_is_no_proper_http(one: Service, good: Callable[[], None], data: bytes, status: bytes) -> None:
    answer = _raw(one, data)
    assert answer.split(b"\r\n", 1)[0].split(b" ")[1:2] == [status], answer[:300]
    assert b"Traceback" not in answer
    assert len(answer) < 2000


def test_chunks_are_put_together(one: Service, good: Callable[[], None], releases: list[Release]) -> None:
    head, _, body = _raw(one, _post(CHUNKED + b"Connection: close\r\n", CHUNKS)).partition(b"\r\n\r\n")
    assert (b" 200 " in head, json.loads(body)) == (True, expected(releases[0]))


def test_endless_chunks_end_at_the_limit(one: Service, good: Callable[[], None]) -> None:
    chunk = b"%x\r\n" % (1 << 20) + bytes(1 << 20) + b"\r\n"
    answer = _raw(one, _post(CHUNKED, chunk * ((BODY_LIMIT_BYTES >> 20) + 4)))
    assert answer == b"" or b" 413 " in answer[:20]


@pytest.mark.parametrize("body", [b"1;" + b"a" * (1 << 20), b"0\r\n" + b"a" * (1 << 20), b"f" * (1 << 20)])
def test_a_chunk_s_line_without_end(one: Service, good: Callable[[], None], body: bytes) -> None:
    assert _raw(one, _post(CHUNKED, body)) == b""


SLOW = {
    "silent": b"",
    "in the headers": b"POST /v1/predict HTTP/1.1\r\nHost: bo",
    "in the body": _post(b"Content-Length: 6400\r\n", b"x"),
    "in a chunk": _post(CHUNKED, b"fff\r\nx"),
    "kept alive": b"GET /healthz HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("data", SLOW.values(), ids=SLOW.keys())
def test_many_slow_clients_keep_nobody_out(one: Service, good: Callable[[], None], data: bytes) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(_connect(one)) for _ in range(CONNECTIONS + 50)]
        for client in slow:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(data)
        good()
        for client in slow[-20:]:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(b"x")
        good()
        handles = len(list(Path(f"/proc/{_child(one)}/fd").iterdir()))
        assert handles < CONNECTIONS + 100


def test_unfinished_bodies_have_a_limit_together(one: Service, good: Callable[[], None]) -> None:
    size = 60 << 20
    part, parts = bytes(1 << 20), (size >> 20) - 1
    ended = 0
    with contextlib.ExitStack() as stack:
        for _ in range(BODIES_LIMIT_BYTES // size + 2):
            client = stack.enter_context(_connect(one))
            try:
                client.sendall(_post(b"Content-Length: %d\r\n" % size))
                for _ in range(parts):
                    client.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                ended += 1
        good()
        files = [p for p in Path(f"/proc/{_child(one)}/fd").iterdir() if "deleted" in str(p.readlink())]
        assert sum(path.stat().st_size for path in files) <= BODIES_LIMIT_BYTES + (1 << 20)


def _json(text: str) -> bytes:
    return b'{"inputs": {"image": ' + text.encode() + b"}}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_json("NaN"), "NaN is no JSON"),
        (_json("[[[-Infinity]]]"), "-Infinity is no JSON"),
        (_json("1e999"), "takes"),
        (_json("9" * 5000), "no JSON"),
        (_json("[" * 900 + "1" + "]" * 900), "image"),
        (_json('["' + "x" * 100_000 + '"' + ", 1" * 100_000 + "]"), "takes numbers"),
        (_json('[["' + "x" * 100_000 + '"]' + ", [1]" * 100_000 + "]"), "takes numbers"),
        (_json("[null" + ", 1" * 63 + "]"), "takes numbers"),
        (_json("{}"), "takes numbers"),
        (_json("[" + "1," * 2_000_000 + "1]"), "takes the shape"),
        (_json("[" + "[]," * 2_000_000 + "[]]"), "takes"),
        (_json("[" + "{}," * 2_000_000 + "{}]"), "takes numbers"),
        (_json("[" + "[1]," * 1_000_000 + "2]"), "is no array"),
        (b'{"samples": [' + b"1," * 2_000_000 + b"1]}", "may have 1024 samples"),
        (b'{"samples": {}}', "the body is"),
        (b'{"samples": []}', "the body is"),
        (b'{"inputs": 7}', "a sample has the inputs"),
        (b"[1" + b" " * JSON_LIMIT_BYTES + b"]", "may have 8 MiB"),
        (b'"' + b"\xff" * 100 + b'"', "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b'{"inputs": {"image": 1, "image": 2, "\\ud800": 3}}', "a sample has the inputs"),
    ],
)
def test_hostile_json(one: Service, good: Callable[[], None], body: bytes, words: str) -> None:
    status, answer = one.ask("POST", "/v1/predict", body, JSON)
    assert (status, words in answer["error"]) == (400, True), answer
    assert len(json.dumps(answer)) < 1000


def test_a_body_of_samples_without_number(one: Service, good: Callable[[], None], releases: list[Release]) -> None:
    status, answer = one.ask("POST", "/v1/predict", bytes(BODY_LIMIT_BYTES - 64), BYTES)
    assert (status, "may have 1024 samples" in answer["error"]) == (400, True)
    status, answer = one.ask("POST", "/v1/predict", BODY * SAMPLES_LIMIT, BYTES)
    assert (status, len(answer["samples"])) == (200, SAMPLES_LIMIT)
    assert all({**sample, "release": answer["release"]} == expected(releases[0]) for sample in answer["samples"][::300])


def _picture(size: tuple[int, int], kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("1", size).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_picture((12_000, 12_000), "PNG"), "too many"),
        (_picture((1, 60_000), "PNG"), "too many"),
        (_picture((60_000, 1), "GIF"), "too many"),
        (_picture((9_000, 9_000), "TIFF"), "too many"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "cannot be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
        (b"P6 99999999 99999999 255\n", "cannot be read"),
    ],
)
def test_pictures_that_burst(one: Service, good: Callable[[], None], body: bytes, words: str) -> None:
    status, answer = one.ask("POST", "/v1/predict", body, "image/png")
    assert (status, words in answer["error"]) == (400, True), answer


def test_values_that_are_no_numbers_or_grow_without_bound(releases: list[Release]) -> None:
    port = replace(releases[0].manifest.inputs[0], shape=(1, 8, 8, 3), dtype="float32", quantization=None)
    plain = InputPort(replace(port, preprocessing=None))
    with pytest.raises(UsageError, match="not finite"):
        plain.stored(np.full((8, 8, 3), np.nan, np.float32))
    grows = {"raw": {"shape": [-1, -1, 3], "dtype": "uint8"}}
    short = InputPort(replace(port, preprocessing={**grows, "preprocessing": [{"op": "resize-short", "size": 224}]}))
    with pytest.raises(UsageError, match="would make"):
        short.stored(np.zeros((1, 10_000, 3), np.uint8))
    whole = [{"op": "resize", "height": 8, "width": 8}]
    with pytest.raises(UsageError, match="longer than"):
        InputPort(replace(port, preprocessing={**grows, "preprocessing": whole})).stored(
            np.zeros((1, 20_000, 3), np.uint8)
        )


def test_a_process_killed_in_mid_request_gives_no_answer(one: Service, releases: list[Release]) -> None:
    data = _post(b"Content-Length: 64\r\n", BODY)
    for cut in (len(data) - 30, len(data)):
        with _connect(one) as client:
            client.sendall(data[: cut - 30])
            assert one.ask("GET", "/healthz")[0] == 200  # so the first connection is the process's by now
            child = _child(one)
            os.kill(child, signal.SIGSTOP)
            client.sendall(data[cut - 30 : cut])
            os.kill(child, signal.SIGKILL)
            assert _read(client) == b""
        one.wait_for(releases[0].digest)
        assert one.ask("POST", "/v1/predict", BODY, BYTES) == (200, expected(releases[0]))


# The socket's path


def _refused(release: Release, path: Path) -> str:
    command = [sys.executable, "-m", "edgekit.service", "--release", str(release.folder), "--socket", str(path)]
    done = subprocess.run([*command, "--processes", "1"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    return done.stderr


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "folder", "pipe"])
def test_what_is_no_socket_is_left_alone(releases: list[Release], tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "service.sock", tmp_path / "mine"
    other.write_text("mine")
    make: dict[str, Callable[[], object]] = {
        "file": lambda: path.write_text("mine"),
        "link": lambda: path.symlink_to(other),
        "dangling": lambda: path.symlink_to(tmp_path / "nowhere"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
    }
    make[kind]()
    before = path.lstat()
    assert "is no socket: it is left alone" in _refused(releases[0], path)
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert other.read_text() == "mine"


def test_another_s_socket_is_not_taken_and_a_dead_one_is(releases: list[Release], tmp_path: Path) -> None:
    path = tmp_path / "service.sock"
    words = ("--release", str(releases[0].folder), "--socket", str(path), "--processes", "1")
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        before = path.lstat().st_ino
        assert "another service answers" in _refused(releases[0], path)
        assert path.lstat().st_ino == before
        assert path.is_socket()
    with _served(*words) as process:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        path.unlink()
        with socket.socket(socket.AF_UNIX) as later:
            later.bind(str(path))
            process.terminate()
            assert process.wait(60) == 0
            assert path.is_socket(), "the end of a service removes only its own"


def test_one_that_is_ended_as_it_starts_ends(releases: list[Release], tmp_path: Path) -> None:
    words = ("--release", str(releases[0].folder), "--port", "0", "--processes", "2")
    for _ in range(4):
        with _served(*words) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.terminate()
            assert process.wait(30) == 0


def test_two_that_start_at_once_do_not_share_a_socket(releases: list[Release], tmp_path: Path) -> None:
    path = tmp_path / "service.sock"
    words = ("--release", str(releases[0].folder), "--socket", str(path), "--processes", "1")
    with _served(*words) as first, _served(*words) as second:
        end = time.monotonic() + 60
        while first.poll() is None and second.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert sorted([first.poll() is None, second.poll() is None]) == [False, True]
        assert path.is_socket()
