"""Links, foreign folders and open permissions where the agent keeps its releases, and hostile fleet files."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.unit.deploy.board_folder import BoardFolder, release
from tests.unit.deploy.test_raspberry_pi import _script

A, B = release("first"), release("second")


@pytest.fixture
def mine(board: BoardFolder) -> Path:
    """A folder of the person, which no deployment may touch."""
    folder = board.home / "mine"
    folder.mkdir()
    (folder / "photo").write_text("mine")
    return folder


@pytest.mark.parametrize("name", ["releases", "staging"])
def test_a_link_in_place_of_a_folder_is_refused(board: BoardFolder, mine: Path, name: str) -> None:
    board.root.mkdir()
    (board.root / name).symlink_to(mine)
    for reply in (board.stage(A), board.agent("tidy", {})):
        assert "it is a link or no folder" in reply.error
    assert [path.name for path in mine.iterdir()] == ["photo"]


def test_a_link_among_the_releases_is_removed_and_its_end_is_not(board: BoardFolder, mine: Path) -> None:
    board.deploy(A).good()
    (board.root / "releases" / "0123456789ab").symlink_to(mine)
    (board.root / "staging" / "0123456789ab").symlink_to(mine)
    board.deploy(B).good()
    assert (board.leftovers(), (mine / "photo").read_text()) == ([], "mine")


def test_a_release_that_is_a_link_is_not_whole(board: BoardFolder) -> None:
    board.deploy(A).good()
    board.deploy(B).good()
    outside = board.home / B.name
    shutil.move(board.root / "releases" / B.name, outside)
    (board.root / "releases" / B.name).symlink_to(outside)
    found = board.status()["current"]
    assert (found["whole"], "it is a link" in found["fault"]) == (False, True)
    board.deploy(B).good()
    assert board.linked().startswith(B.name + "-")


def test_a_file_that_was_changed_by_another_name_is_seen(board: BoardFolder) -> None:
    board.stage(A).good()
    other = board.home / "other"
    os.link(board.root / "staging" / A.name / "model.tflite", other)
    other.write_bytes(b"evil")
    assert "model.tflite was altered" in board.activate(A).error
    assert board.linked() == ""


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("name", ["state.json", ".tmp-state.json", ".tmp-current", "agent.pyz", ".tmp-agent.pyz"])
def test_nothing_is_written_through_a_link(board: BoardFolder, mine: Path, name: str, link: object) -> None:
    assert callable(link)
    board.root.mkdir()
    link(mine / "photo", board.root / name)
    board.deploy(A).good()
    assert (board.linked(), (mine / "photo").read_text()) == (A.name, "mine")


def test_a_lock_that_is_a_link_is_refused(board: BoardFolder, mine: Path) -> None:
    board.root.mkdir()
    (board.root / "lock").symlink_to(mine / "new")
    assert board.stage(A).error
    assert not (mine / "new").exists()


@pytest.mark.parametrize("target", ["mine", "../mine", "/etc", "releases/../../mine"])
def test_links_outside_are_neither_followed_nor_pruned(board: BoardFolder, mine: Path, target: str) -> None:
    board.deploy(A).good()
    for link in ("current", "previous"):
        (board.root / link).unlink(missing_ok=True)
        (board.root / link).symlink_to(target)
    assert "which is no release" in board.status()["current"]["fault"]
    assert "which is no release" in board.rollback().error
    assert "which is no release" in board.agent("tidy", {}).error
    assert "Traceback" not in board.boot().said
    assert (mine / "photo").read_text() == "mine"
    assert (board.root / "releases" / A.name).is_dir()


def test_nobody_else_may_write_where_releases_are(board: BoardFolder) -> None:
    board.root.mkdir()
    board.root.chmod(0o777)
    old = os.umask(0)
    try:
        board.deploy(A).good()
    finally:
        os.umask(old)
    (board.root / "staging").chmod(0o777)
    board.stage(B).good()
    paths = [board.root, *board.root.rglob("*")]
    assert [str(p) for p in paths if not p.is_symlink() and stat.S_IMODE(p.stat().st_mode) & 0o022] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(board: BoardFolder) -> None:
    board.deploy(A).good()
    os.chown(board.root / "staging", 12345, 12345)
    assert "belongs to another user" in board.stage(B).error
    assert board.linked() == A.name


SOUND = 'bundle = "b"\nboards = ["local"]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 50_000, "cannot read"),
        ("\0", "cannot read"),
        (SOUND + SOUND, "cannot read"),
        (SOUND.replace('"b"', '["b"]'), "'bundle' is unknown or of another type"),
        (SOUND.replace('"b"', '"a\\u0000b"'), "is no path"),
        (SOUND.replace('"b"', '"~no-such-user/b"'), "there is no home"),
        (SOUND + 'key = "a\\nb"\n', "is no path"),
        (SOUND + "canary = -1\n", "'canary' must be 0 to"),
        (SOUND + "canary = 0x" + "f" * 5000 + "\n", "'canary' must be 0 to"),
        (SOUND + "health_s = 0\n", "'health_s' must be 1 to 3600"),
        (SOUND + "health_s = nan\n", "'health_s' is unknown or of another type"),
        ('bundle = "b"\nboards = ["local", "local"]\n', "named twice"),
        ('bundle = "b"\nboards = [["local"]]\n', "is not a device"),
        ('bundle = "b"\nboards = [{a = 1}]\n', "is not a device"),
        ('bundle = "b"\nboards = [""]\n', "is not a device"),
        ('bundle = "b"\nboards = ["ssh:pi@-oProxyCommand=x"]\n', "is not a device"),
        ('bundle = "b"\nboards = ["ssh:pi@host;reboot"]\n', "is not a device"),
        ('bundle = "b"\nboards = ["ssh:pi@host\\n"]\n', "is not a device"),
        ('bundle = "b"\nboards = ["ssh:pi@host:99999"]\n', "is not a device"),
        ('bundle = "b"\nboards = ["ssh:$(id)@host"]\n', "is not a device"),
    ],
)
def test_a_hostile_fleet_file_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    done = _script(tmp_path / "fleet.toml", home=tmp_path)
    assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
