"""Faults of a deployment: what serves afterwards is whole, old or new, and the next deployment succeeds."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator

from bench.fault import Fault, Seen, caught, environment, refused, scratch
from edgekit.bundle.read import open_bundle
from edgekit.bundle.sign import make_keys, sign_bundle
from edgekit.core.errors import GateError
from edgekit.deploy.agent.protocol import SIGNATURE, Step
from edgekit.deploy.install import DeployOptions, State, deploy_to, status_of
from edgekit.deploy.release import Release, release_of
from edgekit.lab.board import Board, BoardOptions
from edgekit.lab.box import Box
from edgekit.transports.base import Transport
from edgekit.transports.uri import DeviceUri, parse_device
from tests.unit.deploy.board_folder import PROGRAM, bundle, named

_WHOLE = "old or new serves, whole; the next deployment succeeds and leaves nothing over"
_OLD = "an error; the old release serves, whole"
_SEEN_STEPS = tuple(s for s in Step if s not in (Step.SIGNATURE, Step.REVERT))
"""Of a deployment that succeeds, on a board that trusts no key."""


def faults() -> Iterator[Fault]:
    """Power cut and connection cut at every step, then wrong contents."""
    for step in _SEEN_STEPS:
        yield Fault("deploy", f"power cut at the step {step.value}", _WHOLE, lambda s=step: _cut(s, Box.power_off))
        yield Fault("deploy", f"cable pulled at the step {step.value}", _WHOLE, lambda s=step: _cut(s, Box.pull))
    yield Fault("deploy", "a file with another hash than the manifest's", _OLD, _wrong_hash)
    yield Fault("deploy", "a full disk on the board", _OLD, _full_disk)
    yield Fault("deploy", "no signature, and the board trusts a key", _OLD, lambda: _signed(""))
    yield Fault("deploy", "a signature of another key", _OLD, lambda: _signed("other"))
    yield Fault("deploy", "the signature of another release", _OLD, lambda: _signed("borrowed"))
    yield Fault("deploy", "the check on the board fails", _OLD, _failed_check)
    yield Fault("deploy", "the same release again", "says so and changes nothing", _again)


def _release(name: str) -> Release:
    with scratch() as folder:
        return release_of(bundle(folder / "b", named(name)), PROGRAM)


def _deploy(device: DeviceUri, release: Release, options: DeployOptions | None = None) -> State:
    return deploy_to(device, release, None, options or DeployOptions()).state


class _Site:
    """A board with a first release on it."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.device = parse_device(board.uri)
        self.old = _release("old")
        _deploy(self.device, self.old)

    def serves(self) -> str:
        """Digest of what serves; empty where it is not whole."""
        status = status_of(self.device, DeployOptions())
        return status.current.digest if status.current is not None and status.current.whole else ""

    def leftovers(self) -> list[str]:
        """What is neither current nor previous."""
        root = self.board.home / "edgekit"
        kept = {(root / link).resolve().name for link in ("current", "previous")}
        releases = [p.name for p in (root / "releases").iterdir() if p.name not in kept]
        return releases + [p.name for p in (root / "staging").iterdir()]


def _on_a_site(run: Callable[[_Site], Seen], options: BoardOptions | None = None) -> Seen:
    with Board("native", options) as board, environment({"EDGEKIT_SSH_CONFIG": str(board.ssh_config)}):
        return run(_Site(board))


def _cut(step: Step, cut: Callable[[Box], None]) -> Seen:
    def run(site: _Site) -> Seen:
        new, reached = _release("new"), []

        def seen(device: DeviceUri, which: Step) -> None:
            if which is step and not reached:
                reached.append(which)
                cut(site.board.box)

        error = caught(lambda: _deploy(site.device, new, DeployOptions(seen=seen)))
        if not site.board.box.running():
            site.board.box.power_on()
        site.board.box.plug()
        between = site.serves()
        _deploy(site.device, _release("next"))
        after, left = site.serves(), site.leftovers()
        which = {site.old.digest: "old", new.digest: "new"}.get(between, "NOT WHOLE")
        kept = bool(reached) and which != "NOT WHOLE" and after == _release("next").digest and not left
        said = error.message if error is not None else "it was done before the cut was felt"
        return Seen(kept, f"{which} serves; the next deployment succeeds; said: {said}")

    return _on_a_site(run)


def _stays_old(site: _Site, work: Callable[[], object], code: int) -> Seen:
    seen = refused(work, code)
    kept = seen.kept and site.serves() == site.old.digest
    return Seen(kept and _deploy_next(site), seen.words)


def _deploy_next(site: _Site) -> bool:
    """Whether the next deployment succeeds, where no key is asked for."""
    if status_of(site.device, DeployOptions()).key:
        return True
    return _deploy(site.device, _release("next")) is State.DEPLOYED and not site.leftovers()


def _wrong_hash() -> Seen:
    def run(site: _Site) -> Seen:
        new = _release("new")
        files = {**new.bundle.files, "model.tflite": b"\0" + new.bundle.model_bytes[1:]}
        tampered = Release(dataclasses.replace(new.bundle, files=files), new.service)
        return _stays_old(site, lambda: _deploy(site.device, tampered), 5)

    return _on_a_site(run)


def _full_disk() -> Seen:
    with scratch() as folder:
        options = BoardOptions(folder=folder / "board", home_bytes=12_000_000)

        def run(site: _Site) -> Seen:
            big = release_of(bundle(folder / "b", named("big")), b"\0" * 16_000_000)
            seen = refused(lambda: _deploy(site.device, big), 5)
            return Seen(seen.kept and site.serves() == site.old.digest, seen.words)

        return _on_a_site(run, options)


def _signed(how: str) -> Seen:
    def run(site: _Site) -> Seen:
        with scratch() as folder:
            keys = {name: folder / name for name in ("trusted", "other")}
            public = {name: make_keys(path) for name, path in keys.items()}
            first, made = folder / "first", folder / "made"
            bundle(first, named("signed"))
            sign_bundle(first, keys["trusted"])
            bundle(made, named("new"))
            if how == "other":
                sign_bundle(made, keys["other"])
            if how == "borrowed":
                shutil.copy(first / SIGNATURE, made / SIGNATURE)
            site.old = release_of(open_bundle(first), PROGRAM)
            _deploy(site.device, site.old, DeployOptions(trust_key=public["trusted"].read_text()))
            return _stays_old(site, lambda: _deploy(site.device, release_of(open_bundle(made), PROGRAM)), 5)

    return _on_a_site(run)


def _failed_check() -> Seen:
    def check(device: DeviceUri, transport: Transport) -> str:
        raise GateError("latency_p90_ms is 9 ms, over its limit of 1 ms")

    def run(site: _Site) -> Seen:
        new = _release("new")
        return _stays_old(site, lambda: deploy_to(site.device, new, check, DeployOptions()), 4)

    return _on_a_site(run)


def _again() -> Seen:
    def run(site: _Site) -> Seen:
        state = _deploy(site.device, site.old)
        return Seen(state is State.ALREADY and site.serves() == site.old.digest, state.value)

    return _on_a_site(run)
