"""Boxes and native boards: what they let through, what they keep in, and how they end."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, UsageError
from edgekit.lab.board import Board, BoardOptions
from edgekit.lab.box import Bind, Box, BoxPlan, Memory, Towards
from edgekit.lab.raspberry import HAS_HAPPENED, THROTTLED
from edgekit.transports.lab_devices import start_of
from tests.devices.need import need

need("bwrap", "sshd", "ssh")

_ECHO = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
Server(("127.0.0.1", 7007), Echo).serve_forever()
"""


def _plan(*argv: str) -> BoxPlan:
    system = tuple(Bind(Path(os.path.realpath(f"/{name}")), f"/{name}") for name in ("usr", "bin", "lib", "lib64"))
    python = tuple(Bind(Path(name), name) for name in {sys.base_prefix, sys.prefix} - {"/usr"})
    return BoxPlan("echo", argv, 7007, (*system, Memory("/tmp"), *python), (("PATH", "/usr/bin:/bin"),))


def ssh(board: Board, command: str) -> subprocess.CompletedProcess[str]:
    words = ["ssh", "-F", str(board.ssh_config), "-o", "BatchMode=yes", "-p", str(board.box.port)]
    return subprocess.run([*words, "pi@127.0.0.1", command], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    log = tmp_path_factory.mktemp("echo") / "log"
    with Box(_plan(sys.executable, "-I", "-S", "-c", _ECHO), log) as box:
        yield box


def _call(box: Box) -> socket.socket:
    return socket.create_connection(("127.0.0.1", box.port), timeout=20)


def _receive(connection: socket.socket) -> bytes:
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    return data


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (chunk := connection.recv(count - len(data))):
        data += chunk
    return data


def test_bytes_go_through_whole_and_the_end_of_one_side_is_passed_on(echo: Box) -> None:
    data = os.urandom(300_000)
    with _call(echo) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        assert _receive(connection) == data


def test_a_slow_line_loses_nothing(echo: Box) -> None:
    echo.rate(200_000)
    with _call(echo) as connection:
        connection.sendall(b"x" * 20_000)
        connection.shutdown(socket.SHUT_WR)
        assert _receive(connection) == b"x" * 20_000
    echo.rate(0)


def test_a_line_drops_after_the_very_byte(echo: Box) -> None:
    echo.drop_after(1000, Towards.HOST)
    with _call(echo) as connection:
        connection.sendall(b"x" * 1000)
        assert _exactly(connection, 1000) == b"x" * 1000  # the fault strikes with the byte after them
        with pytest.raises(ConnectionResetError):
            connection.sendall(b"y" * 1000)
            while connection.recv(65536):
                pass
    with pytest.raises(ConnectionResetError), _call(echo) as connection:
        connection.recv(1)
    echo.plug()
    with _call(echo) as connection:
        connection.sendall(b"again")
        assert connection.recv(5) == b"again"


def test_a_line_falls_silent_and_goes_on_where_it_was(echo: Box) -> None:
    data = os.urandom(10_000)
    echo.stall_after(4000, Towards.HOST)
    with _call(echo) as connection:
        connection.sendall(data)
        assert _exactly(connection, 4000) == data[:4000]
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        echo.plug()
        assert _exactly(connection, 6000) == data[4000:]


def test_a_pulled_cable_resets_what_is_open(echo: Box) -> None:
    with _call(echo) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        echo.pull()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    echo.plug()


def test_the_network_of_a_box_is_its_own(echo: Box) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 7007), timeout=5)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    box = Box(_plan("/bin/sh", "-c", "echo no such disk >&2; exit 3"), tmp_path / "log")
    with pytest.raises(DeviceError, match="echo does not listen on its port 7007: no such disk"):
        box.start()
    assert not box.running()
    with pytest.raises(DeviceError, match="not started"):
        box.pull()
    box.stop()


def test_a_box_refuses_sockets_that_no_namespace_holds(board: Board) -> None:
    code = "import socket; socket.socket(socket.AF_VSOCK)"
    done = ssh(board, f'python3 -c "{code}"')
    assert "Address family not supported" in done.stderr
    assert done.returncode == 1


