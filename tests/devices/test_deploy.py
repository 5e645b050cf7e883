"""Deployment over a real sshd: every step cut, canaries, keys, a full disk, the real service."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.bundle.pack import packed
from edgekit.bundle.sign import make_keys, signed
from edgekit.core.errors import DeviceError
from edgekit.deploy.agent.protocol import Step
from edgekit.deploy.fleet import deploy_fleet, worst
from edgekit.deploy.install import DeployOptions, Outcome, State, deploy_to, roll_back, status_of
from edgekit.deploy.release import Release
from edgekit.deploy.site import Status
from edgekit.lab.board import Board, BoardOptions
from edgekit.service.pack import pack_service
from edgekit.transports.uri import DeviceUri, parse_device
from tests.cli.run import edgekit, said
from tests.devices.need import need
from tests.unit.deploy.board_folder import BoardFolder, bundle, named, release, until, wrong_release

A, B, C = release("first"), release("second"), release("third")
QUICK = DeployOptions(health_s=20)
ON_A_BOARD = [s for s in Step if s is not Step.REVERT]


@pytest.fixture
def clean(board: Board) -> Iterator[Board]:
    """A board that has never been deployed to."""
    for folder in ("edgekit", ".config"):
        shutil.rmtree(board.home / folder, ignore_errors=True)
    yield board


def _deploy(board: Board, new: Release, options: DeployOptions = QUICK) -> Outcome:
    return deploy_to(parse_device(board.uri), new, None, options)


def _status(board: Board) -> Status:
    return status_of(parse_device(board.uri), QUICK)


def _current(board: Board) -> str:
    """The digest of what the board runs, which must be whole."""
    found = _status(board).current
    assert found is not None
    assert found.whole, found.fault
    return found.digest


def test_the_commands(clean: Board, tmp_path: Path) -> None:
    bundle(tmp_path / "a", named("first"))
    bundle(tmp_path / "b", named("second"))
    device, cache = ["--device", clean.uri], tmp_path / "c"
    done = edgekit("deploy", tmp_path / "a", *device, "--runs", 20, "--json", tmp_path / "out.json", cache=cache)
    assert done.returncode == 0, done.stderr
    (record,) = json.loads((tmp_path / "out.json").read_text())["results"]
    assert (record["state"], record["release"]) == ("deployed", A.name)
    assert "outputs right" in record["check"]
    assert "not judged: latency_p90_ms" in record["check"], "the lab's boards are emulated"
    assert "no service is installed" in record["health"]
    again = edgekit("deploy", tmp_path / "a", *device, cache=cache)
    assert (again.returncode, "runs it already" in again.stdout) == (0, True)
    over = edgekit("deploy", tmp_path / "b", *device, "--runs", 20, "--budget", "ram_kib=0.001", cache=cache)
    assert (over.returncode, "ram_kib" in said(over)) == (4, True)
    fast = ["--budget", "latency_p90_ms=0.00001", "--accept-emulated"]
    over = edgekit("deploy", tmp_path / "b", *device, "--runs", 20, *fast, cache=cache)
    assert (over.returncode, "latency_p90_ms" in said(over)) == (4, True)
    assert _current(clean) == A.digest
    assert edgekit("deploy", tmp_path / "b", *device, "--runs", 20, cache=cache).returncode == 0
    shown = edgekit("status", *device, cache=cache).stdout
    assert f"{B.name} second" in shown
    assert f"{A.name} first" in shown
    assert edgekit("rollback", *device, cache=cache).returncode == 0
    assert _current(clean) == A.digest


def test_a_wrong_answer_stops_a_deployment(clean: Board, tmp_path: Path) -> None:
    wrong = wrong_release()
    device = ["--device", clean.uri]
    (tmp_path / "wrong.edgekit").write_bytes(packed(wrong.bundle))
    done = edgekit("deploy", tmp_path / "wrong.edgekit", *device, "--runs", 5, cache=tmp_path / "c")
    assert (done.returncode, "computes something else" in said(done)) == (5, True)
    assert _status(clean).current is None


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files of a board on the second release, with the first one as its previous."""
    made, folder = BoardFolder(), tmp_path_factory.mktemp("before") / "edgekit"
    made.deploy(A).good()
    made.deploy(B).good()
    shutil.copytree(made.root, folder, symlinks=True)
    made.remove()
    yield folder


@pytest.mark.parametrize("step", ON_A_BOARD)
def test_power_is_cut_at_every_step(clean: Board, before: Path, step: Step) -> None:
    files = BoardFolder(clean.home)
    files.copy_from(before)

    def cut(device: DeviceUri, seen: Step) -> None:
        if seen is step and clean.box.running():
            clean.box.power_off()

    with contextlib.suppress(DeviceError):
        _deploy(clean, C, DeployOptions(health_s=20, seen=cut))
    assert not clean.box.running()
    assert files.linked() in (B.name, C.name)
    clean.box.power_on()
    assert _deploy(clean, C).state in (State.DEPLOYED, State.ALREADY)
    assert (files.linked(), files.linked("previous"), files.leftovers()) == (C.name, B.name, [])


