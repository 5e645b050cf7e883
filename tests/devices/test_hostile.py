"""What a device writes and what names say is not believed: nothing of it is loaded, run or shown as it is."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import stat
import sys
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.bundle.manifest import MANIFEST
from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.cli.check import Judging, gates_of
from edgekit.cli.main import cli, exit_code_of
from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.progress import Silent
from edgekit.data.dataset import open_dataset
from edgekit.lab.board import Board
from edgekit.measure.answer import outputs
from edgekit.measure.check import check_open
from edgekit.measure.evaluation import EvaluationSamples
from edgekit.measure.gates import evaluate_gates
from edgekit.measure.measurement import Measurement
from edgekit.measure.options import CheckOptions
from edgekit.report.html_device import latency_section
from edgekit.report.text import render_measurement
from edgekit.targets.target import Budget
from edgekit.transports.base import Transport
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import parse_device
from edgekit.verify.npz import write_npz
from tests.devices.need import need
from tests.unit.bundle.content import content

need("bwrap", "sshd", "ssh")

ESCAPES = "\x1b]0;x\x07\x9b31m\u202e<script>alert(1)</script>"
SHARP = "$(touch PWNED);`touch PWNED`|'\"&>PWNED\n% -x"
LIMIT = Budget(latency_p90_ms=1e9, ram_kib=1e9, energy_mj=1e9)

# The board's python does its work once; afterwards it says again what it said then, and what `lies` holds instead.
_LIAR = """#!/bin/sh
case "$*" in
*probe_worker.py) exec cat /home/pi/honest/probe;;
*"worker.py request.json")
    cp /home/pi/honest/result.json /home/pi/honest/outputs.npz . && cp /home/pi/lies/* . 2>/dev/null
    cd /home/pi/lies
    [ ! -e said ] || { cat said >&2; exit 1; }
    [ ! -e holes ] || truncate -s 40000000000 "$OLDPWD/$(cat holes)"
    exit 0;;
*) echo 3.11.2;;
esac
"""


@dataclass(frozen=True, slots=True)
class Liar:
    """A board whose interpreter lies, through a session that is open."""

    board: Board
    bundle: Bundle
    transport: Transport

    def check(self, lies: dict[str, bytes]) -> Measurement:
        """What a check makes of it that the worker wrote these files in place of its own."""
        folder = self.board.home / "lies"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in lies.items():
            (folder / name).write_bytes(data)
        options = CheckOptions(runs=10, profile=False, python="~/liar", timeout_s=30)
        return check_open(self.bundle, parse_device(self.board.uri), self.transport, options, Silent())

    def refused(self, lies: dict[str, bytes]) -> DeviceError:
        """Its error: one printable line, not long."""
        with pytest.raises(DeviceError) as caught:
            self.check(lies)
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 400
        return caught.value

    def result(self, **changes: object) -> dict[str, bytes]:
        """The honest result with other values."""
        honest = json.loads((self.board.home / "honest/result.json").read_text())
        return {"result.json": json.dumps({**honest, **changes}).encode()}


@pytest.fixture(scope="module")
def liar(shared_board: Board, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Liar]:
    write_bundle(tmp_path_factory.mktemp("b") / "bundle", content())
    opened = open_bundle(tmp_path_factory.getbasetemp() / "b0" / "bundle")
    home, device = shared_board.home, parse_device(shared_board.uri)
    there = set(home.iterdir())
    (home / "honest").mkdir()
    keeps = (
        'cp result.json outputs.npz /home/pi/honest/ 2>/dev/null; [ -z "$out" ] || echo "$out" >/home/pi/honest/probe'
    )
    _program(home / "honest-python", f'#!/bin/sh\nout=$("{sys.executable}" "$@") || exit\n{keeps}\necho "$out"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEKIT_SSH_CONFIG", str(shared_board.ssh_config))
        with transport_for(device) as transport:
            options = CheckOptions(runs=10, profile=False, python="~/honest-python")
            assert check_open(opened, device, transport, options, Silent()).parity.passed
            _keep_probe(home)
            _program(home / "liar", _LIAR)
            yield Liar(shared_board, opened, transport)
    for path in set(home.iterdir()) - there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _keep_probe(home: Path) -> None:
    assert json.loads((home / "honest/probe").read_text())["runtimes"]


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _npy(header: bytes, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + body


def _zip(entry: bytes, kind: int = zipfile.ZIP_STORED, name: str = "output_0.npy") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        archive.writestr(name, entry)
    return buffer.getvalue()


def _header(descr: str, shape: str) -> bytes:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()


class _Trap:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, ("pickle-was-run",)


def _lying_sizes() -> bytes:
    """A zip whose directory says that 3 bytes are 4 GB."""
    data = bytearray(_zip(b"abc"))
    for place in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[place : place + 4] = (0xF0000000).to_bytes(4, "little")
    return bytes(data)


ARCHIVES = {
    "nothing": b"",
    "no zip": b"PK\x03\x04 but not one",
    "a bomb": _zip(bytes(200 << 20), zipfile.ZIP_DEFLATED),
    "a bomb behind a header": _zip(_npy(_header("'|i1'", f"({200 << 20},)"), bytes(200 << 20)), zipfile.ZIP_DEFLATED),
    "sizes that lie": _lying_sizes(),
    "a pickle": _zip(_npy(_header("'|O'", "(1,)"), pickle.dumps([_Trap()]))),
    "a pickle alone": pickle.dumps(_Trap()),
    "a structure with a pickle": _zip(_npy(_header("[('a', '|O')]", "(1,)"), pickle.dumps([_Trap()]))),
    "a huge shape": _zip(_npy(_header("'<f4'", "(1000000000000,)"), bytes(8))),
    "a shape beyond 64 bits": _zip(_npy(_header("'<f4'", f"({2**70}, 0)"))),
    "a negative shape": _zip(_npy(_header("'<f4'", "(-2, -1)"), bytes(8))),
    "a shape that is none": _zip(_npy(_header("'<f4'", "'ab'"), bytes(8))),
    "no bytes an element": _zip(_npy(_header("'|V0'", "(1000000000000,)"))),
    "an unknown type": _zip(_npy(_header("'<q77'", "(1,)"), bytes(8))),
    "many dimensions": _zip(_npy(_header("'<f4'", f"({'1,' * 200})"), bytes(4))),
    "brackets": _zip(_npy(b"(" * 9000)),
    "a program": _zip(_npy(b"__import__('os').mkdir('pickle-was-run')")),
    "a long header": _zip(_npy(b" " * 65000)),
    "an unknown version": _zip(_npy(_header("'<f4'", "(1,)"), bytes(4), b"\x09\x09")),
    "cut off": _zip(_npy(_header("'<f4'", "(1,)"), bytes(4)))[:-30],
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_outputs_that_are_none_take_no_memory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = ARCHIVES[name]
    tracemalloc.start()
    try:
        with pytest.raises(DeviceError, match="outputs are damaged") as caught:
            outputs(data, ("y",), "board")
        assert tracemalloc.get_traced_memory()[1] < 4 * len(data) + (4 << 20)
    finally:
        tracemalloc.stop()
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_every_cut_and_flip_of_outputs_is_an_array_or_an_error() -> None:
    good = write_npz({"output_0": np.arange(6, dtype=np.float32).reshape(2, 3)})
    for place in range(len(good)):
        for data in (good[:place], good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]):
            try:
                found = outputs(data, ("y",), "board")
            except DeviceError:
                continue
            assert all(array.nbytes <= len(data) for array in found.values())


@pytest.mark.parametrize("name", ["a bomb", "a pickle", "a huge shape", "sizes that lie"])
def test_a_board_that_writes_such_outputs(liar: Liar, name: str) -> None:
    assert "outputs" in liar.refused({"outputs.npz": ARCHIVES[name]}).message


@pytest.mark.parametrize("name", ["outputs.npz", "result.json"])
def test_a_board_that_writes_a_file_of_40_gb(liar: Liar, name: str) -> None:
    assert "more than the" in liar.refused({"holes": name.encode()}).message


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 1, 3), np.float64),
        np.zeros((3, 1, 4), np.int8),
        np.zeros((1, 1, 3), np.int8),
        np.full((3, 1, 3), np.nan, np.float32),
        np.zeros((3, 1, 3), ">i8"),
        np.full((3, 1, 3), "<script>\x1b[31m"),
    ],
    ids=lambda array: f"{array.dtype.str}-{array.shape}",
)
def test_other_outputs_are_no_parity(liar: Liar, array: np.ndarray[Any, Any]) -> None:
    found = liar.check({"outputs.npz": write_npz({"output_0": array})})
    assert not found.parity.passed
    assert found.parity.first_difference.isprintable()
    _is_fit_to_show(found)


NUMBERS: list[object] = [
    *(float("nan"), float("inf"), float("-inf"), -1.0, 1e300, 10**400, True, None, "1", [], [[1.0]], {}),
]


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: str(value)[:12])
def test_latencies_that_are_none(liar: Liar, value: object) -> None:
    assert "latencies" in liar.refused(liar.result(latencies_us=[10.0] * 9 + [value])).message


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e-9])
def test_a_latency_of_nothing_passes_no_gate(liar: Liar, value: float) -> None:
    assert "cannot be" in liar.refused(liar.result(latencies_us=[value] * 10)).message


@pytest.mark.parametrize("key", ["init_us", "first_inference_us", "warmup_count", "cores", "peak_bytes"])
def test_other_numbers_that_are_none(liar: Liar, key: str) -> None:
    for value in (float("nan"), 10**400, -1.0):
        assert key in liar.refused(liar.result(**{key: value})).message


@pytest.mark.parametrize(
    "array",
    [
        np.full((4, 1, 3), np.nan, np.float32),
        np.zeros((3, 1, 3), np.int8),
        np.zeros((4, 1, 2), np.int8),
        np.zeros((4, 3), np.int8),
        np.zeros((), np.int8),
        np.full((4, 1, 3), "<script>"),
    ],
    ids=lambda array: f"{array.dtype.str}-{array.shape}",
)
def test_no_accuracy_comes_of_other_outputs(liar: Liar, tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    np.savez(tmp_path / "samples.npz", x=np.zeros((4, 3), np.float32), y=np.zeros(4, np.int64))
    samples = EvaluationSamples.of(liar.bundle, open_dataset(tmp_path / "samples.npz"))
    liar.check({"evaluated.npz": write_npz({"output_0": array})})
    options = CheckOptions(runs=10, profile=False, python="~/liar", evaluation=samples)
    with pytest.raises(DeviceError, match="did not give layer0 for each sample"):
        check_open(liar.bundle, parse_device(liar.board.uri), liar.transport, options, Silent())


def test_more_latencies_than_were_asked_for(liar: Liar) -> None:
    assert "cannot be: 500000" in liar.refused(liar.result(latencies_us=[1.0, 2.0] * 250_000)).message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe\x00",
        b"[" * 1_000_000,
        b'{"a":' * 500_000,
        b"9" * 5000,
        b'{"latencies_us": ' + b"9" * 5000 + b"}",
        b'{"cpu": "' + b"\x1b" * 100 + b'"}',
    ],
    ids=range(10),
)
def test_a_result_that_is_none(liar: Liar, data: bytes) -> None:
    assert "the worker's answer is no " in liar.refused({"result.json": data}).message


def test_words_for_a_terminal_or_a_page_stay_words(liar: Liar) -> None:
    words = dict.fromkeys(("cpu", "machine", "system", "governor", "board", "runtime", "scope"), ESCAPES * 100)
    found = liar.check(liar.result(**words))
    assert found.parity.passed
    assert found.conditions.cpu.startswith("]0;x")
    assert len(found.conditions.cpu) <= 200
    _is_fit_to_show(found)
    assert liar.refused({"said": f"ValueError: {ESCAPES}".encode()}).message.endswith("</script>")


def _is_fit_to_show(found: Measurement) -> None:
    """As text, as JSON, and in a bundle's manifest; what is judged of it fails or is not judged."""
    text = render_measurement(found, ())
    assert text.replace("\n", "").isprintable()
    record = json.dumps(found.to_json(), allow_nan=False)
    assert Measurement.from_json(json.loads(record)) == found
    page = str(latency_section((found,)))
    assert "<script" not in page
    assert not [c for c in page if c in "\u202e" or (unicodedata.category(c) == "Cc" and c != "\n")]


def test_a_gate_never_passes_on_what_is_no_number(liar: Liar) -> None:
    keys = ("latency_p90_ms", "ram_kib", "energy_mj")
    for value in (float("nan"), float("inf")):
        assert [g.passed for g in evaluate_gates(LIMIT, dict.fromkeys(keys, value))] == [False] * 3
    honest = gates_of(liar.bundle, liar.check({}), Judging(LIMIT, accept_emulated=True))
    assert {g.key: g.passed for g in honest} == {"latency_p90_ms": True, "ram_kib": True, "energy_mj": None}


@pytest.mark.parametrize("number", ["NaN", "1e400", "9" * 400, "9" * 5000, '"9"', "true"])
def test_a_stored_measurement_with_such_a_number_is_refused(liar: Liar, number: str) -> None:
    text = json.dumps({**liar.check({}).to_json(), "init_us": 4242.5}).replace("4242.5", number)
    with pytest.raises((DeviceError, ValueError)):
        Measurement.from_json(json.loads(text))


NAMES = [
    *("-oProxyCommand=touch PWNED", "ssh:-oProxyCommand=touch PWNED@h", "ssh:pi@-oProxyCommand=touch", "ssh:-l@h"),
    *("ssh:pi@%h", "ssh:%u@h", "ssh:pi@h%i", "ssh:pi@${HOME}", "ssh:pi@~", "ssh:p i@h", "ssh:pi@h h", "ssh:pi@h\tx"),
    *("ssh:pi@h\n", "ssh:pi@h\nProxyCommand touch PWNED", "ssh:pi\n@h", "ssh:pi@h\x00", "ssh:pi@h:22\n", "ssh:@h"),
    *("ssh:pi@h;touch PWNED", "ssh:pi@$(touch PWNED)", "ssh:pi@`touch PWNED`", "ssh:pi@h|x", "ssh:pi@a,b", "ssh:pi@*"),
    *("ssh:pi@h:0", "ssh:pi@h:65536", "ssh:pi@h:-1", "ssh:pi@h:\u0662\u0662", "ssh:pi@h:99999999999999999999"),
    *("ssh:pi@[::1%eth0]", "ssh:pi@[-oX]", "ssh:pi@h\\x", "ssh:pi@h/..", "ssh:pi@\u202eh", "ssh:pi@" + "h" * 300),
    *(
        "adb:-s",
        "adb:-a;nodaemon",
        "adb:x y",
        "adb:x\n",
        "adb:x\x00",
        "adb:%s",
        "adb:$(touch PWNED)",
        "adb:" + "x" * 300,
    ),
    *("adb:h:5555;reboot", "adb:-H:5555", "adb:../x", "adb:", "adb:usb;reboot", "adb:h:5555\n"),
    *("serial:-x", "serial:ttyACM0", "serial:/dev/../etc/passwd", "serial:/dev/tty\n", "serial:/dev/tty\x00"),
    *("serial:/dev/$(touch PWNED)", "serial:/dev/tty%s", "serial:socket://h:1", "serial:spy:///dev/x", "serial:"),
    *("qemu:-kernel", "qemu:m,accel=kvm", "qemu:../x", "qemu:m\n", "qemu:$(touch PWNED)"),
    *("", "local\n", "LOCAL", "local:x", "ssh", ":", "x:y", ESCAPES, "A" * 100_000),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:40])
def test_names_that_are_no_device(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_device(name)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs of which each leaves its name in this folder when it is started, and no other ones."""
    tools, seen = tmp_path / "tools", tmp_path / "seen"
    for folder in (tools, seen):
        folder.mkdir()
    for name in ("ssh", "adb", "sh", "bash", "scp", "ssh-keygen", "qemu-system-arm", "touch", "pip"):
        _program(tools / name, f"#!/bin/sh\n: >{seen}/{name}\n")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.chdir(seen)
    return seen


def _edgekit(words: Sequence[str]) -> int:
    """The command in this process; its exit code."""
    return exit_code_of(lambda: cli.main(list(words), prog_name="edgekit", standalone_mode=False))


COMMANDS = [
    ("check", "BUNDLE", "--device", "NAME"),
    ("check", "BUNDLE", "--device", "local", "--device", "NAME"),
    ("profile", "BUNDLE", "--device", "NAME"),
    ("deploy", "BUNDLE", "--device", "NAME"),
    ("rollback", "--device", "NAME"),
    ("status", "--device", "NAME"),
    ("devices", "setup", "--", "NAME"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_refuse_them_and_start_nothing(
    command: tuple[str, ...], liar: Liar, wire: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"BUNDLE": str(liar.bundle.folder)}
    for name in NAMES:
        words = [known.get(word, word).replace("NAME", name) for word in command]
        assert _edgekit(words) == 2, words
        said = capsys.readouterr().err
        assert said.replace("\n", "").isprintable()
        assert len(said) < 1500
    assert list(wire.iterdir()) == []


def test_a_board_whose_python_has_such_a_name(liar: Liar) -> None:
    """It is found and started under it, and nothing in it is carried out."""
    odd = liar.board.home / "a b$(touch PWNED);'\"`&"
    odd.symlink_to("liar")
    shutil.rmtree(liar.board.home / "lies", ignore_errors=True)
    (liar.board.home / "lies").mkdir()
    before = _files(liar.board.home)
    options = CheckOptions(runs=10, profile=False, python=f"~/{odd.name}")
    device = parse_device(liar.board.uri)
    assert check_open(liar.bundle, device, liar.transport, options, Silent()).parity.passed
    for name in ("~/$(touch PWNED)", "-c", "--", "a\nb", "~/a\tb", "x" * 5000, "%s", "*"):
        with pytest.raises(DeviceError) as caught:
            check_open(liar.bundle, device, liar.transport, replace(options, python=name), Silent())
        assert caught.value.message.isprintable()
    with pytest.raises(DeviceError, match="NUL"):
        check_open(liar.bundle, device, liar.transport, replace(options, python="a\0b"), Silent())
    assert _files(liar.board.home) == before
    odd.unlink()


@pytest.mark.parametrize(
    "text",
    [
        "3.11.2\t/home/pi/\x1b[31mx",
        "9" * 5000 + ".1.1\t/bin/sh",
        "3.11.2\trelative",
        "3.11.2",
    ],
    ids=range(4),
)
def test_a_board_that_lies_about_its_pythons(liar: Liar, text: str) -> None:
    """`sh` itself cannot be replaced there, so the version that an interpreter says is where the lie comes in."""
    program = liar.board.home / "odd"
    (liar.board.home / "odd.txt").write_text(text)
    _program(program, "#!/bin/sh\nexec cat /home/pi/odd.txt\n")
    options = CheckOptions(runs=10, profile=False, python="~/odd")
    with pytest.raises(DeviceError) as caught:
        check_open(liar.bundle, parse_device(liar.board.uri), liar.transport, options, Silent())
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[" * 200_000,
        b"9" * 5000,
        b'{"version": "3.11", "runtimes": [], "modules": {}}',
        b'{"version": "3.8\\u001b[31m", "runtimes": {}, "modules": {}}',
        b'{"version": "' + b"9" * 190 + b'.1", "runtimes": {}, "modules": {}}',
        b'{"version": "3.11.2", "runtimes": {}, "modules": {}, "machine": {"a": 1}}',
    ],
    ids=range(7),
)
def test_a_board_that_lies_about_what_it_is(liar: Liar, said: bytes) -> None:
    (liar.board.home / "probe.txt").write_bytes(said)
    _program(liar.board.home / "odd", '#!/bin/sh\ncase "$1" in -c) echo 3.11.2;; *) cat /home/pi/probe.txt;; esac\n')
    options = CheckOptions(runs=10, profile=False, python="~/odd")
    with pytest.raises(DeviceError) as caught:
        check_open(liar.bundle, parse_device(liar.board.uri), liar.transport, options, Silent())
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def _files(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that is below a folder, the open session's own apart: mode, time of change and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        assert path.name != "PWNED"
        if path.relative_to(folder).parts[0].startswith(".edgekit-session"):
            continue
        facts = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        found[str(path.relative_to(folder))] = (facts.st_mode, facts.st_mtime_ns if data else 0, data)
    return found


FILES = ["a;touch PWNED", "$(touch PWNED)", "`touch PWNED`", "-rf", "a b", "a\nb", "%s", "*", "../PWNED", "/tmp/PWNED",
         "a/../../PWNED", ".hidden", "a\\b", "\x1b[31m", "~", "a'b", 'a"b', "a|b", "a>PWNED"]  # fmt: skip


@pytest.mark.parametrize("name", FILES, ids=ascii)
def test_bundles_with_such_files_go_nowhere(
    name: str, liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder and a packed file whose manifest lists the name, with the right hash and the right digest."""
    monkeypatch.chdir(tmp_path)
    folder, packed = _with_file(liar.bundle, name, tmp_path / "in")
    home, here = _files(liar.board.home), _files(tmp_path)
    device = ("--device", liar.board.uri)
    for words in (
        ("bundle", "unpack", packed, "-o", tmp_path / "out"),
        *(("check", path, *device) for path in (folder, packed)),
        *(("deploy", path, *device) for path in (folder, packed)),
    ):
        arguments = [str(word) for word in words]
        assert _edgekit(arguments) == 3, arguments
        said = capsys.readouterr().err
        assert said.replace("\n", "").isprintable()
        assert "may lie outside" in said
    assert (_files(liar.board.home), _files(tmp_path)) == (home, here)


def _with_file(bundle: Bundle, name: str, folder: Path) -> tuple[Path, Path]:
    """`bundle` with one more file; as a folder (where the name can be one of a file below it), and packed."""
    shutil.copytree(bundle.folder, folder)
    entry = replace(bundle.manifest.files[0], path=name)
    manifest = replace(bundle.manifest, files=(*bundle.manifest.files, entry))
    (folder / MANIFEST).write_bytes(manifest.sealed().to_bytes())
    data = bundle.files[bundle.manifest.files[0].path]
    with zipfile.ZipFile(folder.with_suffix(".edgekit"), "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
        archive.writestr(name, data)
    if ".." not in name and not name.startswith("/"):
        (folder / name).write_bytes(data)
    return folder, folder.with_suffix(".edgekit")


def test_a_bundle_whose_words_and_place_are_such_runs_as_any_other(
    liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Checked, deployed, looked at, and deployed again: what a shell would make of it happens nowhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(liar.board.ssh_config))
    folder = tmp_path / "a b$(touch PWNED);'`\n%s\x1b[31m"
    write_bundle(folder, replace(content(), name=f"../../{SHARP}{ESCAPES}"))
    liar.transport.close()
    try:
        before = _files(liar.board.home)
        device = ("--device", liar.board.uri)
        for words in (
            ("check", str(folder), *device, "--runs", "5", "--python", "~/honest-python"),
            ("deploy", str(folder), *device, "--no-service", "--no-check"),
            ("status", *device),
            ("deploy", str(folder), *device, "--no-service", "--no-check"),
        ):
            assert _edgekit(words) == 0
            said = capsys.readouterr()
            assert (said.out + said.err).replace("\n", "").isprintable(), words
        after = {k: v for k, v in _files(liar.board.home).items() if not k.startswith(("edgekit", "honest"))}
        assert after == {k: v for k, v in before.items() if not k.startswith(("edgekit", "honest"))}
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    finally:
        shutil.rmtree(liar.board.home / "edgekit", ignore_errors=True)
        liar.transport.open()
