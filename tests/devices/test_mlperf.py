"""The MLPerf Tiny commands of a firmware with a network, as the benchmark's own runner sends and reads them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.toolchain import M4F
from edgekit.graph.codec import read
from edgekit.measure.microcontroller import network_named
from edgekit.runtime.litert import Kernels, LiteRT
from edgekit.transports.firmware import machine_named
from edgekit.transports.qemu import QemuLine
from edgekit.transports.uri import parse_device
from tests.devices.case_mcu import needed
from tests.unit.codegen.one_op import Spec, one_op

URI = parse_device("qemu:mps2-an386")
RESULTS = re.compile(r"^m-results-\[([^]]+)\]$")


class Runner:
    """The benchmark's device: `COMMAND%`, and lines up to `m-ready`."""

    def __init__(self, line: QemuLine) -> None:
        self._line = line
        self._lines()  # m-init-done, m-ready

    def send(self, command: str) -> list[str]:
        self._line.write(f"{command}%".encode())
        return self._lines()

    def load(self, data: bytes) -> list[str]:
        said = self.send(f"db load {len(data)}")
        for at in range(0, len(data), 31):
            said += self.send(f"db {data[at : at + 31].hex()}")
        return said

    def infer(self, count: int, warmups: int) -> tuple[list[str], list[float]]:
        said = self.send(f"infer {count} {warmups}")
        (values,) = [match[1] for match in map(RESULTS.match, said) if match]
        return said, [float(value) for value in values.split(",")]

    def _lines(self) -> list[str]:
        text, deadline = b"", time.monotonic() + 30
        while not text.endswith(b"m-ready\r\n") and time.monotonic() < deadline:
            text += self._line.read(1.0)
        return [line for line in text.decode().split("\r\n") if line not in ("", "m-ready")]


def dense(zero_point: int) -> bytes:
    """Twelve inputs, four outputs."""
    weights = (np.arange(48).reshape(4, 12) % 7 - 3).astype(np.int8)
    tensors = [Spec((1, 12), scale=0.3, zero_point=zero_point), Spec((4, 12), scale=0.25, data=weights)]
    return one_op("FULLY_CONNECTED", [*tensors, None], [Spec((1, 4), scale=2.0, zero_point=3)])


def expected(model: bytes, stored: np.ndarray) -> list[float]:
    """What LiteRT's reference kernels give, as real numbers."""
    runner = LiteRT(model, kernels=Kernels.REFERENCE)
    (output,) = runner.run({runner.inputs[0].name: stored.reshape(1, 12)}).values()
    return [2.0 * (int(value) - 3) for value in output.ravel()]


def start(model: bytes) -> Iterator[Runner]:
    needed()
    made = generate(read(model), Settings())
    line = QemuLine(URI, machine_named(URI.name), network_named("ad01", model, made.files, M4F, "-O2"))
    yield Runner(line)
    line.close()


@pytest.fixture(scope="module")
def signed() -> Iterator[Runner]:
    yield from start(dense(0))


@pytest.fixture(scope="module")
def unsigned() -> Iterator[Runner]:
    yield from start(dense(-128))


def test_it_says_what_it_is(signed: Runner) -> None:
    assert signed.send("name") == ["m-name-dut-[mps2-an386]"]
    assert signed.send("profile") == ["m-profile-[edgekit agent 1]", "m-model-[ad01]"]
    assert re.fullmatch(r"m-lap-us-\d+", signed.send("timestamp")[0])
    assert any(line.startswith("infer: ") for line in signed.send("help"))


def test_what_is_loaded_is_run(signed: Runner) -> None:
    values = np.arange(-60, 60, 10, dtype=np.int8)
    assert signed.load(values.tobytes()) == ["m-[Expecting 12 bytes]", "m-load-done"]
    first = values.tobytes().hex("-")
    assert signed.send("db print") == [f"m-buffer-{first[:23]}", f"m-buffer-{first[24:]}"]
    said, results = signed.infer(3, 2)
    assert [line for line in said if not line.startswith(("m-lap", "m-results"))] == [
        "m-warmup-start-2", "m-warmup-done", "m-infer-start-3", "m-infer-done",
    ]  # fmt: skip
    start_us, end_us = (int(line.rpartition("-")[2]) for line in said if line.startswith("m-lap-us-"))
    assert end_us > start_us
    assert results == expected(dense(0), values)
    assert len(set(results)) > 1
    assert signed.send("results") == [line for line in said if line.startswith("m-results")]


def test_floats_are_quantized_on_the_board(signed: Runner) -> None:
    reals = np.linspace(-40, 40, 12, dtype=np.float32)
    signed.load(reals.tobytes())
    steps = reals / np.float32(0.3)
    stored = np.clip(np.sign(steps) * np.floor(np.abs(steps) + 0.5), -128, 127).astype(np.int8)
    assert signed.infer(1, 0)[1] == expected(dense(0), stored)


def test_bytes_of_an_image_are_unsigned(unsigned: Runner) -> None:
    pixels = np.arange(0, 252, 21, dtype=np.uint8)
    unsigned.load(pixels.tobytes())
    assert unsigned.infer(1, 0)[1] == expected(dense(-128), (pixels.astype(np.int16) - 128).astype(np.int8))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("db", "e-[Command 'db' requires a subcommand]"),
        ("db load 0", "e-[Command 'db load' takes 1 to 48 bytes]"),
        ("db load 49", "e-[Command 'db load' takes 1 to 48 bytes]"),
        ("infer 0", "e-[Inference iterations must be >0]"),
        ("nonsense", "e-[Unknown command: nonsense]"),
    ],
)
def test_what_it_refuses(signed: Runner, command: str, answer: str) -> None:
    assert signed.send(command) == [answer]


def test_a_load_that_is_wrong(signed: Runner) -> None:
    assert signed.send("db load 4") == ["m-[Expecting 4 bytes]"]
    assert signed.send("db 123") == ["e-[Insufficent number of hex digits]"]
    assert signed.send("db 12g4") == ["e-[Invalid hex digit]"]
    assert signed.send("db 01020304") == ["m-load-done"]
    assert signed.send("infer 1 0") == ["e-[The input has another size]"]
