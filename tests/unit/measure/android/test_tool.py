"""Which benchmark_model is taken, and which is refused before a byte of it is on a phone."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.lab import benchmark_model
from edgekit.measure.android_tool import find_tool, keep_tool, read_tool

ARM64, ARM, X86_64 = 183, 40, 62
LAB = Path(benchmark_model.__file__)
PHONE = ("arm64-v8a", "armeabi-v7a")


def elf(machine: int, linker: str = "/system/bin/linker64", kind: int = 3, wide: bool = True) -> bytes:
    """The header of a program and its PT_INTERP: System V ABI, chapters 4 and 5."""
    text = linker.encode() + b"\0"
    header = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    if wide:
        header += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        header += struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(text), len(text), 1)
    else:
        header += struct.pack("<HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        header += struct.pack("<IIIIIIII", 3, 84, 0, 0, len(text), len(text), 4, 1)
    return header + text


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEKIT_BENCHMARK_MODEL", raising=False)
    return tmp_path / "cache"


def put(folder: Path, data: bytes, name: str = "tool") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_the_order_named_then_the_variable_then_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = put(tmp_path, elf(ARM64) + b"kept", "kept")
    keep_tool(kept)
    found = find_tool(None, PHONE, False, "adb:X")
    assert (found.data, found.abi, found.kept) == (elf(ARM64) + b"kept", "arm64-v8a", True)
    variable = put(tmp_path, elf(ARM64) + b"variable", "variable")
    monkeypatch.setenv("EDGEKIT_BENCHMARK_MODEL", str(variable))
    assert find_tool(None, PHONE, False, "adb:X").data.endswith(b"variable")
    named = put(tmp_path, elf(ARM, "/system/bin/linker", wide=False), "named")
    found = find_tool(named, PHONE, False, "adb:X")
    assert (found.abi, found.sha256, found.kept) == ("armeabi-v7a", sha256_bytes(named.read_bytes()), False)


def test_the_best_abi_that_was_kept(tmp_path: Path) -> None:
    keep_tool(put(tmp_path, elf(ARM, "/system/bin/linker", wide=False)))
    assert find_tool(None, PHONE, False, "adb:X").abi == "armeabi-v7a"
    keep_tool(put(tmp_path, elf(ARM64)))
    assert find_tool(None, PHONE, False, "adb:X").abi == "arm64-v8a"


def test_missing_says_where_to_get_it_and_the_command() -> None:
    with pytest.raises(
        MissingError, match=r"^adb:X: there is no benchmark_model for arm64-v8a or armeabi-v7a"
    ) as caught:
        find_tool(None, PHONE, False, "adb:X")
    assert "ai.google.dev/edge/litert" in caught.value.hint
    assert "edgekit devices setup adb:SERIAL --benchmark-model FILE" in caught.value.hint


def test_a_kept_tool_that_was_changed_is_refused(tmp_path: Path) -> None:
    kept = keep_tool(put(tmp_path, elf(ARM64)))
    kept.chmod(0o755)
    kept.write_bytes(elf(ARM64) + b"changed")
    with pytest.raises(
        UsageError, match=r"is not the file that was kept: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}\n"
    ):
        find_tool(None, PHONE, False, "adb:X")
    kept.with_suffix(".sha256").unlink()
    with pytest.raises(UsageError, match="not noted"):
        find_tool(None, PHONE, False, "adb:X")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is no ELF file"),
        (b"#!/bin/sh\nrm -rf /\n", "it is no ELF file"),
        (elf(ARM64)[:40], "it is no ELF file"),
        (elf(ARM64, kind=1), "it is no program"),
        (elf(243), "its machine is 243, which no Android phone has"),
        (elf(ARM64, "/lib/ld-linux-aarch64.so.1"), "its loader is /lib/ld-linux-aarch64.so.1, as on a Linux machine"),
        (elf(ARM64).replace(b"\x02\x01\x01", b"\x02\x02\x01", 1), "it is big-endian"),
    ],
)
def test_what_is_no_android_program(tmp_path: Path, data: bytes, said: str) -> None:
    path = put(tmp_path, data)
    for take in (read_tool, keep_tool):
        with pytest.raises(UsageError, match=f"^{path} is no benchmark_model for Android: {said}"):
            take(path)


def test_a_static_program_has_no_loader(tmp_path: Path) -> None:
    static = bytearray(elf(ARM64))
    static[64:68] = struct.pack("<I", 1)  # PT_LOAD
    assert read_tool(put(tmp_path, bytes(static))).abi == "arm64-v8a"


@pytest.mark.parametrize("end", range(0, 160, 5))
def test_any_cut_of_a_header_is_taken_or_refused_in_words(tmp_path: Path, end: int) -> None:
    path = put(tmp_path, (elf(ARM64) + bytes(64))[:end])
    try:
        assert read_tool(path).abi == "arm64-v8a"
    except UsageError as error:
        assert "is no benchmark_model" in error.message


def test_a_tool_of_another_abi(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"is built for x86_64, the phone runs arm64-v8a, armeabi-v7a\n"):
        find_tool(put(tmp_path, elf(X86_64)), PHONE, False, "adb:X")


def test_the_labs_program_is_for_phones_of_the_lab() -> None:
    assert find_tool(None, ("x86_64",), True, "adb:X").of_the_lab
    assert find_tool(LAB, ("x86_64",), True, "adb:X").of_the_lab
    with pytest.raises(DeviceError, match="is the lab's program, and this phone is not one of the lab's"):
        find_tool(LAB, PHONE, False, "adb:X")
    with pytest.raises(UsageError, match="is not kept"):
        keep_tool(LAB)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no benchmark_model at"):
        find_tool(tmp_path / "none", PHONE, False, "adb:X")
