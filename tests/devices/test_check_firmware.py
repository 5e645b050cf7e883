"""A bundle's C in the firmware of emulated boards: parity, counts, and what goes wrong there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.bundle.read import Bundle, open_bundle, read_manifest
from edgekit.bundle.write import write_bundle
from edgekit.core.errors import DeviceError, ModelError
from edgekit.core.progress import Silent
from edgekit.core.toolchain import M4F
from edgekit.data.dataset import open_dataset
from edgekit.lab.mcu import Mcu
from edgekit.measure.check import check_bundle
from edgekit.measure.evaluation import EvaluationSamples
from edgekit.measure.measurement import Measurement
from edgekit.measure.microcontroller import c_sources, network_of
from edgekit.measure.options import CheckOptions
from edgekit.transports import qemu
from edgekit.transports.uri import parse_device
from tests.cli.run import edgekit as run
from tests.cli.run import said
from tests.devices.case_mcu import needed
from tests.unit.bundle.content import content

MACHINES = ("mps2-an386", "mps2-an500", "mps3-an547")
AN386 = parse_device("qemu:mps2-an386")
QUICK = CheckOptions(profile=False, runs=5)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    needed()
    write_bundle(tmp_path / "b", content("mcu"))
    return open_bundle(tmp_path / "b")


def check(bundle: Bundle, uri: str, options: CheckOptions = QUICK) -> Measurement:
    return check_bundle(bundle, parse_device(uri), options, Silent())


def with_c(bundle: Bundle, **bodies: str) -> Bundle:
    """The bundle with C of its own, in which the body of each named function is another."""
    files = {f"c/{name}": data for name, data in c_sources(bundle, M4F).items()}
    source = files["c/ek_model.c"].decode()
    for function, body in bodies.items():
        head = f"void {function}(void) {{\n"
        assert head in source
        source = source.replace(head, f"{head}    {body}\n")
    return replace(bundle, files={**bundle.files, **files, "c/ek_model.c": source.encode()})


@pytest.mark.parametrize("machine", MACHINES)
def test_every_golden_sample_is_bit_exact_and_counted(bundle: Bundle, machine: str) -> None:
    found = check(bundle, f"qemu:{machine}", CheckOptions())
    assert (found.parity.passed, found.parity.max_difference, found.parity.sample_count) == (True, 0, 3)
    assert found.latency is None
    assert found.conditions.emulated.startswith("emulated: QEMU ")
    firmware = found.firmware
    assert firmware is not None and firmware.footprint is not None and firmware.instructions is not None
    footprint = firmware.footprint
    assert 0 < firmware.instructions < 10_000
    assert footprint.flash_bytes == footprint.code_bytes + footprint.constants_bytes
    assert firmware.ram_bytes == footprint.arena_bytes + footprint.static_bytes + firmware.stack_bytes
    assert 16 <= firmware.stack_bytes < 1024
    inside = sum(layer.instructions for layer in firmware.layers)
    assert abs(inside - firmware.instructions) < 30  # another build: a call is entered and left otherwise there
    assert [layer.kind for layer in firmware.layers] == ["FULLY_CONNECTED"]
    assert Measurement.from_json(found.to_json()) == found
    assert found.gate_values()["flash_kib"] == footprint.flash_bytes / 1024


def test_the_same_counts_every_time(bundle: Bundle) -> None:
    first, second = (check(bundle, str(AN386), CheckOptions()) for _ in range(2))
    assert first.firmware == second.firmware


def test_one_instruction_more_is_one_more(bundle: Bundle) -> None:
    """A nop before the network runs is counted, neither more nor less."""
    counts = []
    for nops in (1, 2, 11):
        found = check(with_c(bundle, ek_model_run='__asm__ volatile("nop");' * nops), str(AN386)).firmware
        assert found is not None and found.instructions is not None
        counts.append(found.instructions)
    assert np.diff(counts).tolist() == [1, 9]


def test_counts_go_on_where_the_timer_wraps(bundle: Bundle) -> None:
    """The boards' 32-bit timer wraps after 167.8 million instructions; a turn of this loop takes three."""
    body = 'for (uint32_t i = 0; i < {}u; i++) {{ __asm__ volatile("nop"); }}'
    counts = []
    for turns in (1_000, 100_001_000):
        found = check(with_c(bundle, ek_model_run=body.format(turns)), str(AN386)).firmware
        assert found is not None and found.instructions is not None
        counts.append(found.instructions)
    assert counts[1] - counts[0] == 300_000_000


def test_a_stack_of_known_size_is_seen(bundle: Bundle) -> None:
    body = 'uint8_t most[{0}]; memset(most, 1, {0}); __asm__ volatile("" ::"r"(most) : "memory");'
    small, large = (check(with_c(bundle, ek_model_run=body.format(n)), str(AN386)).firmware for n in (1024, 3072))
    assert small is not None and large is not None
    assert large.stack_bytes - small.stack_bytes == 2048


