"""What a firmware may answer, and what is made of it: a board's word is checked before it is used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import DeviceError
from edgekit.measure.firmware_session import FirmwareAnswer, in_instructions, instructions
from edgekit.transports.uri import parse_device

BOARD = parse_device("serial:/dev/ttyACM0")
WANTED = [(np.dtype(np.int8), (1, 3)), (np.dtype(np.int16), (2,))]


def answer(text: str) -> FirmwareAnswer:
    return FirmwareAnswer.of(BOARD, text)


def test_a_whole_answer() -> None:
    found = answer("ticks 000000000000020a\nticks 0000000000000100\nstack 76\noutput 01fe7f\noutput 0100ffff\n")
    assert found.ticks("ticks") == (0x20A, 0x100)
    assert found.number("stack") == 76
    first, second = found.arrays(WANTED)
    assert (first.tolist(), second.tolist()) == ([[1, -2, 127]], [1, -1])


@pytest.mark.parametrize(
    "text",
    [
        "", "output 01fe7f", "output 01fe7f\noutput 0100ff", "output 01fe7g\noutput 0100ffff",
        "output 01fe7f\noutput 0100ffff\noutput 00", "output 1fe7f\noutput 0100ffff",
    ],
)  # fmt: skip
def test_outputs_that_are_none(text: str) -> None:
    with pytest.raises(DeviceError, match="serial:/dev/ttyACM0: the firmware's answer for 'output' makes no sense"):
        answer(text).arrays(WANTED)


@pytest.mark.parametrize("text", ["", "stack", "stack -1", "stack 1\nstack 2", "stack 12345678901", "stack 0x10"])
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(DeviceError, match="answer for 'stack' makes no sense"):
        answer(text).number("stack")


@pytest.mark.parametrize("text", ["", "ticks 20a", "ticks 000000000000020A", "ticks 000000000000020a\nticks x"])
def test_ticks_that_are_none(text: str) -> None:
    with pytest.raises(DeviceError, match="answer for 'ticks' makes no sense"):
        answer(text).ticks("ticks")


def test_a_count_below_the_empty_one_is_no_count() -> None:
    facts = answer("hz 25000000\nempty 0000000000000200\n")
    assert instructions(answer("ticks 0000000000000300\n"), facts) == 10
    with pytest.raises(DeviceError, match="makes no sense"):
        instructions(answer("ticks 0000000000000100\n"), facts)


@given(st.integers(0, 1 << 40), st.sampled_from([25_000_000, 32_000_000]))
def test_ticks_of_every_count_give_it_back(count: int, hz: int) -> None:
    """A counter shows whole ticks, of which an instruction has more than 25: a tick less or more changes nothing."""
    ticks = count * 1024 * hz // 1_000_000_000
    assert all(in_instructions(max(ticks + off, 0), hz) == count for off in (0, 1))


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    found = answer(text)
    for ask in (lambda: found.number("layers"), lambda: found.ticks("ticks"), lambda: found.arrays(WANTED)):
        with pytest.raises(DeviceError):
            ask()
