"""A board's Python: which one is taken, and one sentence for each that cannot be."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.core.errors import DatasetError, DeviceError, UsageError
from edgekit.core.progress import Silent
from edgekit.data.dataset import open_dataset
from edgekit.lab.board import Board, BoardOptions
from edgekit.measure.assign import assign
from edgekit.measure.board import runner_of, usable_facts
from edgekit.measure.check import check_bundle, check_open
from edgekit.measure.evaluation import EvaluationSamples, device_drop
from edgekit.measure.options import CheckOptions
from edgekit.targets.load import load_target
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import LOCAL, parse_device
from tests.devices.need import need
from tests.unit.bundle.content import content

PI3 = load_target("raspberry-pi-3b-plus")
QUICK = CheckOptions(runs=20, warmup=2, profile=False)
PI5, PI4, PI32, PIXEL = map(load_target, ("raspberry-pi-5", "raspberry-pi-4", "raspberry-pi-zero-2w-32bit", "pixel-8"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    write_bundle(tmp_path / "bundle", content())
    return open_bundle(tmp_path / "bundle")


@pytest.fixture(scope="module")
def shared_bare() -> Iterator[Board]:
    need("bwrap", "sshd", "ssh")
    with Board("native", BoardOptions(bare=True)) as running:
        yield running


@pytest.fixture
def bare(shared_bare: Board, monkeypatch: pytest.MonkeyPatch) -> Board:
    """A board whose python3 has no runtime."""
    monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(shared_bare.ssh_config))
    return shared_bare


def script(board: Board, name: str, text: str) -> str:
    """A program in the board's home folder; its path there."""
    path = board.home / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"~/{name}"


def test_a_board_computes_what_this_machine_does(bundle: Bundle, board: Board) -> None:
    found = check_bundle(bundle, parse_device(board.uri), QUICK, Silent())
    assert found.parity.passed
    assert found.conditions.emulated.startswith("emulated: ")
    assert found.warnings[-1].startswith("Built for A board, an Arm board, but the device is x86_64")


def test_an_open_transport_is_left_open(bundle: Bundle, board: Board) -> None:
    device = parse_device(board.uri)
    with transport_for(device) as transport:
        first = check_open(bundle, device, transport, QUICK, Silent())
        second = check_open(bundle, device, transport, QUICK, Silent())
    assert first.parity.passed
    assert second.model_sha256 == first.model_sha256


def test_no_runtime(bundle: Bundle, bare: Board) -> None:
    with pytest.raises(DeviceError, match="has neither ai-edge-litert nor tflite-runtime") as caught:
        check_bundle(bundle, parse_device(bare.uri), QUICK, Silent())
    assert caught.value.hint == f"edgekit devices setup {bare.uri}"


def test_an_interpreter_that_is_not_there(bundle: Bundle, bare: Board) -> None:
    options = dataclasses.replace(QUICK, python="~/no/such/python")
    with pytest.raises(DeviceError, match="there is no ~/no/such/python on the device"):
        check_bundle(bundle, parse_device(bare.uri), options, Silent())


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("echo 3.5.3", "is Python 3.5.3, and 3.8 is the oldest that works"),
        ("exit 1", "cannot be started there"),
    ],
)
def test_an_interpreter_that_cannot_be_used(bundle: Bundle, bare: Board, program: str, words: str) -> None:
    """The board's `python` is a program that answers the question for its version and knows nothing else."""
    options = dataclasses.replace(QUICK, python=script(bare, "old-python", program))
    with pytest.raises(DeviceError, match=words):
        check_bundle(bundle, parse_device(bare.uri), options, Silent())


def test_a_runtime_that_the_system_kills_is_out_of_memory(bundle: Bundle, board: Board) -> None:
    """The board kills the worker as Linux does when memory ends: SIGKILL, and not a word."""
    killed = f'case "$*" in *request.json*) kill -KILL $$;; esac\nexec {sys.executable} "$@"'
    options = dataclasses.replace(QUICK, python=script(board, "little-python", killed))
    with pytest.raises(DeviceError, match=r"was killed \(SIGKILL\), most likely because the device ran out of memory"):
        check_bundle(bundle, parse_device(board.uri), options, Silent())


def test_the_environment_of_edgekit_comes_before_the_boards_own(board: Board) -> None:
    folder = board.home / ".local/share/edgekit/venv/bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "python").chmod(0o755)
    device = parse_device(board.uri)
    try:
        with transport_for(device) as transport:
            assert usable_facts(device, transport).path == "/home/pi/.local/share/edgekit/venv/bin/python"
            assert runner_of(device, transport, "python3").python != ("/home/pi/.local/share/edgekit/venv/bin/python",)
    finally:
        shutil.rmtree(folder.parents[1])


def test_the_tasks_accuracy_is_measured_on_the_device(bundle: Bundle, board: Board, tmp_path: Path) -> None:
    values = np.linspace(-1, 1, 40, dtype=np.float32)
    x = np.stack([values, np.full(40, 0.2, np.float32), np.full(40, -1, np.float32)], axis=1)
    np.savez(tmp_path / "samples.npz", x=x, y=(values < 0.2).astype(np.int64))
    samples = EvaluationSamples.of(bundle, open_dataset(tmp_path / "samples.npz"), 30)
    options = dataclasses.replace(QUICK, evaluation=samples)
    there, here = (check_bundle(bundle, device, options, Silent()).task for device in (parse_device(board.uri), LOCAL))
    assert there is not None
    assert there == here
    assert (there.metric, there.unit, there.sample_count) == ("top1", "%", 30)
    assert there.low is not None and there.high is not None
    assert there.low <= there.value <= there.high
    assert there.value > 90
    assert not samples.are_those_of(bundle.manifest)
    verification = bundle.manifest.verification
    assert verification is not None
    assert device_drop(verification, there) == verification.float_value.value - there.value


def test_samples_without_labels_measure_no_task(bundle: Bundle, tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", x=np.zeros((4, 3), np.float32))
    with pytest.raises(DatasetError, match="has no labels"):
        EvaluationSamples.of(bundle, open_dataset(tmp_path / "samples.npz"))


def test_a_board_is_matched_to_the_target_it_can_be(board: Board) -> None:
    device = parse_device(board.uri)
    assert assign((board.uri,), (PIXEL, PI5, PI32)) == {device: (PI5,)}
    assert assign((f"raspberry-pi-4={board.uri}", "local"), (PI4, PI5)) == {device: (PI4,), LOCAL: (PI4, PI5)}


def test_of_several_targets_the_boards_own_name_decides(board: Board) -> None:
    assert assign((board.uri,), (PI5, PI4)) == {parse_device(board.uri): (PI4,)}  # it says that it is a Pi 4


def test_a_board_that_fits_no_target_or_several(board: Board) -> None:
    with pytest.raises(UsageError, match="fits none of the targets: it is x86_64 with 64 bits"):
        assign((board.uri,), (PIXEL, PI32))
    with pytest.raises(UsageError, match="may be raspberry-pi-3b-plus or raspberry-pi-5") as caught:
        assign((board.uri,), (PI3, PI5))
    assert caught.value.hint == f"say which: --device raspberry-pi-3b-plus={board.uri}"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("ssh:pi@nowhere",), "none is reached over ssh"),
        (("nosuch=local",), "nosuch is not among the targets"),
        (("qemu:mps2-an386",), "none is reached over qemu"),
        (("local", "pixel-8=local"), "local is named twice"),
    ],
)
def test_devices_that_are_refused_before_anything_is_reached(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        assign(texts, (PIXEL,))
