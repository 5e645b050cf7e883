"""The scripts that go to a device, and the answers that come back."""

from __future__ import annotations

import os
import subprocess

import pytest

from edgekit.core.errors import DeviceError
from edgekit.transports.base import device_path, one_line
from edgekit.transports.shell import COMMAND_BYTES, Reply, encode, reply_of

MARK = "edgekit-0123456789abcdef"


@pytest.mark.parametrize(
    "word", ["plain", "a b", "'", '"', "\\", "\\0101", "$(id)", "`id`", "ä€\U0001f600", "\n\n", "!x", "%s"]
)
@pytest.mark.parametrize("count", [1, 2000])
def test_a_script_arrives_as_it_is(word: str, count: int) -> None:
    command = encode(f"printf %s {MARK}; cat <<'END'\n{word * count}\nEND")
    argv = ["sh", "-c", command.line]
    done = subprocess.run(argv, input=command.head, capture_output=True, check=True, timeout=30)
    assert done.stdout.decode() == f"{MARK}{word * count}\n"


def test_what_follows_the_script_is_left_for_the_program() -> None:
    command = encode("cat # " + "x" * 5000)
    data = os.urandom(100_000)
    done = subprocess.run(
        ["sh", "-c", command.line], input=command.head + data, capture_output=True, check=True, timeout=30
    )
    assert done.stdout == data


def test_a_command_line_is_plain_and_short() -> None:
    for words in ("short 'ü' \"$x\"", "long " * 5000):
        line = encode(words, "NAME=value").line
        assert line.isascii()
        assert "\n" not in line
        assert len(line) < 9000


def test_what_no_device_takes() -> None:
    with pytest.raises(DeviceError, match="NUL"):
        encode("a\0b")
    with pytest.raises(DeviceError, match=f"too long for a device: .* of {COMMAND_BYTES}"):
        encode("x" * (COMMAND_BYTES + 1))


@pytest.mark.parametrize(
    ("stderr", "reply"),
    [
        (f"{MARK}\n\n{MARK} exit 0\n", Reply("exit", "0", "")),
        (f"noise{MARK}\nerr\n\n{MARK} exit 42\n", Reply("exit", "42", "err\n")),
        (f"{MARK}\nno newline\n{MARK} absent 0\n", Reply("absent", "0", "no newline")),
        (f"cut off here\n{MARK} exit 1\n", Reply("exit", "1", "cut off here")),
        (f"{MARK}\n\n{MARK} sha256 {'a' * 64}\n", Reply("sha256", "a" * 64, "")),
        ("", None),
        (f"{MARK}\nthe line broke", None),
        (f"{MARK}\n\n{MARK} exit 0", None),
        (f"{MARK}\n\n{MARK} exit 0\nConnection closed", None),
        (f"{MARK}\n\n{MARK} exit abc\n", None),
        (f"{MARK}\n\nedgekit-other exit 0\n", None),
    ],
)
def test_only_a_whole_answer_is_one(stderr: str, reply: Reply | None) -> None:
    assert reply_of(stderr, MARK) == reply


@pytest.mark.parametrize(
    ("value", "code"), [(0, 0), (1, 1), (128, 128), (129, -1), (137, -9), (159, -31), (160, 160), (255, 255)]
)
def test_exit_codes_and_signals(value: int, code: int) -> None:
    assert Reply("exit", str(value), "").exit_code == code


def test_what_a_device_says_is_one_printable_line() -> None:
    assert one_line("first\n\x1b[31mred\x1b[0m\x07 \u202eevil\n\n") == "[31mred[0m evil"
    assert one_line(" \n") == ""
    assert len(one_line("x" * 1000)) == 200


@pytest.mark.parametrize("path", ["", ".", "/", "/x", "..", "a/..", "../a", "-x", "a\n", "a\0", "\x7f"])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(DeviceError, match="is not a path below"):
        device_path(path)
