"""One board: a release is brought, checked and switched to, or the board stays as it was."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from edgekit.core.errors import EdgekitError
from edgekit.deploy.agent.protocol import PACKAGE, SERVICE
from edgekit.deploy.release import Release
from edgekit.deploy.site import Site, Status, StepSeen, nothing_seen, require_board
from edgekit.transports.base import Transport
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import DeviceUri

Check = Callable[[DeviceUri, Transport], str]
"""Measures the bundle on an open device: words on what it found. Raises GateError or DeviceError to stop."""
_SLACK_S = 120.0


class State(enum.Enum):
    """What became of a board."""

    DEPLOYED = "deployed"
    ALREADY = "runs it already"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    SKIPPED = "not tried"


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """How to deploy.

    Attributes:
        health_s: how long the service may take to serve the new release.
        trust_key: a public key in PEM for the board to trust from now on, where it trusts none; empty for none.
        python: the interpreter for the agent; empty for python3.
        seen: told of each step.
    """

    health_s: float = 60.0
    trust_key: str = ""
    python: str = ""
    seen: StepSeen = nothing_seen

    @property
    def timeout_s(self) -> float:
        """How long a board may be silent: a switch and a switch back wait for the service, once each."""
        return 2 * self.health_s + _SLACK_S


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened on one board.

    Attributes:
        release: the name of what it runs now, as far as is known; empty for nothing.
        first: whether the board ran no release before.
        health: the service, in words; check: what the check found, in words.
        recovered: what an earlier interrupted deployment had left, in words; empty where it had left nothing.
        error: why it failed, or None.
    """

    device: DeviceUri
    state: State
    release: str = ""
    first: bool = False
    health: str = ""
    check: str = ""
    recovered: str = ""
    seconds: float = 0.0
    error: EdgekitError | None = None


def deploy_to(device: DeviceUri, release: Release, check: Check | None, options: DeployOptions) -> Outcome:
    """Bring `release` to `device`, check it there and switch to it.

    Raises DeviceError or what `check` raises; then the board runs what it ran before, or, where it was lost after the
    switch, settles that by itself.
    """
    require_board(device)
    started = time.monotonic()
    with transport_for(device) as transport:
        site = Site(device, transport, options.timeout_s, options.python)
        if options.trust_key:
            site.ask("trust", {"key": options.trust_key})
        status = site.status()
        if _runs(status, release):
            left = str(site.ask("tidy", {}, options.seen).get("recovered", "")) if status.untidy else ""
            seconds = time.monotonic() - started
            return Outcome(device, State.ALREADY, release.name, health=status.service, recovered=left, seconds=seconds)
        recovered = _stage(site, release, options)
        words = check(device, transport) if check is not None else "not checked"
        request = {"name": release.name, "at": _now(), "health_s": options.health_s}
        answer = site.ask("activate", request, options.seen)
    return Outcome(
        device,
        State.DEPLOYED,
        str(answer.get("release", "")),
        status.current is None,
        str(answer.get("health", "")),
        words,
        recovered or str(answer.get("recovered", "")),
        time.monotonic() - started,
    )


def roll_back(device: DeviceUri, options: DeployOptions, leave: str = "", empty: bool = False) -> Outcome:
    """Return to the previous release.

    Args:
        leave: a digest: only where this release is current.
        empty: whether to return to no release where there was none before.

    Raises DeviceError, also where there is nothing to return to.
    """
    require_board(device)
    started = time.monotonic()
    with transport_for(device) as transport:
        site = Site(device, transport, options.timeout_s, options.python)
        request = {"leave": leave, "empty": empty, "at": _now(), "health_s": options.health_s}
        answer = site.ask("rollback", request, options.seen)
    name, health = str(answer.get("release", "")), str(answer.get("health", ""))
    recovered = str(answer.get("recovered", ""))
    seconds = time.monotonic() - started
    return Outcome(device, State.ROLLED_BACK, name, False, health, recovered=recovered, seconds=seconds)


def status_of(device: DeviceUri, options: DeployOptions) -> Status:
    """What `device` runs. Raises DeviceError."""
    require_board(device)
    with transport_for(device) as transport:
        return Site(device, transport, options.timeout_s, options.python).status()


def _stage(site: Site, release: Release, options: DeployOptions) -> str:
    """Bring the files and have them verified there; what had been left by an interrupted deployment."""
    site.push(PACKAGE, release.package())
    if release.service:
        site.push(SERVICE, release.service)
    request = {"name": release.name, "service_sha256": release.service_sha256}
    return str(site.ask("stage", request, options.seen).get("recovered", ""))


def _runs(status: Status, release: Release) -> bool:
    """Whether the board serves this release already, and nothing about it is in doubt."""
    current = status.current
    if current is None or not current.whole or status.unconfirmed:
        return False
    same = (current.digest, current.service_sha256) == (release.digest, release.service_sha256)
    return same and status.service in ("healthy", "not installed")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
