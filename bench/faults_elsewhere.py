"""Faults of bundles, checks, builds and the service, through the command line as a person uses it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bench.fault import Fault, Seen, scratch
from edgekit.core.files import sha256_bytes
from edgekit.lab.board import Board

ROOT = Path(__file__).resolve().parents[1]
_WORDS = ["-t", "raspberry-pi-4", "--recipe", "int8", "--calibration", str(ROOT / "calibration_data" / "digits")]


def faults() -> Iterator[Fault]:
    """Each of them."""
    for name in ("../escape", "/tmp/edgekit-escape", "a/../../escape", "$(id)"):
        yield Fault("bundle", f"the manifest lists {name!r}", "refused, nothing is written", lambda n=name: _listed(n))
    yield Fault("bundle", "the model is a link to another file", "refused", _linked)
    yield Fault("bundle", "the model is cut off", "refused, the file is named", lambda: _bytes(lambda data: data[:-7]))
    yield Fault("bundle", "one bit of the model differs", "refused, the file is named", lambda: _bytes(_flipped))
    yield Fault("check", "the golden outputs are others", "fails with the first differing output", _wrong_golden)
    yield Fault("check", "one of two boards is gone", "exit code 5, the other one's numbers are kept", _one_gone)
    yield Fault("build", "killed in the middle", "no half bundle; the next build succeeds", _killed_build)
    yield Fault("build", "interrupted (Ctrl-C)", "exit code 130, no half bundle; the next build goes on", _interrupted)
    yield Fault("service", "a process of it is killed", "started again, answers go on", _killed_process)
    yield Fault("service", "the link leads to a damaged release", "refused, the old one answers", _damaged_release)


def _edgekit(*words: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgekit", *map(str, words)]
    variables = {**os.environ, **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=300, check=False)


def _built(folder: Path) -> Path:
    """A bundle of the shipped model."""
    done = _edgekit("build", ROOT / "edgekit/demo/digits.tflite", *_WORDS, "-o", folder / "out")
    assert done.returncode == 0, done.stderr
    return folder / "out" / "raspberry-pi-4"


def _seen(done: subprocess.CompletedProcess[str], code: int, *words: str) -> Seen:
    said = " ".join(done.stderr.replace("error: ", "").split())
    kept = done.returncode == code and all(word in said for word in words) and "Traceback" not in done.stderr
    return Seen(kept, f"exit code {done.returncode}: {said[:200]}")


def _verified(change: Callable[[Path], object], code: int, *words: str) -> Seen:
    with scratch() as folder:
        bundle = _built(folder)
        change(bundle)
        before = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
        seen = _seen(_edgekit("bundle", "pack", bundle, "-o", folder / "packed"), code, *words)
        after = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
        return Seen(seen.kept and before == after and not Path("/tmp/edgekit-escape").exists(), seen.words)


def _listed(name: str) -> Seen:
    def change(bundle: Path) -> None:
        _rewritten(bundle, lambda files: [*files, {"path": name, "sha256": sha256_bytes(b""), "size_bytes": 0}])

    return _verified(change, 3)


def _rewritten(bundle: Path, change: Callable[[list[object]], list[object]]) -> None:
    """The manifest with other files and the digest that goes with them: an attacker can compute it."""
    from edgekit.bundle.manifest import Manifest
    from edgekit.core.records import from_record

    record = json.loads((bundle / "manifest.json").read_text())
    record["files"] = change(record["files"])
    (bundle / "manifest.json").write_bytes(from_record(Manifest, record, "").sealed().to_bytes())


def _linked() -> Seen:
    def change(bundle: Path) -> None:
        shutil.move(bundle / "model.tflite", bundle.parent / "elsewhere")
        (bundle / "model.tflite").symlink_to(bundle.parent / "elsewhere")

    return _verified(change, 3, "model.tflite")


def _bytes(change: Callable[[bytes], bytes]) -> Seen:
    def write(bundle: Path) -> None:
        path = bundle / "model.tflite"
        path.write_bytes(change(path.read_bytes()))

    return _verified(write, 3, "model.tflite")


def _flipped(data: bytes) -> bytes:
    return data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]


def _wrong_golden() -> Seen:
    with scratch() as folder:
        bundle = _built(folder)
        with np.load(bundle / "golden.npz") as file:
            arrays = {name: file[name] for name in file.files}
        arrays["output_0"] = arrays["output_0"] ^ 64
        np.savez(bundle / "golden.npz", **arrays)
        data = (bundle / "golden.npz").read_bytes()
        entry = {"path": "golden.npz", "sha256": sha256_bytes(data), "size_bytes": len(data)}
        _rewritten(bundle, lambda files: [entry if f["path"] == "golden.npz" else f for f in files])  # type: ignore[index]
        return _seen(
            _edgekit("check", bundle, "--device", "local", "--runs", 10), 5, "computes something else", "sample 0"
        )


def _one_gone() -> Seen:
    with scratch() as folder, Board("native") as board:
        bundle = _built(folder)
        board.box.pull()
        before = _measurements(bundle)
        words = ["check", bundle, "--device", "local", "--device", board.uri, "--runs", 10]
        done = _edgekit(*words, environment={"EDGEKIT_SSH_CONFIG": str(board.ssh_config)})
        kept = _measurements(bundle) - before
        seen = _seen(done, 5, board.uri)
        return Seen(seen.kept and kept == 1, f"{seen.words}; measurements kept: {kept}")


def _measurements(bundle: Path) -> int:
    return len(json.loads((bundle / "manifest.json").read_text())["measurements"])


def _stopped_build(number: int, code: int) -> Seen:
    with scratch() as folder:
        words = [
            "build",
            ROOT / "edgekit/demo/digits.keras",
            *_WORDS,
            "-o",
            folder / "out",
            "--cache",
            folder / "cache",
        ]
        command = [sys.executable, "-m", "edgekit", *map(str, words)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        end = time.monotonic() + 60
        while not (folder / "cache").exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
        half = [p for p in (folder / "out").rglob("*") if p.is_file()]
        again = _edgekit(*words)
        kept = process.returncode == code and not half and again.returncode == 0
        return Seen(
            kept,
            f"exit code {process.returncode}, {len(half)} files left, then {again.returncode}: {said.strip()[:120]}",
        )


def _killed_build() -> Seen:
    return _stopped_build(signal.SIGKILL, -signal.SIGKILL)


def _interrupted() -> Seen:
    return _stopped_build(signal.SIGINT, 130)


def _killed_process() -> Seen:
    def run(pid: int, digest: str, ask: Callable[[], dict[str, object]], link: Path) -> Seen:
        child = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        os.kill(int(child), signal.SIGKILL)
        answers = [ask() for _ in range(20)]
        works = _until(lambda: ask().get("release") == digest)
        gone = sum(not a for a in answers)
        return Seen(
            works, f"a process died; {20 - gone} of 20 requests right after were answered; then all serve again"
        )

    return _served(run)


def _damaged_release() -> Seen:
    def run(pid: int, digest: str, ask: Callable[[], dict[str, object]], link: Path) -> Seen:
        damaged = link.with_name("damaged")
        shutil.copytree(link.resolve(), damaged)
        (damaged / "model.tflite").write_bytes(_flipped((damaged / "model.tflite").read_bytes()))
        aside = link.with_name("aside")
        aside.symlink_to(damaged)
        os.replace(aside, link)
        said = _until(lambda: "refused" in ask())
        answer = ask()
        return Seen(said and answer.get("release") == digest, str(answer.get("refused"))[:160])

    return _served(run)


def _served(run: Callable[[int, str, Callable[[], dict[str, object]], Path], Seen]) -> Seen:
    import http.client

    with scratch() as folder:
        bundle, link = _built(folder), folder / "current"
        link.symlink_to(bundle)
        words = ["--release", str(link), "--port", "0", "--processes", "2"]
        command = [sys.executable, "-m", "edgekit.service", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])

        def ask() -> dict[str, object]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                connection.request("GET", "/healthz")
                found: dict[str, object] = json.loads(connection.getresponse().read())
                return found
            except (OSError, http.client.HTTPException):
                return {}
            finally:
                connection.close()

        try:
            digest = json.loads((bundle / "manifest.json").read_text())["digest"]
            _until(lambda: ask().get("release") == digest)
            return run(process.pid, digest, ask, link)
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


def _until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
