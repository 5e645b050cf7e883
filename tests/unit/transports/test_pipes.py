"""Lines and files that come through a pipe."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import DeviceError, StorageError
from edgekit.transports.lines import LINE_BYTES, read_lines
from edgekit.transports.receive import receive

MARK = "edgekit-0123456789abcdef"


@contextlib.contextmanager
def _pipe(*chunks: bytes, ended: bool = True) -> Iterator[int]:
    """The reading end of a pipe into which a thread writes; the writing end stays open where it has not `ended`."""
    out, into = os.pipe()

    def write() -> None:
        with contextlib.suppress(OSError):
            for chunk in chunks:
                os.write(into, chunk)
        if ended:
            os.close(into)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield out
    finally:
        os.close(out)
        thread.join(30)
        if not ended:
            os.close(into)


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ((), []),
        ((b"\n",), [""]),
        ((b"a\nb",), ["a", "b"]),
        ((b"a", b"b\n", b"c\n\nd\n"), ["ab", "c", "", "d"]),
        ((b"\xff\xc3", b"\xa4\n"), ["\ufffdä"]),
    ],
)
def test_lines_come_whole(chunks: tuple[bytes, ...], lines: list[str]) -> None:
    with _pipe(*chunks) as handle:
        assert list(read_lines(handle, "it", 10)) == lines


def test_silence_and_an_endless_line() -> None:
    with _pipe(b"a\nb", ended=False) as handle:
        lines = read_lines(handle, "it", 0.2)
        assert next(lines) == "a"
        with pytest.raises(DeviceError, match=r"it was silent for 0\.2 s"):
            next(lines)
    with _pipe(b"x" * (LINE_BYTES + 70_000)) as handle, pytest.raises(DeviceError, match="a line of more than 1 MiB"):
        list(read_lines(handle, "it", 10))


def _received(folder: Path, *chunks: bytes) -> str:
    with _pipe(*chunks) as handle, receive(handle, MARK, "it", folder / "x") as incoming:
        return incoming.sha256


def test_a_file_comes_whole_or_not(tmp_path: Path) -> None:
    data = os.urandom(200_000)
    head = f"noise {MARK}\n200000\n".encode()
    with _pipe(head + data[:10], data[10:]) as handle, receive(handle, MARK, "it", tmp_path / "x") as incoming:
        incoming.keep(hashlib.sha256(data).hexdigest())
    assert (tmp_path / "x").read_bytes() == data
    (tmp_path / "x").unlink()
    with pytest.raises(DeviceError, match="it is longer than the device said"):
        _received(tmp_path, head + data, b"x")
    assert _received(tmp_path, head + data[:-1]) == ""
    assert _received(tmp_path) == ""
    assert _received(tmp_path, f"{MARK}\n".encode()) == ""
    assert _received(tmp_path, f"{MARK}\nsize\n".encode()) == ""
    with pytest.raises(DeviceError, match="it has .* GiB, more than the 1,024.0 MiB that it may have"):
        _received(tmp_path, f"{MARK}\n999999999999999\n".encode())
    with (
        pytest.raises(StorageError, match="do not fit"),
        _pipe(f"{MARK}\n999999999999999\n".encode()) as handle,
        receive(handle, MARK, "it", tmp_path / "x", 1 << 60),
    ):
        pass
    with pytest.raises(DeviceError, match="something else than a file"):
        _received(tmp_path, b"garbage" * 30_000)
    assert list(tmp_path.iterdir()) == []


def test_a_hash_that_is_another(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("as it was")
    with (
        _pipe(f"{MARK}\n3\nabc".encode()) as handle,
        pytest.raises(DeviceError, match="it did not arrive whole"),
        receive(handle, MARK, "it", tmp_path / "x") as incoming,
    ):
        incoming.keep("0" * 64)
    assert (tmp_path / "x").read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
