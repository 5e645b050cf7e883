"""Arrays of `.npz` and `.npy` files, read when they are asked for: mapped, or unpacked once.

Never a pickle: arrays of Python objects are refused.
"""

from __future__ import annotations

import io
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Literal

import numpy as np

from edgekit.core.errors import DatasetError

Order = Literal["C", "F"]
_IN_MEMORY_BYTES = 8 << 20  # a larger compressed array is unpacked to an unnamed file and mapped from there
_CHUNK_BYTES = 1 << 20
_LOCAL_HEADER_BYTES = 30  # zip APPNOTE 4.3.7: then the name and the extra field, whose lengths are at 26 and 28
_DAMAGE = (OSError, ValueError, EOFError, SyntaxError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error)


class ArrayFile:
    """The arrays of one `.npz` (by key) or `.npy` (one array, key `""`). Opening reads the index only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays: dict[str, np.ndarray] = {}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The names of the arrays. Raises DatasetError when this is not such a file."""
        if self.path.suffix == ".npy":
            return ("",)
        with door(self.path), zipfile.ZipFile(self.path) as archive:
            return tuple(n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy"))

    def read(self, key: str) -> np.ndarray:
        """The array called `key`, read-only. Raises DatasetError: no such key, damaged, or Python objects."""
        if key not in self._arrays:
            if key not in self.keys:
                known = ", ".join(self.keys) or "no arrays at all"
                raise DatasetError(f"{self.path} has no array {key!r}", f"it has: {known}")
            with door(self.path, key):
                array = _map_npy(self.path) if self.path.suffix == ".npy" else _member(self.path, f"{key}.npy")
            array.flags.writeable = False
            self._arrays[key] = array
        return self._arrays[key]


@contextmanager
def door(path: Path, key: str = "") -> Iterator[None]:
    """Map what numpy and zipfile raise for a file that is not what it claims to be."""
    try:
        yield
    except _DAMAGE as error:
        which = f"{path}: the array {key!r}" if key else str(path)
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DatasetError(f"{which} cannot be read: {reason}", "is the file complete?") from error


def _member(path: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
        if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
            return _map_npy(path, _data_offset(path, info), info.file_size)
        with archive.open(info) as stream:
            return _unpack(stream, info.file_size)


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    with path.open("rb") as file:
        file.seek(info.header_offset)
        lengths: tuple[int, int] = struct.unpack_from("<HH", file.read(_LOCAL_HEADER_BYTES), 26)
    return info.header_offset + _LOCAL_HEADER_BYTES + sum(lengths)


def _map_npy(path: Path, offset: int = 0, size: int | None = None) -> np.ndarray:
    """The array whose `.npy` starts at `offset` of the file, mapped."""
    with path.open("rb") as file:
        end = path.stat().st_size if size is None else offset + size
        file.seek(offset)
        shape, order, dtype = _header(file)
        _require_bytes(shape, dtype, end - file.tell())
        if not all(shape):
            return np.zeros(shape, dtype)
        return np.memmap(path, dtype, "r", file.tell(), shape, order)


def _unpack(stream: IO[bytes], size: int) -> np.ndarray:
    shape, order, dtype = _header(stream)
    _require_bytes(shape, dtype, size - stream.tell())
    if size <= _IN_MEMORY_BYTES:
        return np.ndarray(shape, dtype, bytearray(stream.read()), order=order)
    with tempfile.TemporaryFile() as file:
        while chunk := stream.read(_CHUNK_BYTES):
            file.write(chunk)
        file.flush()
        mapped: np.ndarray = np.memmap(file, dtype, "r+", 0, shape, order)
        return mapped


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], Order, np.dtype]:
    """Shape, "C" or "F", and dtype of a `.npy` (numpy.lib.format, versions 1.0 and 2.0)."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"version {version} of the .npy format is not known")
    shape, fortran, dtype = read[version](stream)
    if dtype.hasobject or dtype.names:
        raise ValueError("it holds Python objects or records, and pickles are never loaded")
    return shape, "F" if fortran else "C", dtype


def _require_bytes(shape: tuple[int, ...], dtype: np.dtype, available: int) -> None:
    count = 1
    for length in shape:
        count *= length
    if count < 0 or count * dtype.itemsize != available:
        raise ValueError(f"its header says {count * dtype.itemsize} bytes and it has {available}")


def pack_npz(arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes of an `.npz` that depend on `arrays` only (no clock), compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asanyarray(array, order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, entry.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
