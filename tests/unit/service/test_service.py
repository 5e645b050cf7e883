"""The service as a client sees it: a real server on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edgekit.service.pack import pack_service
from edgekit.service.ports import BYTES, JSON, Ports
from edgekit.service.release import Release
from edgekit.service.runner import Runner
from tests.unit.service.conftest import Service, Start

TWO = ("--processes", "2")
BODY = bytes(range(0, 64 * 3, 3))


def expected(release: Release, body: bytes = BODY) -> dict[str, object]:
    """The answer, computed here without a server."""
    ports = Ports(release.manifest)
    (inputs,) = ports.samples(BYTES, body)
    answer = ports.answer(Runner(release.model, 1).run(inputs))
    return json.loads(json.dumps({**answer, "release": release.digest[:12]}))


def point(link: Path, folder: Path) -> None:
    aside = link.with_name("aside")
    aside.symlink_to(folder)
    os.replace(aside, link)


def test_an_answer_is_the_model_s(releases: list[Release], start: Start) -> None:
    with start(releases[0].folder, *TWO) as service:
        status, answer = service.ask("POST", "/v1/predict", BODY, BYTES)
        assert (status, answer) == (200, expected(releases[0]))
        values = np.frombuffer(BODY, np.uint8).reshape(8, 8, 1).tolist()
        sample = json.dumps({"inputs": {"image": values}}).encode()
        assert service.ask("POST", "/v1/predict", sample, JSON) == (200, answer)
        assert service.ask("GET", "/v1/model")[1]["outputs"][0]["dtype"] == "int8"


def test_several_samples_in_one_request(releases: list[Release], start: Start) -> None:
    other = bytes(64)
    with start(releases[1].folder, "--interpreters", "2") as service:
        status, answer = service.ask("POST", "/v1/predict", BODY + other + BODY, BYTES)
    assert status == 200
    wanted = [expected(releases[1], body) for body in (BODY, other, BODY)]
    assert [{**sample, "release": answer["release"]} for sample in answer["samples"]] == wanted


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", BYTES, "a sample is 64 bytes"),
        (b"x" * 65, BYTES, "the body has 65"),
        (b"{", JSON, "no JSON"),
        (b"[" * 100_000, JSON, "no JSON"),
        (b"[]", JSON, "the body is"),
        (b'{"inputs": {"other": 1}}', JSON, "a sample has the inputs image"),
        (b'{"inputs": {"image": [1, 2]}}', JSON, "takes the shape (8, 8, 1)"),
        (b'{"inputs": {"image": [[1], [2, 3]]}}', JSON, "is no array"),
        (b'{"inputs": {"image": "x"}}', JSON, "takes numbers"),
        (b'{"inputs": {"image": 0.5}}', JSON, "takes whole numbers"),
        (b'{"inputs": {"image": 256}}', JSON, "numbers that uint8 cannot hold"),
        (b'{"inputs": {"image": 1' + b"0" * 400 + b"}}", JSON, "image"),
        (b"x", "image/png", "cannot be read"),
        (b"x", "text/html", "cannot read text/html"),
        (b"x", "", "cannot read a body without a type"),
    ],
)
def test_a_wrong_request_gets_one_sentence(
    releases: list[Release], one: Service, body: bytes, kind: str, words: str
) -> None:
    status, answer = one.ask("POST", "/v1/predict", body, kind)
    assert status == 400
    assert words in answer["error"]
    assert one.ask("POST", "/v1/predict", BODY, BYTES) == (200, expected(releases[0]))


@pytest.fixture(scope="module")
def one(releases: list[Release]) -> object:
    """One service for all wrong requests: none of them may hurt the next."""
    words = [sys.executable, "-m", "edgekit.service", "--release", str(releases[0].folder), "--port", "0", *TWO]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    yield Service(process, int(process.stdout.readline().rpartition(":")[2]))
    process.terminate()
    process.wait(60)
    process.stdout.close()


def test_what_is_not_there(one: Service) -> None:
    assert one.ask("GET", "/v1/predict")[0] == 405
    assert one.ask("GET", "/../../etc/passwd")[0] == 404


def test_a_switch_drops_and_mixes_nothing(releases: list[Release], start: Start, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(releases[0].folder)
    answers = {release.digest[:12]: expected(release) for release in releases}
    seen: list[tuple[int, dict[str, object]]] = []
    with start(link, *TWO) as service:
        service.wait_for(releases[0].digest)
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                seen.append(service.ask("POST", "/v1/predict", BODY, BYTES))

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        for turn in (1, 0, 1):
            point(link, releases[turn].folder)
            service.wait_for(releases[turn].digest)
        ended.set()
        for client in clients:
            client.join()
    assert {status for status, _ in seen} == {200}
    assert {str(answer["release"]) for _, answer in seen} == set(answers)
    assert all(answer == answers[str(answer["release"])] for _, answer in seen)


def test_a_damaged_release_is_refused_and_the_old_one_stays(
    releases: list[Release], start: Start, tmp_path: Path
) -> None:
    link, damaged = tmp_path / "current", tmp_path / "damaged"
    link.symlink_to(releases[0].folder)
    shutil.copytree(releases[1].folder, damaged)
    data = bytearray((damaged / "model.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (damaged / "model.tflite").write_bytes(data)
    with start(link, *TWO) as service:
        service.wait_for(releases[0].digest)
        point(link, damaged)
        end = time.monotonic() + 30
        while "refused" not in (values := service.ask("GET", "/healthz")[1]) and time.monotonic() < end:
            time.sleep(0.05)
        assert values["release"] == releases[0].digest
        assert "is not the file that the manifest lists" in values["refused"]["why"]
        point(link, releases[1].folder)
        assert "refused" not in service.wait_for(releases[1].digest)


def test_a_release_that_computes_something_else_is_refused(
    releases: list[Release], start: Start, tmp_path: Path
) -> None:
    from edgekit.core.errors import ModelError
    from edgekit.service.engine import Engine, EngineOptions

    wrong = Release(
        tmp_path,
        releases[0].manifest,
        releases[0].model,
        releases[0].golden_inputs,
        tuple((array.astype(np.int16) + 40).clip(-128, 127).astype(np.int8) for array in releases[0].golden_outputs),
    )
    with pytest.raises(ModelError, match="golden sample 0: output digit is"):
        Engine(wrong, EngineOptions())


def test_it_waits_for_a_first_release(releases: list[Release], start: Start, tmp_path: Path) -> None:
    link = tmp_path / "current"
    with start(link, *TWO) as service:
        assert service.ask("GET", "/healthz")[0] == 503
        assert service.ask("POST", "/v1/predict", BODY, BYTES)[0] == 503
        point(link, releases[0].folder)
        service.wait_for(releases[0].digest)
        assert service.ask("POST", "/v1/predict", BODY, BYTES) == (200, expected(releases[0]))


def test_a_process_that_dies_is_started_again(releases: list[Release], start: Start) -> None:
    with start(releases[0].folder, *TWO) as service:
        for _ in range(2):
            service.wait_for(releases[0].digest)
            pid = service.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            assert len(children) == 2
            os.kill(int(children[0]), signal.SIGKILL)
            end = time.monotonic() + 30
            while Path(f"/proc/{children[0]}").exists() and time.monotonic() < end:
                time.sleep(0.02)
        service.wait_for(releases[0].digest)
        assert service.ask("POST", "/v1/predict", BODY, BYTES) == (200, expected(releases[0]))


def test_no_process_outlives_the_service(releases: list[Release], start: Start) -> None:
    with start(releases[0].folder, *TWO) as service:
        service.wait_for(releases[0].digest)
        pid = service.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        service.process.kill()
        service.process.wait()
        end = time.monotonic() + 30
        while any(_running(child) for child in children) and time.monotonic() < end:
            time.sleep(0.02)
        assert not any(_running(child) for child in children)


def _running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_packed_file_serves_on_a_unix_socket(releases: list[Release], tmp_path: Path) -> None:
    program, path = tmp_path / "service.pyz", tmp_path / "service.sock"
    program.write_bytes(pack_service())
    assert program.read_bytes() == pack_service()
    words = [sys.executable, "-I", str(program), "--release", str(releases[0].folder), "--socket", str(path), *TWO]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"listening on {path}\n"
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(path))
            client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert releases[0].digest.encode() in answer
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()
    assert not path.exists()


def test_a_port_that_is_taken(releases: list[Release]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [sys.executable, "-m", "edgekit.service", "--release", str(releases[0].folder), "--port", port]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"cannot listen on port {port}" in done.stderr
