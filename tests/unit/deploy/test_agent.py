"""The agent as it runs on a board: what it takes, what it refuses, what it keeps."""

from __future__ import annotations

import ast
import dataclasses
import fcntl
import io
import json
import resource
import shutil
import signal
import stat
import subprocess
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.bundle import sign
from edgekit.bundle.manifest import FileEntry, Manifest
from edgekit.bundle.sign import make_keys, signed
from edgekit.core.files import sha256_bytes
from edgekit.deploy.agent import keys, protocol
from edgekit.deploy.agent.protocol import PACKAGE, SERVICE, Step
from edgekit.deploy.release import Release, agent_archive
from tests.unit.deploy.board_folder import BoardFolder, release

A, B = release("first"), release("second")
DEPLOYED = [
    Step.RECOVER,
    Step.VERIFY,
    Step.PLACE,
    Step.INTENT,
    Step.SWITCH,
    Step.RESTART,
    Step.HEALTH,
    Step.CONFIRM,
    Step.PRUNE,
]


def test_a_board_without_anything(board: BoardFolder) -> None:
    found = board.status()
    assert (found["current"], found["previous"], found["service"], found["key"]) == ({}, {}, "", "")
    assert not board.root.exists(), "status changes nothing"
    assert "no previous release" in board.rollback().error


def test_deploy_twice_and_roll_back(board: BoardFolder) -> None:
    staged = board.stage(A)
    assert staged.steps == (Step.RECOVER, Step.SIGNATURE, Step.UNPACK, Step.VERIFY)
    assert board.linked() == "", "staging switches nothing"
    reply = board.activate(A)
    assert reply.steps == tuple(DEPLOYED)
    assert reply.good()["health"] == "health not checked: no service is installed"
    board.deploy(B).good()
    assert (board.linked(), board.linked("previous")) == (B.name, A.name)
    found = board.status()
    assert (found["current"]["digest"], found["current"]["title"], found["current"]["whole"]) == (
        B.digest,
        "second",
        True,
    )
    assert (found["previous"]["digest"], found["since"]) == (A.digest, "2026-11-24T12:00:00Z")
    assert board.rollback().good()["release"] == A.name
    assert (board.linked(), board.linked("previous"), board.leftovers()) == (A.name, B.name, [])


def test_only_two_releases_stay(board: BoardFolder) -> None:
    for name in ("one", "two", "three", "four"):
        board.deploy(release(name)).good()
    assert board.leftovers() == []
    assert len(list((board.root / "releases").iterdir())) == 2


def test_the_same_release_again(board: BoardFolder) -> None:
    board.deploy(A).good()
    board.deploy(B).good()
    board.deploy(B).good()
    assert (board.linked(), board.linked("previous"), board.leftovers()) == (B.name, A.name, [])
    board.deploy(A).good()
    assert (board.linked(), board.linked("previous"), board.leftovers()) == (A.name, B.name, [])


def test_a_damaged_current_release_is_replaced_by_the_same_one(board: BoardFolder) -> None:
    board.deploy(A).good()
    (board.root / "current" / "model.tflite").write_bytes(b"worn out")
    found = board.status()["current"]
    assert (found["whole"], "model.tflite was altered" in found["fault"]) == (False, True)
    board.deploy(A).good()
    assert board.linked().startswith(A.name + "-")
    assert board.status()["current"]["whole"]


def test_rollback_to_nothing_and_only_from_a_named_release(board: BoardFolder) -> None:
    board.deploy(A).good()
    assert "no previous release" in board.rollback().error
    assert "another release" in board.rollback(leave=B.digest, empty=True).error
    assert board.rollback(leave=A.digest, empty=True).good()["release"] == ""
    assert (board.linked(), board.status()["current"]) == ("", {})
    board.deploy(B).good()
    assert board.linked() == B.name


def test_a_damaged_previous_release_is_not_returned_to(board: BoardFolder) -> None:
    board.deploy(A).good()
    board.deploy(B).good()
    (board.root / "previous" / "golden.npz").unlink()
    assert "golden.npz is missing" in board.rollback().error
    assert board.linked() == B.name


