"""Which runtime a board gets, by what its Python says of itself; and how wheels are pinned."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgekit.bundle.manifest import TargetRef
from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.measure.board import Facts
from edgekit.measure.check import misfits
from edgekit.measure.wheels import given, needs_of, platform_tags

PI = Facts(
    path="/usr/bin/python3",
    version="3.11.2",
    machine="aarch64",
    bits=64,
    libc="glibc-2.36",
    numpy="1.24.2",
    litert="",
    tflite_runtime="",
    modules=("pip", "venv"),
    home="/home/pi",
    memory_bytes=1 << 30,
    emulated="",
    board="Raspberry Pi 5 Model B Rev 1.0",
)


def board(**changes: object) -> Facts:
    return dataclasses.replace(PI, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "packages", "system_site"),
    [
        (PI, ("ai-edge-litert>=2.3,<2.4",), False),
        (board(version="3.13.5"), ("ai-edge-litert>=2.3,<2.4",), False),
        (board(version="3.9.2", libc="glibc-2.31"), ("ai-edge-litert",), False),
        (board(version="3.8.10", libc="glibc-2.31"), ("tflite-runtime", "numpy<2"), False),
        (board(libc="glibc-2.24"), ("tflite-runtime", "numpy<2"), False),
        (board(machine="armv7l", bits=32), ("tflite-runtime",), True),
        (board(machine="aarch64", bits=32), ("tflite-runtime",), True),  # 32-bit system on a 64-bit kernel
    ],
)
def test_the_runtime_that_fits(facts: Facts, packages: tuple[str, ...], system_site: bool) -> None:
    needs = needs_of(facts)
    assert (needs.packages, needs.system_site) == (packages, system_site)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (board(machine="armv6l", bits=32), "no runtime has wheels for Python 3.11.2 on armv6l with 32 bits"),
        (board(libc="-"), "no runtime has wheels"),
        (board(machine="armv7l", bits=32, version="3.13.5"), "tflite-runtime ends with Python 3.11"),
        (board(machine="armv7l", bits=32, numpy=""), "has no numpy"),
        (board(machine="armv7l", bits=32, numpy="2.2.4"), "has numpy 2.2.4"),
    ],
)
def test_no_runtime_fits(facts: Facts, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        needs_of(facts)


@pytest.mark.parametrize(
    ("facts", "lacks"),
    [
        (PI, "has neither ai-edge-litert nor tflite-runtime"),
        (board(litert="2.3.0"), ""),
        (board(litert="2.3.0", numpy=""), "has ai-edge-litert but no numpy"),
        (board(tflite_runtime="2.14.0"), ""),
        (board(tflite_runtime="2.14.0", numpy="2.0.2"), "has numpy 2.0.2, and tflite-runtime needs one below 2"),
    ],
)
def test_what_an_interpreter_lacks(facts: Facts, lacks: str) -> None:
    assert facts.lacks == lacks


def test_tags_are_those_of_the_board() -> None:
    tags = platform_tags(board(machine="armv7l", bits=32, libc="glibc-2.19"))
    assert tags == ("manylinux_2_19_armv7l", "manylinux_2_18_armv7l", "manylinux_2_17_armv7l", "manylinux2014_armv7l")


def test_wheels_are_pinned_to_their_hashes(tmp_path: Path) -> None:
    for name in ("pip-25.0-py3-none-any.whl", "ai_edge_litert-2.3.0-cp311-cp311-manylinux_2_27_aarch64.whl"):
        (tmp_path / name).write_bytes(name.encode())
    parcel = given(tmp_path)
    digest = sha256_bytes(b"ai_edge_litert-2.3.0-cp311-cp311-manylinux_2_27_aarch64.whl")
    assert parcel.requirements == f"ai-edge-litert==2.3.0 --hash=sha256:{digest}\n"
    assert parcel.pip.name == "pip-25.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "has no wheel of pip itself"),
        (("pip-25.0-py3-none-any.whl",), "there are no wheels in"),
        (("pip-25.0-py3-none-any.whl", "numpy.whl"), "is not named as a wheel is"),
        (
            ("pip-25.0-py3-none-any.whl", "a-1-py3-none-any.whl", "a-2-py3-none-any.whl"),
            "has a twice: 1 and 2",
        ),
    ],
)
def test_folders_that_cannot_be_installed(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UsageError, match=words):
        given(tmp_path)


@pytest.mark.parametrize(
    ("runtime", "facts", "words"),
    [
        ("litert", PI, ""),
        ("litert", board(machine="armv7l", bits=32), "a system of 64 bits, but the device is armv7l with 32 bits"),
        ("tflite-runtime", PI, "a system of 32 bits, but the device is aarch64 with 64 bits"),
        ("tflite-runtime", board(bits=32), ""),
        ("litert", board(machine="x86_64"), "an Arm board, but the device is x86_64 with 64 bits"),
    ],
)
def test_a_board_that_is_not_of_the_bundles_kind_is_told_of(runtime: str, facts: Facts, words: str) -> None:
    found = misfits(TargetRef("pi", "A Pi", "linux", runtime), facts)
    assert found == ((f"Built for A Pi, {words}.",) if words else ())


def test_this_machine_and_phones_are_not_judged_by_their_kind() -> None:
    assert misfits(TargetRef("pi", "A Pi", "linux", "litert"), None) == ()
    assert misfits(TargetRef("phone", "A phone", "android", "litert"), board(machine="x86_64")) == ()
