"""A board that is a folder: its home, and the agent as it runs on a real one."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.bundle.golden import make_golden
from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import BundleContent, write_bundle
from edgekit.deploy.agent.protocol import AGENT, MARK, PACKAGE, REQUEST, SERVICE, Step
from edgekit.deploy.release import Release, agent_archive, release_of
from tests.unit.bundle.content import FEEDS, FLOAT, INTEGER, content

PROGRAM = b"#!/usr/bin/env python3\nprint('a service')\n"
KILLER = Path(__file__).with_name("killed_agent.py")


def named(name: str) -> BundleContent:
    """Content of a bundle of that name."""
    return dataclasses.replace(content(), name=name)


def bundle(folder: Path, made: BundleContent) -> Bundle:
    """Written and opened."""
    write_bundle(folder, made)
    return open_bundle(folder)


def release(name: str, program: bytes = PROGRAM) -> Release:
    """A release whose bundle is called so."""
    with tempfile.TemporaryDirectory() as folder:
        return release_of(bundle(Path(folder) / "b", named(name)), program)


def wrong_release() -> Release:
    """A release whose model does not compute its golden outputs: the service refuses it."""
    golden, spec = make_golden(INTEGER, FLOAT, FEEDS, 3)
    outputs = {name: array ^ 64 for name, array in golden.outputs.items()}
    made = dataclasses.replace(named("wrong"), golden=(dataclasses.replace(golden, outputs=outputs), spec))
    with tempfile.TemporaryDirectory() as folder:
        return release_of(bundle(Path(folder) / "b", made), PROGRAM)


@dataclass(frozen=True)
class Reply:
    """What the agent said, and how it ended."""

    steps: tuple[Step, ...]
    result: Mapping[str, Any] | None
    error: str
    exit_code: int
    said: str

    def good(self) -> Mapping[str, Any]:
        assert self.result is not None, self.error or self.said
        return self.result


class BoardFolder:
    """A home folder: a new one, short enough for a socket's path, or that of a board of the lab."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or Path(tempfile.mkdtemp(prefix="ek-"))
        self.root = self.home / "edgekit"
        self.uploads = self.home / "session"
        self.uploads.mkdir(exist_ok=True)
        self.python = sys.executable
        (self.uploads / AGENT).write_bytes(agent_archive())

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def command(self, command: str, request: Mapping[str, object], kill_at: int | None = None) -> list[str]:
        """The words that run the agent."""
        (self.uploads / REQUEST).write_text(json.dumps(request))
        killer = [] if kill_at is None else [str(KILLER), str(kill_at)]
        return [self.python, "-I", *killer, AGENT, command, REQUEST]

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": os.environ["PATH"]}

    def agent(self, command: str, request: Mapping[str, object], **more: Any) -> Reply:
        """Run it to its end."""
        prefix = more.pop("prefix", [])
        done = subprocess.run(
            [*prefix, *self.command(command, request, more.pop("kill_at", None))],
            cwd=self.uploads,
            env={**self.environment(), **more.pop("environment", {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **more,
        )
        return reply_of(done.stdout, done.stderr, done.returncode)

    def bring(self, new: Release) -> dict[str, object]:
        """Upload; the request to stage it."""
        (self.uploads / PACKAGE).write_bytes(new.package())
        (self.uploads / SERVICE).write_bytes(new.service)
        return {"name": new.name, "service_sha256": new.service_sha256}

    def stage(self, new: Release, **more: Any) -> Reply:
        return self.agent("stage", self.bring(new), **more)

    def activate(self, new: Release, **more: Any) -> Reply:
        return self.agent("activate", {"name": new.name, "at": "2026-11-24T12:00:00Z", "health_s": 10}, **more)

    def deploy(self, new: Release) -> Reply:
        self.stage(new).good()
        return self.activate(new)

    def rollback(self, **more: Any) -> Reply:
        request = {"leave": more.pop("leave", ""), "empty": more.pop("empty", False), "at": "then", "health_s": 10}
        return self.agent("rollback", request, **more)

    def boot(self) -> Reply:
        """As the unit of the service does it."""
        words = [self.python, "-I", str(self.root / AGENT), "boot"]
        done = subprocess.run(words, env=self.environment(), capture_output=True, text=True, timeout=60, check=False)
        return reply_of(done.stdout, done.stderr, done.returncode)

    def status(self) -> Mapping[str, Any]:
        return self.agent("status", {}).good()

    def copy_from(self, other: Path) -> None:
        """Take the releases of a saved board."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(other, self.root, symlinks=True)

    def linked(self, link: str = "current") -> str:
        """The folder that a link leads to, compared with its manifest by our own eyes; empty for no link."""
        path = self.root / link
        if not path.is_symlink():
            return ""
        folder = path.resolve()
        assert folder.parent == (self.root / "releases").resolve()
        manifest = json.loads((folder / "manifest.json").read_text())
        for entry in manifest["files"]:
            data = (folder / entry["path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == entry["sha256"], f"{entry['path']} of {folder.name} is not whole"
        program = json.loads((folder / "release.json").read_text())["service_sha256"]
        assert hashlib.sha256((folder / SERVICE).read_bytes()).hexdigest() == program
        return folder.name

    def leftovers(self) -> list[str]:
        """What should not be there between deployments."""
        kept = {self.linked("current"), self.linked("previous")}
        strange = [p.name for p in (self.root / "releases").iterdir() if p.name not in kept]
        return strange + [p.name for p in (self.root / "staging").iterdir()] + [p.name for p in self.root.glob(".tmp*")]


def reply_of(stdout: str, stderr: str, code: int) -> Reply:
    told = [json.loads(line[len(MARK) :]) for line in stdout.splitlines() if line.startswith(MARK)]
    steps = tuple(Step(t["step"]) for t in told if "step" in t)
    result = next((t["result"] for t in told if "result" in t), None)
    return Reply(steps, result, next((t["error"] for t in told if "error" in t), ""), code, stdout + stderr)


@contextlib.contextmanager
def serving(board: BoardFolder, more: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """The real service over the board's current release."""
    board.root.mkdir(exist_ok=True)
    words = ["--release", str(board.root / "current"), "--socket", str(board.root / "service.sock")]
    process = subprocess.Popen(
        [sys.executable, "-m", "edgekit.service", *words, "--interpreters", "1", "--threads", "1", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def until(condition: Any, seconds: float = 30) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