def test_two_deployments_never_mix(board: BoardFolder) -> None:
    board.deploy(A).good()
    with (board.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another deployment" in board.stage(B).error
    board.stage(B).good()
    board.stage(release("third")).good()
    assert "another deployment came between" in board.activate(B).error
    assert board.linked() == A.name


# What comes from strangers


def _entries(new: Release) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(new.package())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(entries: list[tuple[str | zipfile.ZipInfo, bytes]], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def _more(name: str) -> Callable[[Release], bytes]:
    return lambda new: _zip([*_entries(new).items(), (name, b"x")])


def _listed(path: str) -> Callable[[Release], bytes]:
    """A manifest that lists `path`, with a digest that fits."""

    def make(new: Release) -> bytes:
        manifest = new.bundle.manifest
        entry = FileEntry(path, sha256_bytes(b"x"), 1)
        evil = dataclasses.replace(manifest, files=(*manifest.files, entry)).sealed()
        return _zip([*{**_entries(new), "manifest.json": evil.to_bytes()}.items(), (path, b"x")])

    return make


def _link(new: Release) -> bytes:
    info = zipfile.ZipInfo("model.tflite")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return _zip(
        [(name, data) for name, data in _entries(new).items() if name != "model.tflite"] + [(info, b"/etc/passwd")]
    )


def _changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Release], bytes]:
    return lambda new: _zip([(n, change(d) if n == name else d) for n, d in _entries(new).items()])


def _without(name: str) -> Callable[[Release], bytes]:
    return lambda new: _zip([(n, d) for n, d in _entries(new).items() if n != name])


def _record(change: Callable[[dict[str, Any]], object]) -> Callable[[Release], bytes]:
    """A manifest whose record was changed without a new digest."""

    def make(data: bytes) -> bytes:
        record = json.loads(data)
        change(record)
        return json.dumps(record).encode()

    return _changed("manifest.json", make)


HOSTILE = {
    "up": _more("../evil"),
    "absolute": _more("/tmp/ek-evil"),
    "unlisted": _more("evil"),
    "folder": _more("evil/"),
    "listed up": _listed("../evil"),
    "listed absolute": _listed("/tmp/ek-evil"),
    "listed hidden": _listed(".ssh/authorized_keys"),
    "listed backslash": _listed("..\\evil"),
    "listed dollar": _listed("$(touch evil)"),
    "listed newline": _listed("a\nb"),
    "listed release.json": _listed("release.json"),
    "listed service.pyz": _listed("service.pyz"),
    "listed manifest": _listed("manifest.json"),
    "file as folder": _listed("model.tflite/x"),
    "link": _link,
    "twice": lambda new: _zip(
        [*_entries(new).items(), *[(n, d) for n, d in _entries(new).items() if n == "golden.npz"]]
    ),
    "compressed": lambda new: _zip(list(_entries(new).items()), zipfile.ZIP_DEFLATED),
    "no model": _without("model.tflite"),
    "no manifest": _without("manifest.json"),
    "altered model": _changed("model.tflite", lambda d: d[:-1] + bytes([d[-1] ^ 1])),
    "short model": _changed("model.tflite", lambda d: d[:-1]),
    "long model": _changed("model.tflite", lambda d: d + b"x"),
    "altered manifest": _record(lambda r: r.update(name="evil")),
    "other hash": _record(lambda r: r["files"][0].update(sha256="0" * 64)),
    "other digest": _record(lambda r: r.update(digest="0" * 64)),
    "no files": _record(lambda r: r.update(files=None)),
    "negative size": _record(lambda r: r["files"][0].update(size_bytes=-1)),
    "measured": _record(lambda r: r.update(measurements=[{"a": 1}])),
    "key twice": _changed("manifest.json", lambda d: d.replace(b'"schema"', b'"name": "evil", "schema"', 1)),
    "deep": _changed("manifest.json", lambda d: b"[" * 200_000),
    "no JSON": _changed("manifest.json", lambda d: d + b"}"),
    "no UTF-8": _changed("manifest.json", lambda d: b"\xff" + d),
    "truncated": lambda new: new.package()[:-30],
    "empty": lambda new: b"",
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_package_changes_nothing(board: BoardFolder, make: Callable[[Release], bytes]) -> None:
    board.deploy(A).good()
    before = sorted(p for p in board.home.rglob("*") if board.uploads not in p.parents)
    request = board.bring(B)
    (board.uploads / PACKAGE).write_bytes(make(B))
    reply = board.agent("stage", request)
    assert reply.error, reply.said
    assert "Traceback" not in reply.said
    assert sorted(p for p in board.home.rglob("*") if board.uploads not in p.parents) == before
    assert not Path("/tmp/ek-evil").exists()
    assert board.linked() == A.name
    board.deploy(B).good()


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "", "x" * 12, "aaaaaaaaaaaa/../b", 7, None])
def test_a_release_has_a_plain_name(board: BoardFolder, name: object) -> None:
    request = {**board.bring(A), "name": name}
    assert "is no release's name" in board.agent("stage", request).error
    assert "is no release's name" in board.agent("activate", {**request, "at": "", "health_s": 1}).error