def test_wrong_outputs_are_named(bundle: Bundle) -> None:
    assert bundle.golden is not None
    ((name, outputs),) = bundle.golden.outputs.items()
    wrong = outputs.copy()
    wrong[1, 0, 2] += 1
    found = check(replace(bundle, golden=replace(bundle.golden, outputs={name: wrong})), str(AN386))
    assert not found.parity.passed
    assert found.parity.first_difference.startswith(f"sample 1, output {name}[0, 2] is {outputs[1, 0, 2]}, the golden")


def test_a_fault_in_the_network(bundle: Bundle) -> None:
    with pytest.raises(DeviceError, match=r"qemu:mps2-an386: a fault ended the network: fault at 0x[0-9a-f]{8}"):
        check(with_c(bundle, ek_model_run="*(volatile uint32_t *)0xF0000000u = 1u;"), str(AN386))


def test_a_network_that_never_ends(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "NETWORK_SILENCE_S", 1.5)
    with pytest.raises(DeviceError, match=r"qemu:mps2-an386: no answer for 1\.5 s"):
        check(with_c(bundle, ek_model_run="for (;;) { }"), str(AN386))


def test_c_that_does_not_compile(bundle: Bundle) -> None:
    broken = replace(bundle, files={**with_c(bundle).files, "c/ek_model.c": b"int x = y;\n"})
    with pytest.raises(
        ModelError, match=r"arm-none-eabi-gcc .* for Cortex-M4F failed: .*ek_model\.c:1:9: error: .y. un"
    ):
        check(broken, str(AN386))


@pytest.fixture
def mcu(bundle: Bundle) -> Iterator[Mcu]:
    with Mcu("mps2-an386", network_of(bundle, M4F)) as running:
        yield running


def test_a_board_on_a_port(bundle: Bundle, mcu: Mcu) -> None:
    pytest.importorskip("serial")
    found = check(bundle, mcu.uri)
    assert found.parity.passed
    assert found.latency is not None and found.latency.count == 5
    assert found.conditions.board == "mps2-an386"
    assert found.conditions.emulated == "emulated: qemu-system-arm"
    assert found.firmware is not None and found.firmware.footprint is None
    other = replace(bundle, files={**bundle.files, "model.tflite": content("mcu").model + b"\0" * 16})
    with pytest.raises(DeviceError, match="the network in the board's firmware is not that of the bundle"):
        check(other, mcu.uri)


def test_a_board_without_a_network(bundle: Bundle) -> None:
    pytest.importorskip("serial")
    with Mcu() as board, pytest.raises(DeviceError, match="there is no network in the board's firmware"):
        check(bundle, board.uri)


def test_a_board_that_loses_its_power(bundle: Bundle, mcu: Mcu) -> None:
    pytest.importorskip("serial")
    mcu.power_off()
    with pytest.raises(DeviceError, match="there is no such port"):
        check(bundle, mcu.uri)


def test_the_command_shows_keeps_and_judges(bundle: Bundle, tmp_path: Path) -> None:
    words = ("check", bundle.folder, "--device", "qemu:mps2-an386", "--json", tmp_path / "m.json")
    done = run(*words, "--budget", "flash_kib=1", "--budget", "ram_kib=64", cache=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "flash_kib is " in said(done)
    for label in ("instructions", "flash", "RAM", "compiled", "parity        bit-exact on 3 golden samples"):
        assert f"\n{label}" in done.stdout
    (row,) = json.loads((tmp_path / "m.json").read_text())["results"]
    assert {gate["key"]: gate["verdict"] for gate in row["gates"]} == {
        "latency_p90_ms": "not measured", "ram_kib": "pass", "flash_kib": "fail",
    }  # fmt: skip
    (kept,) = read_manifest(bundle.folder).measurements
    assert kept["firmware"]["instructions"] == row["measurement"]["firmware"]["instructions"]
    done = run("profile", bundle.folder, "--device", "qemu:mps2-an386", "--json", tmp_path / "p.json", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["layer", "kind", "instructions", "share"]
    (row,) = json.loads((tmp_path / "p.json").read_text())["results"]
    assert [(layer["name"], layer["kind"]) for layer in row["layers"]] == [("layer0", "FULLY_CONNECTED")]


def test_the_task_is_measured_on_the_board(bundle: Bundle, tmp_path: Path) -> None:
    """Four samples of two classes, through the firmware: what the golden ones are made of."""
    x = np.array([[0.0, 0.5, -1.0], [0.25, 0.5, -1.0], [1.0, 0.5, -1.0], [0.75, 0.5, -1.0]], np.float32)
    np.savez(tmp_path / "labelled.npz", x=x, y=np.array([1, 1, 0, 1]))
    options = replace(QUICK, evaluation=EvaluationSamples.of(bundle, open_dataset(tmp_path / "labelled.npz"), None))
    found = check(bundle, str(AN386), options)
    assert found.task is not None
    assert (found.task.metric, found.task.value, found.task.sample_count) == ("top1", 75.0, 4)
