"""ssh as its users know it: their keys, agent, jump hosts and known hosts; and lines that break."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, MissingError, StorageError, UsageError
from edgekit.lab.board import Board, BoardOptions
from edgekit.lab.box import Towards
from edgekit.transports.keeper import Patience
from edgekit.transports.ssh import SshTransport, discover
from edgekit.transports.ssh_client import why
from edgekit.transports.uri import parse_device
from tests.devices.need import need

need("bwrap", "sshd", "ssh")

_HASTY = Patience(connect_s=10, beat_s=1, deserted_s=3, answer_s=2)
_WAIT_S = 60


def _session(board: Board, patience: Patience | None = None) -> SshTransport:
    return SshTransport(parse_device(board.uri), patience)


def _until(true: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + _WAIT_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def _sessions(board: Board) -> list[Path]:
    return list(board.home.glob(".edgekit-session.*"))


def _runs(board: Board, word: str) -> bool:
    """Whether a process of the box has `word` among its own words (the box shares our /proc)."""
    namespace = Path(f"/proc/{board.box.pid}/ns/pid").readlink()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns" / "pid").readlink() == namespace:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if word.encode() in words:
                    return True
        except OSError:  # ended in the meantime
            continue
    return False


@pytest.fixture
def config(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Writes the user's ssh configuration for this test; `{key}` and `{port}` are the board's."""

    def write(text: str) -> Path:
        path = tmp_path / "config"
        path.write_text(text.format(key=board.keys.user / "key", port=board.box.port, known=board.keys.known_hosts))
        monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(path))
        return path

    yield write


_KEY = "IdentityFile {key}\nIdentitiesOnly yes\nIdentityAgent none\nGlobalKnownHostsFile /dev/null\n"


@pytest.mark.parametrize("wish", ["", "StrictHostKeyChecking no\n", "StrictHostKeyChecking accept-new\n"])
def test_an_unknown_host_key(board: Board, config: Callable[[str], Path], tmp_path: Path, wish: str) -> None:
    known = tmp_path / "known_hosts"
    config(f"{wish}{_KEY}UserKnownHostsFile {known}\n")
    with pytest.raises(DeviceError, match="has a host key that you have not accepted yet") as refused:
        _session(board).open()
    assert f"`ssh -p {board.box.port} pi@127.0.0.1` once, compare the fingerprint" in refused.value.hint
    assert "\n" not in refused.value.message
    assert not known.exists()


@pytest.mark.parametrize("wish", ["", "StrictHostKeyChecking no\n"])
def test_a_changed_host_key(board: Board, config: Callable[[str], Path], tmp_path: Path, wish: str) -> None:
    known = tmp_path / "known hosts"
    other = (board.keys.user / "key.pub").read_text().split()[1]
    known.write_text(f"[127.0.0.1]:{board.box.port} ssh-ed25519 {other}\n")
    before = known.read_bytes()
    config(f'{wish}{_KEY}UserKnownHostsFile "{known}"\n')
    with pytest.raises(DeviceError, match="shows another host key than the one that you know") as refused:
        _session(board).open()
    assert f"ssh-keygen -f '{known}' -R '[127.0.0.1]:{board.box.port}'" in refused.value.hint
    assert known.read_bytes() == before


def test_a_key_that_the_board_does_not_take(board: Board, config: Callable[[str], Path]) -> None:
    config("IdentityFile /no/such/key\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {known}\n")
    with pytest.raises(DeviceError, match="does not let you in") as refused:
        _session(board).open()
    assert "ssh-copy-id" in refused.value.hint


def test_an_alias_of_the_configuration(board: Board, config: Callable[[str], Path]) -> None:
    config("Host pi4\n  HostName 127.0.0.1\n  Port {port}\n  User pi\n  UserKnownHostsFile {known}\n  " + _KEY)
    with SshTransport(parse_device("ssh:pi@pi4")) as session:
        assert session.run(["echo", "there"], 10).stdout == "there\n"
    (found,) = discover()
    assert (found.uri, found.usable) == ("ssh:pi@pi4", True)