@pytest.mark.parametrize("step", [Step.UNPACK, Step.PLACE, Step.SWITCH, Step.HEALTH, Step.PRUNE])
def test_the_cable_is_pulled_at_a_step(clean: Board, before: Path, step: Step) -> None:
    files = BoardFolder(clean.home)
    files.copy_from(before)

    def cut(device: DeviceUri, seen: Step) -> None:
        if seen is step:
            clean.box.pull()

    with contextlib.suppress(DeviceError):
        _deploy(clean, C, DeployOptions(health_s=20, seen=cut))
    assert files.linked() in (B.name, C.name)
    clean.box.plug()
    if step in (Step.SWITCH, Step.HEALTH, Step.PRUNE):  # the board settles it by itself
        until(lambda: files.linked() == C.name and not files.leftovers())
        assert json.loads((files.root / "state.json").read_text())["pending"] is None
    assert _deploy(clean, C).state in (State.DEPLOYED, State.ALREADY)
    assert (files.linked(), files.linked("previous"), files.leftovers()) == (C.name, B.name, [])


@pytest.mark.parametrize("count", [2_000, 20_000, 45_000, 70_000])
def test_the_line_breaks_while_the_release_is_brought(clean: Board, before: Path, count: int) -> None:
    files = BoardFolder(clean.home)
    files.copy_from(before)
    clean.box.drop_after(count)
    with contextlib.suppress(DeviceError):
        _deploy(clean, C)
    clean.box.plug()
    assert files.linked() in (B.name, C.name)
    assert _deploy(clean, C).state in (State.DEPLOYED, State.ALREADY)
    assert (files.linked(), files.linked("previous"), files.leftovers()) == (C.name, B.name, [])


def test_two_deployments_at_once_never_mix(clean: Board) -> None:
    _deploy(clean, A)
    ended: list[object] = []

    def run(new: Release) -> None:
        try:
            ended.append(_deploy(clean, new).state)
        except DeviceError as error:
            ended.append(error.message)

    threads = [threading.Thread(target=run, args=(new,)) for new in (B, C)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert State.DEPLOYED in ended
    assert all(e is State.DEPLOYED or "in use by another edgekit session" in str(e) for e in ended), ended
    assert _current(clean) in (B.digest, C.digest)


def test_a_board_that_trusts_a_key(clean: Board, tmp_path: Path) -> None:
    bundle(tmp_path / "a", named("first"))
    bundle(tmp_path / "b", named("second"))
    make_keys(tmp_path / "key")
    make_keys(tmp_path / "other")
    device, cache = ["--device", clean.uri, "--no-check", "--no-service"], tmp_path / "c"
    trust = ["--trust-key", tmp_path / "key.pub"]
    done = edgekit("deploy", tmp_path / "a", *device, *trust, cache=cache)
    assert (done.returncode, "is not signed" in said(done)) == (5, True)
    done = edgekit("deploy", tmp_path / "a", *device, "--key", tmp_path / "other", cache=cache)
    assert (done.returncode, "not by the key" in said(done)) == (5, True)
    assert (
        edgekit("bundle", "sign", tmp_path / "a", "--key", tmp_path / "key", "--serial", 1, cache=cache).returncode == 0
    )
    assert edgekit("deploy", tmp_path / "a", *device, cache=cache).returncode == 0
    assert edgekit("deploy", tmp_path / "b", *device, "--key", tmp_path / "key", cache=cache).returncode == 0
    assert not (tmp_path / "b" / "signature.json").exists()
    done = edgekit("deploy", tmp_path / "a", *device, cache=cache)
    assert (done.returncode, "older (serial 1)" in said(done)) == (5, True)
    done = edgekit("deploy", tmp_path / "a", *device, "--trust-key", tmp_path / "other.pub", cache=cache)
    assert (done.returncode, "takes no other" in said(done)) == (5, True)
    assert "signed by" in edgekit("status", "--device", clean.uri, cache=cache).stdout


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("bwrap", "sshd", "ssh")
    with Board("native", BoardOptions(folder=tmp_path / "board", home_bytes=1_000_000)) as small:
        monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(small.ssh_config))
        _deploy(small, A)
        for left in (0, 8_192, 40_000, 70_000):
            _ssh(small, f"rm -f filler; cat /dev/zero > filler; truncate -s -{left} filler; true")
            with pytest.raises(DeviceError):
                _deploy(small, B)
            _ssh(small, "rm filler")
            assert _current(small) == A.digest
        _deploy(small, B)
        assert _current(small) == B.digest


