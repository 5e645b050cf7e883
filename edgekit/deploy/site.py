"""A board as the one who deploys sees it: the agent is there, and answers."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.errors import DeviceError, UsageError
from edgekit.deploy.agent.protocol import AGENT, MARK, REQUEST, Step
from edgekit.deploy.release import agent_archive
from edgekit.transports.base import Transport
from edgekit.transports.uri import DeviceUri

StepSeen = Callable[[DeviceUri, Step], None]
"""Told as each step begins on a board."""
_KINDS = ("ssh", "local")
_SHOWN = 3


def require_board(device: DeviceUri) -> None:
    """Raises UsageError for a device that takes no releases."""
    if device.transport not in _KINDS:
        raise UsageError(f"{device}: releases go to Linux boards, ssh:USER@HOST[:PORT]")


def nothing_seen(device: DeviceUri, step: Step) -> None:
    """For callers that do not follow the steps."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A release on a board, as the board tells.

    Attributes:
        name: of its folder; title: of the bundle.
        whole: whether every file is the one that its manifest states, and its signature one that the board takes.
        fault: why it is not whole.
    """

    name: str
    title: str
    digest: str
    service_sha256: str
    whole: bool
    signature: str
    fault: str


@dataclass(frozen=True, slots=True)
class Status:
    """What a board runs and holds. `current` and `previous` are None where there is none.

    Attributes:
        since: when `current` was switched to, by the clock of the machine that deployed (UTC, ISO 8601).
        unconfirmed: whether a switch was interrupted; the next deployment settles it.
        untidy: whether an interrupted deployment has left files; the next one removes them.
        last_error: why the last switch was undone, if it was.
        key: the short name of the public key that the board trusts, or what is wrong with it; empty for none.
        service: what the service does, in words.
    """

    current: Standing | None
    previous: Standing | None
    since: str
    unconfirmed: bool
    untidy: bool
    last_error: str
    key: str
    service: str


class Site:
    """A board through an open transport.

    Args:
        timeout_s: how long it may be silent.
        python: the interpreter there; empty for python3.
    """

    def __init__(self, device: DeviceUri, transport: Transport, timeout_s: float, python: str = "") -> None:
        self.device = device
        self._transport = transport
        self._timeout_s = timeout_s
        self._python = python or (sys.executable if device.transport == "local" else "python3")
        self._ready = False

    def push(self, name: str, data: bytes) -> None:
        """A file for the next request."""
        with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
            source = Path(folder) / name
            source.write_bytes(data)
            self._transport.push(source, name)

    def ask(self, command: str, request: Mapping[str, object], seen: StepSeen = nothing_seen) -> dict[str, Any]:
        """What the agent answers. Raises DeviceError where it refuses, fails, or is gone without a word."""
        if not self._ready:
            self.push(AGENT, agent_archive())
            self._ready = True
        self.push(REQUEST, json.dumps(request).encode())
        other: list[str] = []
        for line in self._transport.stream([self._python, "-I", AGENT, command, REQUEST], self._timeout_s):
            told = _told(line)
            if told is None:
                other = [*other, line.strip()][-_SHOWN:]
            elif "step" in told:
                seen(self.device, Step(told["step"]))
            elif "error" in told:
                raise DeviceError(f"{self.device}: {_printable(told['error'])}")
            elif isinstance(told.get("result"), dict):
                return {k: _printable(v) if isinstance(v, str) else v for k, v in told["result"].items()}
        said = f": {_printable(' | '.join(other))}" if other else ""
        raise DeviceError(f"{self.device}: the agent on the board ended without an answer{said}")

    def status(self) -> Status:
        """What runs there. Raises DeviceError."""
        answer = self.ask("status", {})
        texts = {name: _printable(answer.get(name, "")) for name in ("since", "last_error", "key", "service")}
        return Status(
            current=_standing(answer.get("current")),
            previous=_standing(answer.get("previous")),
            unconfirmed=answer.get("unconfirmed") is True,
            untidy=answer.get("untidy") is True,
            **texts,
        )


def _standing(record: object) -> Standing | None:
    if not isinstance(record, dict) or not record:
        return None
    names = ("name", "title", "digest", "service_sha256", "signature", "fault")
    return Standing(whole=record.get("whole") is True, **{name: _printable(record.get(name, "")) for name in names})


def _told(line: str) -> dict[str, Any] | None:
    """What the agent says in a line; None for a line of another."""
    if not line.startswith(MARK):
        return None
    try:
        record = json.loads(line[len(MARK) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or ("step" in record and record["step"] not in [s.value for s in Step]):
        return None
    return record


def _printable(value: object) -> str:
    """A device's words for a terminal: a line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in str(value))[:500]
