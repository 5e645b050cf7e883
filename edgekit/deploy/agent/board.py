"""The releases of a board: staged, verified, switched, rolled back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.deploy.agent import files
from edgekit.deploy.agent.keys import Trust
from edgekit.deploy.agent.protocol import (
    AGENT,
    MANIFEST,
    NAME,
    PACKAGE,
    RELEASE,
    SERVICE,
    SIGNATURE,
    Refused,
    Step,
    step,
)
from edgekit.deploy.agent.service import Service

CURRENT, PREVIOUS, STATE = "current", "previous", "state.json"
_AGAIN_S = 15.0  # for the health of a release whose switch was interrupted


class Board:
    """The releases in `home`/edgekit; what was pushed along is in `uploads`."""

    def __init__(self, home: Path, uploads: Path) -> None:
        self.root = home / "edgekit"
        self._uploads = uploads
        self._releases, self._staging = self.root / "releases", self.root / "staging"
        self._keys = Trust(home)
        self._service = Service(home, self.root)

    def make_folders(self) -> None:
        """The folders, where they are not there yet; nobody but this user may write in them. Refuses others' folders.

        What is neither current nor previous is removed from them: so they must not be links to something else.
        """
        self.root.mkdir(exist_ok=True)
        for folder in (self.root, self._releases, self._staging):
            if folder != self.root:
                folder.mkdir(exist_ok=True)
                files.require_own(folder)
            files.close_to_others(folder)

    def status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is here; nothing is changed, and what is broken is said."""
        state, current = self._state(), self._told(CURRENT)
        health = self._service.look(current["digest"], current["name"]) if current.get("whole") else ""
        return {
            "current": current,
            "previous": self._told(PREVIOUS),
            "since": str(state.get("since", "")),
            "unconfirmed": _pending(state) is not None,
            "untidy": self._untidy(),
            "last_error": str(state.get("last_error", "")),
            "key": self._keys.told(),
            "service": health,
        }

    def tidy(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Settle and remove what an interrupted deployment left."""
        step(Step.RECOVER)
        recovered = self._recover()
        step(Step.PRUNE)
        self._prune()
        return {"recovered": recovered or "the leftovers of an interrupted deployment were removed"}

    def boot(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Before the service starts: leave a new release whose switch was cut off before it had proved healthy."""
        state = self._state()
        pending = _pending(state)
        if pending is None or pending.get("proved") or not pending["from"] or self._link(CURRENT) != pending["to"]:
            return {}
        self._point(CURRENT, pending["from"])
        words = f"{pending['to']}: the board stopped before it had proved healthy"
        self._write_state({**state, "pending": None, "last_error": words})
        return {"left": pending["to"]}

    def trust(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Trust a public key where none is trusted; the same one again is no error."""
        return {"key": self._keys.install(str(request["key"]).encode())}

    def stage(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Unpack and verify the upload in staging/NAME; nothing of it is left where it is refused."""
        step(Step.RECOVER)
        recovered = self._recover()
        name = _named(request["name"])
        folder = self._staging / name
        try:
            with files.opened_package(self._uploads / PACKAGE) as archive:
                step(Step.SIGNATURE)
                manifest = files.parse_manifest(files.small(archive, MANIFEST))
                signature = files.small(archive, SIGNATURE)
                self._keys.judge(signature, manifest["digest"], _floor(self._state()))
                step(Step.UNPACK)
                files.unpack(archive, manifest, folder)
            self._describe(folder, manifest, request)
            step(Step.VERIFY)
            self._verify(folder)
            self._keep_agent()
        except BaseException:
            files.remove(folder)
            raise
        return {"staged": name, "recovered": recovered}

    def activate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make staging/NAME the current release: it is healthy then, or the one before is back."""
        step(Step.RECOVER)
        name = _named(request["name"])
        recovered = self._recover(keep=name)
        step(Step.VERIFY)
        if not (self._staging / name).is_dir():
            raise Refused("what was staged is gone: another deployment came between")
        serial = self._verify(self._staging / name)["serial"]
        step(Step.PLACE)
        name = self._place(name)
        health = self._intend({"to": name, "serial": serial, "proved": False}, request)
        return {"release": name, "health": health, "recovered": recovered}

    def rollback(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return to the previous release.

        `leave`, where it is set, is the digest that must be current: else another deployment came between. `empty`
        allows to return to no release at all, as before the first deployment.
        """
        step(Step.RECOVER)
        recovered = self._recover()
        current, previous, leave = self._link(CURRENT), self._link(PREVIOUS), request["leave"]
        if leave and (not current or self._release(current)["digest"] != leave):
            raise Refused("another release runs by now: it is not rolled back")
        if not current or not (previous or request["empty"]):
            raise Refused("there is no previous release to return to")
        if previous:
            step(Step.VERIFY)
            self._verify(self._releases / previous)
        health = self._intend({"to": previous, "serial": 0, "proved": True}, request)
        return {"release": previous, "health": health, "recovered": recovered}

    def _intend(self, aim: Mapping[str, Any], request: Mapping[str, Any]) -> str:
        """Write down what is about to be switched, and do it."""
        step(Step.INTENT)
        pending = {**aim, "from": self._link(CURRENT), "at": str(request["at"])[:40]}
        self._write_state({**self._state(), "pending": pending})
        return self._carry_out(pending, float(request["health_s"]))

    def _carry_out(self, pending: Mapping[str, Any], health_s: float) -> str:
        """Switch, judge, confirm or revert; health in words. Also picks up what a power cut interrupted."""
        new, old = pending["to"], pending["from"]
        step(Step.SWITCH)
        self._point(CURRENT, new)
        fault, words = self._start(new, old, health_s)
        if fault:
            self._revert(new, old, words, health_s)
        step(Step.CONFIRM)
        if old != new:
            self._point(PREVIOUS, old)
        state = self._state()
        done = {"since": pending["at"], "serial": max(_floor(state), pending["serial"])}
        self._write_state({**state, **done, "pending": None, "last_error": ""})
        step(Step.PRUNE)
        self._prune()
        return words

    def _revert(self, new: str, old: str, words: str, health_s: float) -> None:
        """Back to the release before. Always raises Refused, with how that went."""
        step(Step.REVERT)
        self._point(CURRENT, old)
        after = self._start(old, new, health_s)[1] if old != new else "it was the current release before, too"
        self._write_state({**self._state(), "pending": None, "last_error": f"{new}: {words}"})
        raise Refused(f"{words}; rolled back to {old or 'no release'} ({after})")

    def _start(self, new: str, old: str, health_s: float) -> tuple[bool, str]:
        """Tell the service of a switch: whether it is at fault then, and words."""
        step(Step.RESTART)
        programs = [self._program(name) for name in (new, old)]
        if trouble := self._service.tell(restart=programs[0] != programs[1]):
            return True, trouble
        step(Step.HEALTH)
        if not new:
            return False, "nothing to serve"
        return self._service.wait_for(self._release(new)["digest"], new, health_s)

    def _recover(self, keep: str = "") -> str:
        """Finish or undo what was interrupted, and remove what is half done. What there was, in words."""
        words, pending = "", _pending(self._state())
        if pending is not None:
            words = self._settle(pending)
        for entry in [e for e in self._staging.iterdir() if e.name != keep] + list(self.root.glob(".tmp-*")):
            files.remove(entry)
        return words

    def _settle(self, pending: Mapping[str, Any]) -> str:
        """What becomes of a switch that was written down and never confirmed: finished if made, else given up."""
        new, old = pending["to"], pending["from"]
        if self._link(CURRENT) != new or not self._is_whole(new):
            self._point(CURRENT, old)
            self._write_state({**self._state(), "pending": None})
            return "an interrupted switch was given up"
        try:
            return f"an interrupted switch to {new or 'no release'} was finished: {self._carry_out(pending, _AGAIN_S)}"
        except Refused as error:
            return f"an interrupted switch was undone: {error}"

    def _place(self, name: str) -> str:
        """Move staging/`name` among the releases, and give the name it has there.

        A release of that digest may be there: the same one is taken as it is; another (damaged, or with another
        signature or service) is removed, unless a link leads to it: then the new one gets a second name.
        """
        source, target = self._staging / name, self._releases / name
        if target.is_dir() and self._is_whole(name) and _content(target) == _content(source):
            files.remove(source)
            return name
        if name in (self._link(CURRENT), self._link(PREVIOUS)):
            name = f"{name}-{os.urandom(4).hex()}"
            record = json.loads(files.read(source / RELEASE))
            files.replace(source / RELEASE, json.dumps({**record, "name": name}).encode())
        files.remove(self._releases / name)
        source.rename(self._releases / name)
        files.sync_folder(self._releases)
        return name

    def _prune(self) -> None:
        """Remove all releases but the current and the previous one; half a one never stands among them."""
        kept = {self._link(CURRENT), self._link(PREVIOUS)}
        for entry in list(self._releases.iterdir()):
            if entry.name not in kept:
                gone = self._staging / f"gone-{entry.name}"
                files.remove(gone)
                entry.rename(gone)
                files.remove(gone)

    def _keep_agent(self) -> None:
        """Leave this program beside the releases, for `boot`."""
        ours, kept = self._uploads / AGENT, self.root / AGENT
        if kept.is_symlink() or not kept.is_file() or files.sha256(kept) != files.sha256(ours):
            files.replace(kept, files.read(ours))

    def _untidy(self) -> bool:
        """Whether an interrupted deployment has left something."""
        kept = {(self.root / link).resolve().name for link in (CURRENT, PREVIOUS)}
        releases = {entry.name for entry in self._releases.iterdir()} if self._releases.is_dir() else set()
        staged = any(self._staging.iterdir()) if self._staging.is_dir() else False
        return bool(releases - kept) or staged or any(self.root.glob(".tmp-*"))

    def _describe(self, folder: Path, manifest: Mapping[str, Any], request: Mapping[str, Any]) -> None:
        """Put the service's program and what we know of the release beside the bundle's files."""
        program = str(request["service_sha256"])
        if program:
            with open(str(self._uploads / SERVICE), "rb") as source:  # noqa: PTH123
                files.copy(source, folder / SERVICE, files.SMALL_BYTES)
        told = {"name": folder.name, "digest": manifest["digest"], "title": manifest["name"], "service_sha256": program}
        files.write_new(folder / RELEASE, json.dumps(told).encode())
        files.sync_folder(folder)

    def _verify(self, folder: Path) -> dict[str, Any]:
        """Compare all that is in a release's folder with its manifest, its signature and what we know of it."""
        files.require_own(folder)
        present = set(files.walk(folder))
        if not {MANIFEST, RELEASE} <= present:
            raise Refused(f"{MANIFEST} or {RELEASE} is missing")
        manifest, told = files.parse_manifest(files.read(folder / MANIFEST)), _told_by(folder)
        wanted = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
        if told["service_sha256"]:
            wanted[SERVICE] = told["service_sha256"]
        for path in sorted(set(wanted) ^ (present - {MANIFEST, RELEASE, SIGNATURE})):
            raise Refused(f"{path} is missing" if path in wanted else f"{path!r} is not listed in the manifest")
        if told["digest"] != manifest["digest"] or told["name"] != folder.name:
            raise Refused(f"{RELEASE} tells of another release")
        for path, sha256 in sorted(wanted.items()):
            if files.sha256(folder / path) != sha256:
                raise Refused(f"{path} was altered: its SHA-256 is not the one in the manifest")
        signature = files.read(folder / SIGNATURE) if SIGNATURE in present else b""
        return self._keys.judge(signature, manifest["digest"], 0)

    def _is_whole(self, name: str) -> bool:
        """Whether a release verifies; no release does."""
        try:
            return not name or bool(self._verify(self._releases / name))
        except (Refused, OSError):
            return False

    def _told(self, link: str) -> dict[str, Any]:
        """A release for people; empty where there is none."""
        told: dict[str, Any] = {"whole": False}
        try:
            name = self._link(link)
            if not name:
                return {}
            told.update(self._release(name))
            told.update(self._verify(self._releases / name))
            told["whole"] = True
        except (Refused, OSError) as error:
            told["fault"] = str(error)
        return told

    def _release(self, name: str) -> dict[str, str]:
        return _told_by(self._releases / name)

    def _program(self, name: str) -> str:
        """The hash of the service's program in a release; empty for none."""
        return self._release(name)["service_sha256"] if name else ""

    def _link(self, link: str) -> str:
        """The name of the release that a link leads to; empty where there is no link."""
        try:
            target = os.readlink(str(self.root / link))  # noqa: PTH115  Path has it from 3.9
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise Refused(f"{self.root / link} was not made by a deployment: it is no link") from error
        folder, _, name = target.partition("/")
        if folder != self._releases.name or not NAME.fullmatch(name):
            raise Refused(f"{self.root / link} leads to {target[:80]!r}, which is no release")
        return name

    def _point(self, link: str, name: str) -> None:
        """Replace a link in one step; to no name, remove it."""
        if self._link(link) == name:
            return
        if name:
            temporary = self.root / f".tmp-{link}"
            files.remove(temporary)
            temporary.symlink_to(f"{self._releases.name}/{name}")
            os.replace(str(temporary), str(self.root / link))
        else:
            os.unlink(str(self.root / link))
        files.sync_folder(self.root)

    def _state(self) -> dict[str, Any]:
        """What was written down; nothing where that is lost or damaged."""
        try:
            record = json.loads(files.read(self.root / STATE))
        except (OSError, ValueError, RecursionError, Refused):
            return {}
        return record if isinstance(record, dict) else {}

    def _write_state(self, state: Mapping[str, Any]) -> None:
        files.replace(self.root / STATE, json.dumps(dict(state)).encode())


def _pending(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The switch that was written down and not confirmed; None for none, also where it makes no sense."""
    pending = state.get("pending")
    if not isinstance(pending, dict) or type(pending.get("serial")) is not int:
        return None
    names = [pending.get("to"), pending.get("from")]
    sound = all(isinstance(name, str) and (not name or NAME.fullmatch(name)) for name in names)
    return {**pending, "at": str(pending.get("at", ""))} if sound else None


def _floor(state: Mapping[str, Any]) -> int:
    """The highest serial that was accepted here."""
    serial = state.get("serial")
    return serial if type(serial) is int else 0


def _named(name: object) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refused(f"{str(name)[:80]!r} is no release's name")
    return name


def _told_by(folder: Path) -> dict[str, str]:
    try:
        record = json.loads(files.read(folder / RELEASE))
        return {key: str(record[key]) for key in ("name", "digest", "title", "service_sha256")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"the release {folder.name} is damaged: {error}") from error


def _content(folder: Path) -> dict[str, str]:
    """Path -> hash, of all but our own record, which holds the name."""
    return {path: files.sha256(folder / path) for path in files.walk(folder) if path != RELEASE}