@contextlib.contextmanager
def _serving(board: Board) -> Iterator[None]:
    """The service of the release that was deployed, in the board, as its unit starts it."""
    words = (
        "exec python3 edgekit/current/service.pyz --release edgekit/current --socket edgekit/service.sock --threads 1"
    )
    ssh = ["ssh", "-F", str(board.ssh_config), "-p", board.uri.rpartition(":")[2], "pi@127.0.0.1", words]
    process = subprocess.Popen(
        ssh, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        yield
    finally:
        _ssh(board, "pkill -TERM -f service[.]pyz; rm -f edgekit/service.sock; true")
        process.kill()
        process.wait(10)
        process.stdout.close()  # type: ignore[union-attr]


def _ssh(board: Board, words: str) -> str:
    ssh = ["ssh", "-F", str(board.ssh_config), "-p", board.uri.rpartition(":")[2], "pi@127.0.0.1", words]
    return subprocess.run(ssh, check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_real_service_judges(clean: Board) -> None:
    program = pack_service()
    _deploy(clean, release("first", program))
    with _serving(clean):
        done = _deploy(clean, release("second", program))
        assert (done.state, done.health) == (State.DEPLOYED, "healthy")
        bad = wrong_release()
        with pytest.raises(DeviceError, match=r"the service refused it.*rolled back to .* \(healthy\)"):
            _deploy(clean, Release(bad.bundle, program))
        assert (_current(clean), _status(clean).service) == (B.digest, "healthy")
        assert roll_back(parse_device(clean.uri), QUICK).health == "healthy"
    assert _current(clean) == A.digest


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Board, ...]]:
    """Three boards."""
    need("bwrap", "sshd", "ssh")
    with contextlib.ExitStack() as stack:
        boards = tuple(stack.enter_context(Board("native")) for _ in range(3))
        (tmp_path / "config").write_text("\n".join(b.ssh_config.read_text() for b in boards))
        monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(tmp_path / "config"))
        yield boards


def _fleet(boards: tuple[Board, ...], new: Release, canaries: int) -> tuple[Outcome, ...]:
    return deploy_fleet(
        [parse_device(b.uri) for b in boards],
        lambda device: deploy_to(device, new, None, QUICK),
        lambda outcome: roll_back(outcome.device, QUICK, new.digest, outcome.first),
        canaries,
    )


def test_a_fleet_and_its_canaries(three: tuple[Board, ...], tmp_path: Path) -> None:
    make_keys(tmp_path / "key")
    assert [o.state for o in _fleet(three, A, 1)] == [State.DEPLOYED] * 3
    assert [o.state for o in _fleet(three, A, 1)] == [State.ALREADY] * 3
    for board, home in ((b, b.home / ".config" / "edgekit") for b in three[1:2]):
        home.mkdir(parents=True)
        (home / "deploy.pub").write_bytes((tmp_path / "key.pub").read_bytes())
        assert board.box.running()
    outcomes = _fleet((three[1], three[0], three[2]), B, 1)  # the canary takes no unsigned bundle
    assert [o.state for o in outcomes] == [State.FAILED, State.SKIPPED, State.SKIPPED]
    outcomes = _fleet(three, B, 2)  # the first canary passes, the second does not: the first goes back
    assert [o.state for o in outcomes] == [State.ROLLED_BACK, State.FAILED, State.SKIPPED]
    assert [b.home.joinpath("edgekit/current").readlink().name for b in three] == [A.name] * 3
    outcomes = _fleet(three, B, 1)  # the canary passes, one of the rest does not: the others stay deployed
    assert [o.state for o in outcomes] == [State.DEPLOYED, State.FAILED, State.DEPLOYED]
    assert worst(outcomes) == 5
    three[2].box.power_off()
    outcomes = _fleet(three, Release(signed(C.bundle, tmp_path / "key"), C.service), 1)
    assert [o.state for o in outcomes] == [State.DEPLOYED, State.DEPLOYED, State.FAILED]


def test_a_board_that_is_not_there(clean: Board, tmp_path: Path) -> None:
    bundle(tmp_path / "a", named("first"))
    clean.box.power_off()
    start = time.monotonic()
    for words in (["deploy", tmp_path / "a"], ["status"], ["rollback"]):
        done = edgekit(*words, "--device", clean.uri, cache=tmp_path / "c")
        assert (done.returncode, clean.uri in said(done)) == (5, True)
    assert time.monotonic() - start < 120


def test_devices_that_take_no_releases(tmp_path: Path) -> None:
    bundle(tmp_path / "a", named("first"))
    for device in ("adb:phone", "serial:/dev/ttyACM0", "qemu:mps2-an386"):
        done = edgekit("deploy", tmp_path / "a", "--device", device, cache=tmp_path / "c")
        assert (done.returncode, "Linux boards" in said(done)) == (2, True)