def test_a_service_that_was_altered_on_the_way(board: BoardFolder) -> None:
    request = board.bring(A)
    (board.uploads / SERVICE).write_bytes(b"evil")
    assert "service.pyz was altered" in board.agent("stage", request).error
    assert board.leftovers() == []


def test_what_was_altered_after_staging_is_not_activated(board: BoardFolder) -> None:
    board.stage(A).good()
    (board.root / "staging" / A.name / "golden.npz").write_bytes(b"evil")
    assert "golden.npz was altered" in board.activate(A).error
    board.stage(A).good()
    (board.root / "staging" / A.name / "evil").symlink_to("/etc/passwd")
    assert "link" in board.activate(A).error
    assert board.linked() == ""


@pytest.mark.parametrize("target", ["/etc", "releases/../../..", "releases", "releases/a/b"])
def test_links_that_lead_elsewhere_are_not_followed(board: BoardFolder, target: str) -> None:
    board.deploy(A).good()
    (board.root / "current").unlink()
    (board.root / "current").symlink_to(target)
    assert "which is no release" in board.deploy(B).error if board.stage(B).result else True
    assert (board.root / "current").readlink() == Path(target)


def test_a_folder_in_place_of_the_link_is_left_alone(board: BoardFolder) -> None:
    (board.root / "current").mkdir(parents=True)
    (board.root / "current" / "mine").write_text("mine")
    board.stage(A).good()
    assert "is no link" in board.activate(A).error
    assert (board.root / "current" / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pending": 1}', '{"pending": {"to": "../x", "from": "", "serial": 0}}', '{"serial": "x"}']
)
def test_a_damaged_state_hinders_nothing(board: BoardFolder, text: str) -> None:
    board.deploy(A).good()
    (board.root / "state.json").write_text(text)
    assert board.status()["current"]["whole"]
    board.deploy(B).good()
    assert (board.linked(), board.linked("previous")) == (B.name, A.name)


# Signatures


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_keys(tmp_path / "key")
    return tmp_path / "key"


def _signed(new: Release, key: Path, serial: int) -> Release:
    return Release(signed(new.bundle, key, serial), new.service)


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that lacks the package `cryptography`."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return str(folder / "bin" / "python")


def _trust(board: BoardFolder, key: Path) -> str:
    return board.agent("trust", {"key": key.with_suffix(".pub").read_text()}).error


def test_the_two_sides_agree_on_what_is_signed() -> None:
    assert keys.PREFIX == sign.PREFIX
    assert protocol.SIGNATURE == "signature.json"


@pytest.mark.parametrize("program", [False, True], ids=["package", "openssl"])
def test_a_board_with_a_key_takes_only_what_it_signed(
    board: BoardFolder, key: Path, tmp_path: Path, program: bool, bare_python: str
) -> None:
    if program:
        board.python = bare_python
    board.deploy(A).good()
    assert _trust(board, key) == ""
    assert "is not signed" in board.stage(B).error
    make_keys(tmp_path / "other")
    assert "not by the key" in board.stage(_signed(B, tmp_path / "other", 9)).error
    forged = dataclasses.replace(B.bundle, signature=signed(A.bundle, key, 9).signature)
    assert "of another bundle" in board.stage(Release(forged, b"")).error
    altered = _signed(B, key, 9).bundle.signature.replace(b'"serial": 9', b'"serial": 99')
    assert "not by the key" in board.stage(Release(dataclasses.replace(B.bundle, signature=altered), b"")).error
    assert (board.linked(), board.leftovers()) == (A.name, [])
    board.deploy(_signed(B, key, 9)).good()
    assert board.status()["current"]["signature"] == f"signed by {sign.key_id(key.with_suffix('.pub'))}, serial 9"
    assert "is not signed" in board.rollback().error, "the one before was never signed"
    assert board.linked() == B.name


def test_an_older_signature_is_not_played_back(board: BoardFolder, key: Path) -> None:
    assert _trust(board, key) == ""
    old, new = _signed(A, key, 5), _signed(B, key, 6)
    board.deploy(old).good()
    board.deploy(new).good()
    board.deploy(new).good()
    assert "older (serial 5) than one that the board has accepted (6)" in board.stage(old).error
    assert board.rollback().good()["release"] == A.name, "a rollback is the owner's word, and only to what was accepted"
    assert "older" in board.stage(old).error
    board.deploy(_signed(A, key, 7)).good()
    assert board.linked().startswith(A.name)