def test_a_board_is_a_user_without_rights_on_a_machine_of_its_own(board: Board) -> None:
    assert ssh(board, "id -un; hostname; cat /etc/edgekit-lab; ls ~").stdout.splitlines()[:2] == ["pi", "pi"]
    assert ssh(board, "cat /etc/edgekit-lab").stdout.startswith("emulated: ")
    assert ssh(board, "grep CapEff /proc/self/status").stdout.split() == ["CapEff:", "0" * 16]
    assert "Read-only file system" in ssh(board, "touch /usr/mine").stderr
    assert "Permission denied" in ssh(board, "mkdir -p shut && chmod 0 shut && touch shut/x").stderr
    assert ssh(board, "chmod 700 shut && rmdir shut").returncode == 0
    assert ssh(board, "ls /proc | grep -c '^[0-9]'").stdout.strip() != ""
    assert ssh(board, f"test -e {Path(__file__)}").returncode == 1


def test_a_board_has_the_runtime_and_a_bare_one_has_not(board: Board) -> None:
    assert ssh(board, "python3 -c 'import ai_edge_litert.interpreter'").returncode == 0
    with Board("native", BoardOptions(bare=True)) as bare:
        assert ssh(bare, "python3 -c 'import ai_edge_litert.interpreter'").returncode != 0


def test_only_a_known_key_opens_a_board(board: Board, tmp_path: Path) -> None:
    words = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={board.keys.known_hosts}"]
    words += ["-o", "IdentityAgent=none", "-o", "IdentityFile=none", "-p", str(board.box.port), "pi@127.0.0.1", "true"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "Permission denied (publickey)" in done.stderr) == (255, True)


def test_power_comes_back_with_the_same_files_port_and_key(board: Board) -> None:
    assert ssh(board, "echo kept > file; sync; (sleep 600 >/dev/null 2>&1 &) ; exit 4").returncode == 4
    port = board.box.port
    board.box.power_off()
    assert not board.box.running()
    assert ssh(board, "true").returncode == 255
    board.box.power_on()
    assert board.box.port == port
    done = ssh(board, "cat file; rm file; pgrep -c sleep")
    assert done.stdout.split() == ["kept", "0"]


def test_a_disk_can_be_small() -> None:
    with Board("native", BoardOptions(home_bytes=1 << 20)) as board:
        done = ssh(board, "head -c 900000 /dev/zero > a && head -c 900000 /dev/zero > b")
    assert "No space left on device" in done.stderr


def test_the_firmware_says_what_the_test_sets(board: Board) -> None:
    board.pi.set_temperature(81.6)
    board.pi.set_throttled(THROTTLED | THROTTLED << HAS_HAPPENED)
    board.pi.set_clock(600)
    board.pi.set_rails()
    said = ssh(board, "for w in measure_temp get_throttled 'measure_clock arm' nonsense; do vcgencmd $w; done").stdout
    assert said.splitlines() == [
        "temp=81.6'C",
        "throttled=0x40004",
        "frequency(48)=600000000",
        'error=1 error_msg="Command not registered"',
    ]
    rails = ssh(board, "vcgencmd pmic_read_adc").stdout
    assert "VDD_CORE_A current(7)=0.88209000A" in rails
    assert "VDD_CORE_V volt(15)=0.76251680V" in rails
    assert ssh(board, "cat /sys/class/thermal/thermal_zone0/temp").stdout == "81600\n"
    board.pi.set_rails(())
    board.pi.make()
    assert "not registered" in ssh(board, "vcgencmd pmic_read_adc").stdout


def test_everything_dies_with_the_process_that_made_it() -> None:
    code = (
        "import os, signal; from edgekit.lab.board import Board; b = Board('native'); b.start();"
        "print(b.box.pid, b.box._bwrap.pid, b.box._cable.pid, b.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    *pids, folder = done.stdout.split()
    assert done.returncode == -signal.SIGKILL
    assert [_ends(int(pid)) for pid in pids] == [True] * 3
    subprocess.run(["rm", "-rf", folder], check=True, timeout=20)


def _ends(pid: int) -> bool:
    """Whether a process, which is no child of ours, ends soon or is a zombie that nobody reaps."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20)[0]) or not start_of(pid)
    finally:
        os.close(handle)


def test_a_kind_of_board_that_is_none() -> None:
    with pytest.raises(UsageError, match="'amiga' is no kind of board"):
        Board("amiga")
