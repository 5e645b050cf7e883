"""The inference service under load, beside a plain loop with one interpreter, and while releases change.

Usage: python -m bench.service [CASE] [--json FILE]

CASE is `digits` (shipped with edgekit) or a case of `bench/cases.py`. The load comes from wrk (Debian package `wrk`),
which compares every answer with what the release must give. The plain loop is the same server with one thread and one
interpreter of one thread, so the ratio is what parallel interpreters and overlapped preprocessing bring; both run in
turn, and only ratios count. Every answer is checked in every run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.cases import CASES
from edgekit.service.ports import BYTES, InputPort, Ports
from edgekit.service.release import Release, load_release
from edgekit.service.runner import Runner

ROUNDS, SECONDS, SWITCH_SECONDS, SAMPLES, CONNECTIONS = 3, 5, 12, 32, 8
SCRIPT = Path(__file__).with_suffix(".lua")
PLAIN = ("--processes", "1")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", nargs="?", default="digits")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("this needs wrk: apt install wrk")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        releases = [build(options.case, recipe, folder / recipe) for recipe in ("int8", "float16")]
        result = measure(releases, folder)
    print(table(options.case, result))
    if options.json:
        options.json.write_text(json.dumps({"case": options.case, **result}, indent=2) + "\n")


def build(name: str, recipe: str, output: Path) -> Release:
    """A release of the case."""
    model, calibration = Path("edgekit/demo/digits.keras"), Path("calibration_data/digits")
    if name != "digits":
        case = next(case for case in CASES if case.name == name)
        model, calibration = case.path, output / "calibration"
        calibration.mkdir(parents=True)
        case.write_calibration(calibration)
    words = ["build", str(model), "-t", "raspberry-pi-4", "--recipe", recipe, "--calibration", str(calibration)]
    command = [sys.executable, "-m", "edgekit", *words, "-o", str(output), "--budget", "accuracy_drop=100"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        sys.exit(done.stderr)
    return load_release(output / "raspberry-pi-4")


def measure(releases: list[Release], folder: Path) -> dict[str, object]:
    """Rounds of plain and service in turn, then the service while the link moves from one release to the other."""
    files = request_files(releases, folder)
    link = folder / "current"
    point(link, releases[0].folder)
    runs: dict[str, list[dict[str, float]]] = {"plain": [], "service": []}
    for _ in range(ROUNDS):
        for kind, options in (("plain", PLAIN), ("service", ())):
            with server(link, options) as port:
                runs[kind].append(load(port, files, SECONDS))
    with server(link, ()) as port:
        ended = threading.Event()
        switching = threading.Thread(target=switch, args=(link, releases, ended))
        switching.start()
        switched = load(port, files, SWITCH_SECONDS)
        ended.set()
        switching.join()
    return {"plain": runs["plain"], "service": runs["service"], "switching": switched}


def request_files(releases: list[Release], folder: Path) -> list[Path]:
    """One file with the bodies in hexadecimal, and one for each release with what its answers must hold."""
    port = InputPort(releases[0].manifest.inputs[0])
    shape, dtype = port.plain_shape, np.dtype(port.raw.dtype)
    if shape is None:
        sys.exit("this case has no input of a fixed length")
    rng = np.random.default_rng(0)
    count = SAMPLES * math.prod(shape)
    values = rng.integers(0, 256, count) if dtype.kind in "iu" else rng.standard_normal(count)
    samples = values.astype(dtype).reshape(SAMPLES, -1)
    bodies = folder / "bodies"
    bodies.write_text("".join(f"{row.tobytes().hex()}\n" for row in samples))
    return [bodies, *(answer_file(release, samples, folder) for release in releases)]


def answer_file(release: Release, samples: np.ndarray, folder: Path) -> Path:
    """The part of each answer that depends on the model alone, computed here without a server."""
    ports, runner = Ports(release.manifest), Runner(release.model, 1)
    path = folder / f"answers-{release.digest[:12]}"
    with path.open("w") as file:
        for row in samples:
            (inputs,) = ports.samples(BYTES, row.tobytes())
            answer = json.dumps(ports.answer(runner.run(inputs)))[1:-1]
            file.write(f'{answer}, "release": "{release.digest[:12]}"\n')
    return path


@contextlib.contextmanager
def server(link: Path, options: tuple[str, ...]) -> Iterator[int]:
    """The service on a free port."""
    command = [sys.executable, "-m", "edgekit.service", "--release", str(link), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


def load(port: int, files: list[Path], seconds: int) -> dict[str, float]:
    """What wrk saw."""
    url = f"http://127.0.0.1:{port}/v1/predict"
    many = str(CONNECTIONS)
    command = ["wrk", "-t", many, "-c", many, "-d", f"{seconds}s", "-s", str(SCRIPT), url, "--", *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("JSON "))
    found: dict[str, float] = json.loads(line[5:])
    return found


def switch(link: Path, releases: list[Release], ended: threading.Event) -> None:
    """Let the link name the other release every second, as a deployment does."""
    for turn in range(10**6):
        if ended.wait(1.0):
            return
        point(link, releases[(turn + 1) % len(releases)].folder)


def point(link: Path, folder: Path) -> None:
    """Make `link` name `folder` in one step."""
    aside = link.with_name(f".{link.name}-{time.monotonic_ns()}")
    aside.symlink_to(folder)
    os.replace(aside, link)


def table(name: str, result: dict[str, object]) -> str:
    """For a person."""
    plain, service, switched = result["plain"], result["service"], result["switching"]
    assert isinstance(plain, list) and isinstance(service, list) and isinstance(switched, dict)
    ratio = statistics.median(b["per_second"] / a["per_second"] for a, b in zip(plain, service, strict=True))
    tail = statistics.median(b["p99_ms"] / a["p99_ms"] for a, b in zip(plain, service, strict=True))
    every = [*plain, *service, switched]
    lost = {key: sum(int(run[key]) for run in every) for key in ("dropped", "status_errors", "wrong")}
    return "\n".join(
        (
            f"{name}: {CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS} s in turn",
            f"  throughput, service / plain loop   {ratio:.2f}",
            f"  99th percentile, service / plain   {tail:.2f}",
            f"  while releases change: {switched['requests']} answers, by release {switched['by_release']}",
            f"  of {sum(int(run['requests']) for run in every)} requests in all: {lost['dropped']} dropped, "
            f"{lost['status_errors']} refused, {lost['wrong']} wrong",
        )
    )


if __name__ == "__main__":
    main()