def test_a_key_is_trusted_once(board: BoardFolder, key: Path, tmp_path: Path) -> None:
    assert "no Ed25519 public key" in board.agent("trust", {"key": "nonsense"}).error
    assert board.status()["key"] == ""
    assert (_trust(board, key), _trust(board, key)) == ("", "")
    make_keys(tmp_path / "other")
    assert "already, and takes no other" in _trust(board, tmp_path / "other")
    assert board.status()["key"] == sign.key_id(key.with_suffix(".pub"))
    assert [p.name for p in (board.home / ".config/edgekit").iterdir()] == ["deploy.pub"]


@pytest.mark.parametrize("damage", ["empty", "text", "link", "folder", "secret"])
def test_a_broken_key_is_not_no_key(board: BoardFolder, key: Path, damage: str) -> None:
    path = board.home / ".config/edgekit/deploy.pub"
    path.parent.mkdir(parents=True)
    if damage == "link":
        path.symlink_to("/nowhere")
    elif damage == "folder":
        path.mkdir()
    else:
        path.write_bytes({"empty": b"", "text": b"key", "secret": key.read_bytes()}[damage])
    for new in (A, _signed(A, key, 1)):
        assert "cannot be used" in board.stage(new).error
    assert "cannot be used" in board.status()["key"]
    assert "cannot be used" in _trust(board, key)


def test_nothing_to_verify_with_is_a_refusal(board: BoardFolder, key: Path, bare_python: str) -> None:
    board.python = bare_python
    assert _trust(board, key) == ""
    reply = board.stage(_signed(A, key, 1), environment={"PATH": str(board.home)})
    assert "neither Python's cryptography nor a working openssl" in reply.error
    (board.home / "openssl").write_text("#!/bin/sh\necho 'pkeyutl: Unknown option: -rawin'\nexit 1\n")
    (board.home / "openssl").chmod(0o755)
    assert "cannot verify Ed25519" in board.stage(_signed(A, key, 1), environment={"PATH": str(board.home)}).error


# The board


def test_a_full_disk_leaves_what_serves(board: BoardFolder) -> None:
    board.deploy(A).good()
    request = board.bring(B)

    def no_more() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails with EFBIG
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

    reply = board.agent("stage", request, preexec_fn=no_more)
    assert "the disk is full" in reply.error, reply.said
    assert (board.linked(), board.leftovers()) == (A.name, [])
    board.deploy(B).good()


@pytest.mark.parametrize("clock", [0.0, 2.0**31 + 5, 2.0**33])
def test_the_boards_clock_does_not_matter(board: BoardFolder, clock: float, tmp_path: Path, key: Path) -> None:
    assert _trust(board, key) == ""
    wrapper = tmp_path / "clock.py"
    wrapper.write_text(
        f"import runpy, sys, time\ntime.time = lambda: {clock!r}\ntime.time_ns = lambda: int({clock!r} * 1e9)\n"
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    board.python = str(tmp_path / "python")
    Path(board.python).write_text(f'#!/bin/sh\nshift\nexec {shutil.which("python3")} -I {wrapper} "$@"\n')
    Path(board.python).chmod(0o755)
    board.deploy(_signed(A, key, 1)).good()
    board.deploy(_signed(B, key, 2)).good()
    assert (board.linked(), board.status()["since"]) == (B.name, "2026-11-24T12:00:00Z")


def test_a_home_that_cannot_be_written(board: BoardFolder) -> None:
    (board.home / "edgekit").write_text("a file")
    assert "edgekit" in board.stage(A).error


def test_the_agent_is_python_3_8(board: BoardFolder) -> None:
    for name, data in _agent_modules().items():
        ast.parse(data, name, feature_version=(3, 8))
    old = _python_3_8()
    if old is None:
        pytest.skip("there is no Python 3.8 here")
    board.python = old
    board.deploy(A).good()
    board.deploy(B).good()
    assert board.rollback().good()["release"] == A.name


def _agent_modules() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(agent_archive())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _python_3_8() -> str | None:
    """One that runs: a shim of pyenv may only say that it does not."""
    places = [shutil.which("python3.8"), *map(str, Path.home().glob(".pyenv/versions/3.8.*/bin/python"))]
    for place in filter(None, places):
        if subprocess.run([place, "-c", ""], capture_output=True, check=False, timeout=60).returncode == 0:
            return place
    return None


def test_the_agent_is_the_same_bytes_each_time_and_needs_nothing_of_ours() -> None:
    assert agent_archive() == agent_archive()
    for name, data in _agent_modules().items():
        for node in ast.walk(ast.parse(data)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgekit"):
                assert str(node.module).startswith("edgekit.deploy.agent"), name


def test_a_release_is_what_its_digest_covers() -> None:
    manifest = Manifest.from_bytes(_entries(A)["manifest.json"])
    assert manifest.digest == A.digest
    assert "report.html" not in [entry.path for entry in manifest.files]
    assert manifest.measurements == ()