def test_settings_that_would_be_in_the_way(board: Board, config: Callable[[str], Path], tmp_path: Path) -> None:
    config(
        "RequestTTY force\nRemoteCommand echo no\nControlMaster auto\nControlPath /dev/null/x\nControlPersist yes\n"
        "LogLevel DEBUG3\nLocalCommand touch " + f"{tmp_path}/local" + "\nPermitLocalCommand yes\nForwardAgent yes\n"
        "LocalForward 127.0.0.1:1 127.0.0.1:1\nExitOnForwardFailure yes\nUserKnownHostsFile {known}\n" + _KEY
    )
    with _session(board) as session:
        assert session.run(["sh", "-c", "echo out; echo err >&2"], 10).stderr == "err\n"
        assert session.run(["sh", "-c", 'echo "$SSH_AUTH_SOCK"'], 10).stdout == "\n"
    assert not (tmp_path / "local").exists()


def test_a_configuration_in_a_folder_with_an_odd_name(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / 'it\'s a "config" [1]*'
    odd.mkdir()
    (odd / "c").write_text(board.ssh_config.read_text())
    monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(odd / "c"))
    with _session(board) as session:
        assert session.run(["true"], 10).exit_code == 0
    monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(odd / "missing"))
    with pytest.raises(DeviceError, match="which is no file"):
        _session(board).open()


def test_the_users_agent(board: Board, config: Callable[[str], Path], tmp_path: Path) -> None:
    need("ssh-keygen")
    socket = Path(f"/tmp/edgekit-agent-{os.getpid()}")  # a socket's path must be short
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        assert _until(socket.exists)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", str(board.keys.user / "key")], env=environment, check=True, timeout=20)
        config(f"IdentityAgent {socket}\nIdentityFile /no/such/key\nUserKnownHostsFile {{known}}\n")
        with _session(board) as session:
            assert session.run(["id", "-un"], 10).stdout == "pi\n"
    finally:
        agent.kill()
        agent.wait()
        socket.unlink(missing_ok=True)


@pytest.fixture
def behind(board: Board, tmp_path: Path) -> Iterator[Board]:
    """A second board that only the first one reaches: at port 2300 of its own loopback."""
    with Board("native", BoardOptions(folder=tmp_path / "behind")) as second:
        words = ["ssh", "-F", str(board.ssh_config), "-p", str(board.box.port), "-o", "ExitOnForwardFailure=yes"]
        words += ["-N", "-R", f"2300:127.0.0.1:{second.box.port}", "pi@127.0.0.1"]
        tunnel = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        try:
            listens = f":{2300:04X} "
            assert _until(lambda: listens in Path(f"/proc/{board.box.pid}/net/tcp").read_text())
            yield second
        finally:
            tunnel.kill()
            tunnel.wait()


def _through(first: Board, second: Board, known_first: Path) -> str:
    return (
        f"Host far\n  HostName 127.0.0.1\n  Port 2300\n  ProxyJump pi@near\n  HostKeyAlias [127.0.0.1]:{second.box.port}\n"
        f"  IdentityFile {second.keys.user / 'key'}\n  UserKnownHostsFile {second.keys.known_hosts}\n"
        f"Host near\n  HostName 127.0.0.1\n  Port {first.box.port}\n  StrictHostKeyChecking no\n"
        f"  IdentityFile {first.keys.user / 'key'}\n  UserKnownHostsFile {known_first}\n"
        "Host *\n  IdentitiesOnly yes\n  IdentityAgent none\n"
    )


def test_a_jump_host(board: Board, behind: Board, config: Callable[[str], Path], tmp_path: Path) -> None:
    config(_through(board, behind, board.keys.known_hosts))
    (tmp_path / "x").write_bytes(os.urandom(100_000))
    with SshTransport(parse_device("ssh:pi@far")) as session:
        session.push(tmp_path / "x", "x")
        session.pull("x", tmp_path / "y")
        assert [path.name for path in _sessions(behind)], "the session is on the second board"
        assert not _sessions(board)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_a_jump_host_with_an_unknown_key(
    board: Board, behind: Board, config: Callable[[str], Path], tmp_path: Path
) -> None:
    config(_through(board, behind, tmp_path / "empty"))
    with pytest.raises(DeviceError, match=r"has a host key that you have not accepted yet \(for \[127\.0\.0\.1\]"):
        SshTransport(parse_device("ssh:pi@far")).open()
    assert not (tmp_path / "empty").exists()


