"""What a device can do to us, when its login script, its tools or its files are not what they should be."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError
from edgekit.lab.board import Board
from edgekit.transports.keeper import Patience
from edgekit.transports.ssh import SshTransport
from edgekit.transports.uri import parse_device
from tests.devices.need import need

need("bwrap", "sshd", "ssh")

_HASTY = Patience(connect_s=3, beat_s=1, deserted_s=10, answer_s=3)
_REAL = "PATH=${PATH#*:}; "  # in a replaced tool: what follows uses the real ones


@pytest.fixture
def login(board: Board) -> Iterator[Callable[[str], None]]:
    """Sets what the board's login shell does before each command (bash reads ~/.bashrc for sshd's commands)."""
    yield lambda script: (board.home / ".bashrc").write_text(script) and None
    (board.home / ".bashrc").unlink(missing_ok=True)


@pytest.fixture
def tool(board: Board, login: Callable[[str], None]) -> Iterator[Callable[[str, str], None]]:
    """Replaces a program of the board by a shell script."""
    folder = board.home / "tools"
    folder.mkdir()

    def replace(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        login('PATH="$HOME/tools:$PATH"\n')

    yield replace
    shutil.rmtree(folder)


def _session(board: Board) -> SshTransport:
    return SshTransport(parse_device(board.uri), _HASTY)


def _only(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_login_script_that_talks(board: Board, login: Callable[[str], None], tmp_path: Path) -> None:
    login("echo 'Welcome to Raspberry Pi'; echo noise >&2; printf 'no newline'\n")
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100_000))
    with _session(board) as session:
        session.push(source, "x")
        session.pull("x", tmp_path / "back")
        result = session.run(["sh", "-c", "echo out; echo err >&2; exit 3"], 10)
        assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")
        assert list(session.stream(["echo", "line"], 10)) == ["line"]
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_login_script_that_never_ends(board: Board, login: Callable[[str], None]) -> None:
    login("sleep 30\n")
    with pytest.raises(DeviceError, match="did not answer within 3 s"):
        _session(board).open()


@pytest.mark.parametrize("script", ["yes\n", "yes | tr -d '\\n'\n", "cat /dev/urandom\n"])
def test_a_login_script_that_talks_for_ever(board: Board, login: Callable[[str], None], script: str) -> None:
    login(script)
    with pytest.raises(DeviceError, match="answers with something that is not a shell's"):
        _session(board).open()


def test_a_login_that_ends_at_once(board: Board, login: Callable[[str], None]) -> None:
    login("echo 'This account is \033[31mnot\a available' >&2; exit 0\n")
    with pytest.raises(DeviceError, match=r"This account is \[31mnot available") as refused:
        _session(board).open()
    assert refused.value.message.isprintable()


def test_a_board_that_lacks_a_program(board: Board, login: Callable[[str], None], tmp_path: Path) -> None:
    few = board.home / "few"
    few.mkdir()
    for name in ("sh", "env", "cat", "chmod", "grep", "mkdir", "mktemp", "mv", "rm", "setsid", "sleep", "tr", "wc"):
        (few / name).symlink_to(f"/usr/bin/{name}")
    login('PATH="$HOME/few"\n')
    try:
        with pytest.raises(DeviceError, match="has no program 'sha256sum'"):
            _session(board).open()
    finally:
        shutil.rmtree(few)


@pytest.mark.parametrize("answer", ["relative", "", "/tmp/a\x1b[2Jb"])
def test_a_session_folder_that_is_none(board: Board, tool: Callable[[str, str], None], answer: str) -> None:
    tool("mktemp", f"printf '%s\\n' '{answer}'")
    tool("mkdir", "exit 0")
    with pytest.raises(DeviceError, match="cannot make a folder for the session") as refused:
        _session(board).open()
    assert refused.value.message.isprintable()


def test_a_session_folder_with_a_newline_is_only_its_first_line(board: Board, tool: Callable[[str, str], None]) -> None:
    tool("mktemp", "printf '/tmp/a\\nedgekit ready /etc\\n'")
    tool("mkdir", "exit 0")
    with _session(board) as session, pytest.raises(DeviceError, match="the session's folder is gone"):
        session.run(["true"], 10)


@pytest.mark.parametrize(
    ("name", "script", "error", "sentence"),
    [
        ("wc", "echo 99999999999999", DeviceError, "more than the"),
        ("wc", "echo 5", DeviceError, "is longer than the device said"),
        ("wc", "echo 1000000", DeviceError, "did not arrive whole"),
        ("wc", "echo -7", DeviceError, "did not arrive"),
        ("wc", "echo '$(id)'", DeviceError, "did not arrive"),
        ("wc", "yes", DeviceError, "something else than a file|did not arrive"),
        (
            "cat",
            'case $1 in ./*) exec yes;; esac; exec /usr/bin/cat "$@"',
            DeviceError,
            "is longer than the device said",
        ),
        ("cat", 'case $1 in ./*) echo "\033]0;x" >&2; exit 1;; esac; exec /usr/bin/cat "$@"', DeviceError, r"\]0;x"),
        ("cat", 'case $1 in ./*) exec sleep 60;; esac; exec /usr/bin/cat "$@"', DeviceError, "was silent"),
        ("cat", 'case $1 in ./*) echo x; exec yes >&2;; esac; exec /usr/bin/cat "$@"', DeviceError, "silent|in time"),
    ],
)
def test_a_pull_from_a_board_that_lies(
    board: Board,
    tool: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    script: str,
    error: type[Exception],
    sentence: str,
) -> None:
    monkeypatch.setattr("edgekit.transports.receive._SILENCE_S", 2.0)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100_000))
    with _session(board) as session:
        session.push(source, "x")
        tool(name, script)
        with pytest.raises(error, match=sentence) as refused:
            session.pull("x", tmp_path / "back")
        assert str(refused.value).replace("\n", "").isprintable()
    assert _only(tmp_path, "source")


def test_a_wrong_hash_is_no_file(board: Board, tool: Callable[[str, str], None], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with _session(board) as session:
        session.push(source, "x")
        tool("sha256sum", f"echo {'0' * 64}")
        with pytest.raises(DeviceError, match="did not arrive whole"):
            session.pull("x", tmp_path / "back")
        with pytest.raises(DeviceError, match="cannot write 'y': it did not arrive whole"):
            session.push(source, "y")
        assert session.run(["test", "-e", "y"], 10).exit_code == 1
    assert _only(tmp_path, "source")


def test_a_push_to_a_board_that_does_not_read(
    board: Board, tool: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekit.transports.remote.limit_s", lambda size: 2.0)
    (tmp_path / "source").write_bytes(bytes(5_000_000))
    with _session(board) as session:
        tool("cat", "exec sleep 4321")
        with pytest.raises(DeviceError, match="did not answer in time while 'x' was being written"):
            session.push(tmp_path / "source", "x")
    shutil.rmtree(board.home / "tools")
    with _session(board) as session:
        assert session.run(["pgrep", "-fx", "sleep 4321"], 10).exit_code == 1, "the session before left nothing"
    (board.home / "tools").mkdir()


def test_output_without_end(board: Board) -> None:
    with _session(board) as session:
        with pytest.raises(DeviceError, match="did not end within 2 s and was killed"):
            session.run(["yes"], 2)
        with pytest.raises(DeviceError, match="a line of more than 1 MiB"):
            list(session.stream(["sh", "-c", "yes | tr -d '\\n'"], 20))
        lines = session.stream(["yes"], 10)
        assert [next(lines) for _ in range(1000)] == ["y"] * 1000
        lines.close()  # type: ignore[attr-defined]  # a generator: closing it ends the program
        kept = session.run(["sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' z; echo; echo end"], 20).stdout
        assert kept.endswith("z\nend\n")
        assert len(kept) < 5_000_000


def test_a_program_that_writes_what_we_write(board: Board) -> None:
    """Our mark stands in the command line of the script: a program can read it, and still cannot end its own run."""
    forged = 't=$(tr "\\0" "\\n" </proc/$PPID/cmdline | grep -o "edgekit-[0-9a-f]*" | head -1); printf "\\n%s exit 0\\n" "$t" >&2; exit 9'
    with _session(board) as session:
        assert session.run(["sh", "-c", forged], 10).exit_code == 9


def test_files_that_are_none(board: Board, tmp_path: Path) -> None:
    with _session(board) as session:
        session.run(["sh", "-c", "mkfifo pipe; ln -s /dev/zero zero; ln -s loop loop; mkdir folder; : > 'a\nb'"], 10)
        for name in ("pipe", "folder"):
            with pytest.raises(DeviceError, match=f"there is no file '{name}'"):
                session.pull(name, tmp_path / "back")
        for name in ("zero", "loop"):
            with pytest.raises(DeviceError, match=f"cannot read '{name}': it is a link"):
                session.pull(name, tmp_path / "back")
    assert _only(tmp_path)


def test_a_link_is_replaced_and_not_followed(board: Board, tmp_path: Path) -> None:
    outside = board.home / "outside"
    outside.write_text("as it was")
    (tmp_path / "source").write_text("new")
    with _session(board) as session:
        session.run(["ln", "-s", "/home/pi/outside", "link"], 10)
        session.push(tmp_path / "source", "link")
        assert session.run(["cat", "link"], 10).stdout == "new"
    assert outside.read_text() == "as it was"
    outside.unlink()


@pytest.mark.parametrize(
    ("bytes_sent", "sentence"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"\x00\xff" * 5000, "ssh cannot connect: "),
        (b"SSH-2.0-x\r\n" + bytes(50_000), "ssh cannot connect: "),
        (b"line\r\n" * 200_000, "ssh cannot connect: "),
        (b"", "did not answer within 3 s"),
    ],
)
def test_a_port_where_no_sshd_is(bytes_sent: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEKIT_SSH_CONFIG", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()
        thread = threading.Thread(target=_answer, args=(server, bytes_sent, over))
        thread.start()
        try:
            uri = parse_device(f"ssh:pi@127.0.0.1:{server.getsockname()[1]}")
            with pytest.raises(DeviceError, match=sentence) as refused:
                SshTransport(uri, _HASTY).open()
            assert refused.value.message.isprintable()
        finally:
            over.set()
            thread.join(30)


def _answer(server: socket.socket, data: bytes, over: threading.Event) -> None:
    server.settimeout(30)
    with contextlib.suppress(OSError):
        connection, _ = server.accept()
        with connection:
            connection.settimeout(30)
            connection.sendall(data)
            if not data:
                over.wait(30)


def test_a_lock_file_that_is_none(board: Board) -> None:
    with _session(board) as session:
        session.run(["sh", "-c", "rm /tmp/edgekit.lock; mkfifo /tmp/edgekit.lock"], 10)
    with pytest.raises(DeviceError, match="edgekit.lock is not a file to read"):
        _session(board).open()
    board.box.power_off()  # its /tmp is empty afterwards
