"""Emulated Raspberry Pis: their processor, their Python, and the runtime that they compute with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgekit
from edgekit.core.errors import DeviceError
from edgekit.lab.board import Board, BoardOptions
from edgekit.lab.debs import RootRecipe, root_filesystem
from edgekit.lab.raspbian import raspbian
from tests.devices.need import need, need_roots

need("bwrap", "sshd", "ssh", "qemu-aarch64-static", "qemu-arm-static")

_MODEL = Path(edgekit.__file__).parent / "demo" / "digits.tflite"
_RUN = """
import sys, numpy as np
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
(i,), (o,) = interpreter.get_input_details(), interpreter.get_output_details()
ramp = np.arange(i["shape"].prod(), dtype=np.float32).reshape(i["shape"]) % 16
interpreter.set_tensor(i["index"], ramp)
interpreter.invoke()
print(interpreter.get_tensor(o["index"]).ravel().tolist())
"""


@pytest.fixture(autouse=True, scope="module")
def _root() -> None:
    need_roots("arm64")


def ssh(board: Board, command: str) -> subprocess.CompletedProcess[str]:
    words = ["ssh", "-F", str(board.ssh_config), "-o", "BatchMode=yes", "-p", str(board.box.port)]
    return subprocess.run([*words, "pi@127.0.0.1", command], capture_output=True, text=True, check=False, timeout=120)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.strip().strip("[]").split(",")]


def _formats_of_this_machine() -> list[str]:
    return sorted(path.name for path in Path("/proc/sys/fs/binfmt_misc").glob("*"))


@pytest.mark.parametrize(
    ("name", "machine", "runtime"), [("pi", "aarch64", "ai_edge_litert"), ("pi32", "armv7l", "tflite_runtime")]
)
def test_a_pi_computes_what_this_machine_computes(
    request: pytest.FixtureRequest, name: str, machine: str, runtime: str
) -> None:
    before = _formats_of_this_machine()
    board: Board = request.getfixturevalue(name)
    assert _formats_of_this_machine() == before
    assert ssh(board, "uname -m").stdout.strip() == machine
    assert ssh(board, "cat /etc/edgekit-lab").stdout.startswith(f"emulated: qemu-user {machine} on ")
    assert ssh(board, "echo $QEMU_CPU").stdout.strip() == board.pi.model.cpu
    assert "AMD" not in (told := ssh(board, "cat /proc/cpuinfo /sys/firmware/devicetree/base/model").stdout)
    assert told.count(board.pi.model.name) == 2
    assert told.count("processor") == int(ssh(board, "nproc --all").stdout)
    shutil.copy(_MODEL, board.home / "model.tflite")
    (board.home / "run.py").write_text(_RUN)
    there = ssh(board, f"python3 -c 'import {runtime}' && python3 -I run.py model.tflite")
    assert there.returncode == 0, there.stderr
    here = subprocess.run(
        [sys.executable, board.home / "run.py", _MODEL], capture_output=True, text=True, check=True, timeout=120
    )
    # a sum of a few hundred float32 terms of size 1, in another order
    assert _numbers(there.stdout) == pytest.approx(_numbers(here.stdout), abs=1e-5)


def test_a_bare_pi_has_python_and_no_runtime() -> None:
    with Board("arm64", BoardOptions(bare=True)) as board:
        assert ssh(board, "python3 -c 'import numpy, venv, ensurepip'").returncode == 0
        assert "No module named 'ai_edge_litert'" in ssh(board, "python3 -c 'import ai_edge_litert'").stderr


def test_a_root_is_made_once() -> None:
    recipe = raspbian("arm64")
    root = root_filesystem(recipe)
    before = (root / "etc").stat().st_mtime_ns
    assert root_filesystem(recipe, lambda _: pytest.fail("made again")) == root == recipe.folder
    assert (root / "etc").stat().st_mtime_ns == before
    assert raspbian("armhf").folder != root


def test_a_root_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    recipe = RootRecipe("odd", "arm64", ("no-such-package-as-this",))
    with pytest.raises(DeviceError, match="apt for the lab's odd failed: E: "):
        root_filesystem(recipe)
    assert [path.suffix for path in (tmp_path / "lab").iterdir()] == [".lock"]