def test_a_line_that_breaks_in_mid_pull(board: Board, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(os.urandom(2_000_000))
    with _session(board) as session:
        session.push(tmp_path / "x", "x")
        board.box.drop_after(1_000_000, Towards.HOST)
        with pytest.raises(DeviceError, match="the connection was lost while 'x' was being read"):
            session.pull("x", tmp_path / "y")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_board_ends_what_is_ours_when_the_line_breaks(board: Board) -> None:
    with _session(board) as session:
        lines = session.stream(["sh", "-c", "setsid sleep 1234 & echo on; sleep 2345"], 60)
        assert next(lines) == "on"
        assert _until(lambda: _runs(board, "1234"))
        board.box.pull()
        with pytest.raises(DeviceError, match="the connection was lost"):
            list(lines)
    assert _until(lambda: not _runs(board, "1234") and not _runs(board, "2345"))
    assert _until(lambda: not _sessions(board))


def test_a_line_that_falls_silent(board: Board, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(os.urandom(500_000))
    with _session(board, _HASTY) as session:
        board.box.stall_after(100_000)
        with pytest.raises(DeviceError, match="the connection was lost while 'x' was being written"):
            session.push(tmp_path / "x", "x")
        assert _until(lambda: not _sessions(board)), "the board hears no sign of life and clears up by itself"


def test_time_is_up_on_a_silent_line(board: Board) -> None:
    with _session(board, _HASTY) as session:
        session.run(["true"], 10)
        board.box.stall_after(0)
        with pytest.raises(DeviceError, match="did not end within 1 s and the device does not answer"):
            session.run(["sleep", "60"], 1)


def test_a_session_whose_owner_is_killed(board: Board) -> None:
    program = (
        "import sys; from edgekit.transports.ssh import SshTransport; from edgekit.transports.uri import parse_device\n"
        "session = SshTransport(parse_device(sys.argv[1])); session.open()\n"
        "print(next(session.stream(['sh', '-c', 'echo on; sleep 3456'], 60)), flush=True); session.run(['sleep', '4567'], 60)"
    )
    scratch = tempfile.mkdtemp(prefix="edgekit-")  # a killed process leaves its temporary files
    environment = {**os.environ, "TMPDIR": scratch}
    owner = subprocess.Popen([sys.executable, "-c", program, board.uri], stdout=subprocess.PIPE, env=environment)
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"on\n"
        assert _until(lambda: _runs(board, "4567"))
        owner.send_signal(signal.SIGKILL)
        assert _until(lambda: not _runs(board, "4567") and not _runs(board, "3456") and not _sessions(board))
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()  # type: ignore[union-attr]  # it is a pipe
        shutil.rmtree(scratch, ignore_errors=True)  # the ssh that was left alone takes its socket away meanwhile
    with _session(board) as session:
        assert session.run(["true"], 10).exit_code == 0


def test_programs_that_leave_their_group_are_ended(board: Board) -> None:
    with _session(board) as session:
        with pytest.raises(DeviceError, match="was killed"):
            session.run(["sh", "-c", "setsid sleep 5678 & sleep 60"], 1)
        assert not _runs(board, "5678")
        session.run(["sh", "-c", "setsid sleep 6789 >/dev/null 2>&1 </dev/null & exit 0"], 10)
    assert not _runs(board, "6789"), "what a session started does not outlive it"


def test_what_a_power_cut_left_is_cleared(board: Board, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with _session(board) as session:
        session.push(tmp_path / "x", "x")
        board.box.power_off()
        with pytest.raises(DeviceError, match="the connection was lost"):
            session.run(["true"], 10)
    (left,) = _sessions(board)
    board.box.power_on()
    with _session(board) as session:
        assert left not in _sessions(board)
        assert session.run(["test", "-e", "x"], 10).exit_code == 1


def test_a_full_disk_does_not_keep_programs_from_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Board("native", BoardOptions(folder=tmp_path / "board", home_bytes=2_000_000)) as small:
        monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(small.ssh_config))
        with _session(small, _HASTY) as session:
            filled = session.run(["sh", "-c", "cat /dev/zero > full"], 30)
            assert "No space left" in filled.stderr
            time.sleep(4)  # longer than a session lives without a sign of life
            assert session.run(["echo", "on"], 10).stdout == "on\n"
            with pytest.raises(DeviceError, match="cannot write 'x': .*No space left on device"):
                session.push(small.ssh_config, "x")
            with pytest.raises(DeviceError, match="was killed"):
                session.run(["sleep", "60"], 1)
            assert session.run(["rm", "full"], 10).exit_code == 0
            session.push(small.ssh_config, "x")


def test_a_file_keeps_its_mode(board: Board, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho it runs\n")
    program.chmod(0o755)
    with _session(board) as session:
        session.push(program, "sub/program")
        assert session.run(["./sub/program"], 10).stdout == "it runs\n"


def test_nothing_stays_on_this_side(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path / "short", tmp_path / ("long" * 30)):  # a socket's path has a limit
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        with _session(board) as session:
            assert session.run(["true"], 10).exit_code == 0
        assert list(folder.iterdir()) == []
    board.box.pull()
    with pytest.raises(DeviceError, match=r"ssh:pi@127\.0\.0\.1"):
        _session(board).open()
    assert list(folder.iterdir()) == []


def test_the_client_is_killed_in_mid_run(board: Board) -> None:
    with _session(board) as session:
        lines = session.stream(["sh", "-c", "echo on; sleep 7890"], 60)
        assert next(lines) == "on"
        for client in _clients(board):
            os.kill(client, signal.SIGKILL)
        with pytest.raises(DeviceError, match="the connection was lost"):
            list(lines)
    assert _until(lambda: not _runs(board, "7890") and not _sessions(board))


def _clients(board: Board) -> list[int]:
    """The ssh processes of ours that lead to the board."""
    port = str(board.box.port).encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:  # ended in the meantime
            continue
        if words[0].endswith(b"/ssh") and port in words:
            found.append(int(entry.name))
    return found


def test_no_room_for_temporary_files_here(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _session(board) as session:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
        with pytest.raises(StorageError, match="cannot write a temporary file"):
            session.run(["true"], 10)
        with pytest.raises(StorageError, match="cannot make a private folder for ssh"):
            _session(board).open()


def test_no_ssh_here(board: Board, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="ssh is not installed"):
        _session(board).open()
    assert discover() == ()


def test_nothing_listens_and_no_such_name(board: Board) -> None:
    port = board.box.port
    board.box.power_off()
    with pytest.raises(DeviceError, match=f"ssh:pi@127.0.0.1:{port}"):
        _session(board).open()
    with pytest.raises(DeviceError, match=r"is not known by that name \(no-such-host.invalid\)"):
        SshTransport(parse_device("ssh:pi@no-such-host.invalid")).open()


@pytest.mark.parametrize(
    "text",
    [
        "ssh:-oProxyCommand=touch x@host",
        "ssh:pi@-oProxyCommand=id",
        "ssh:$(id)@host",
        "ssh:pi@host;id",
        "ssh:pi@host`id`",
        "ssh:pi@ho st",
        "ssh:pi@host\n",
        "ssh:pi@host:22:22",
        "ssh:pi@%h",
        "ssh:p%u@host",
        "ssh:pi@host:0",
        "ssh:pi@[::1%eth0]",
    ],
)
def test_hostile_hosts_and_users_are_no_devices(text: str) -> None:
    with pytest.raises(UsageError, match="is not a device"):
        parse_device(text)


def test_what_ssh_said_is_one_printable_sentence() -> None:
    said = "\x1b[31mNo ED25519 host key is known for a\x07b and you have requested strict checking.\nHost key\n"
    error = why(parse_device("ssh:pi@board"), said)
    assert error.message == "ssh:pi@board has a host key that you have not accepted yet (for ab)"
    assert why(parse_device("ssh:pi@board"), "x\n\x1b]0;title\x07 odd\n\n").message == (
        "ssh:pi@board: ssh cannot connect: ]0;title odd"
    )
