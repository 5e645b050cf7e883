"""Files that are whole or absent: atomic writes, hashes, bounded reads."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgekit.core.errors import StorageError

_CHUNK_BYTES = 1 << 20
_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100  # fcntl.h


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of `data`, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits. Raises StorageError."""
    digest = hashlib.sha256()
    with _storage("read", path), path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_tree(folder: Path) -> str:
    """SHA-256 over the relative names and contents of all files below `folder`."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256_file(path)}\n".encode())
    return digest.hexdigest()


def sha256_path(path: Path) -> str:
    """SHA-256 of a file, or of a folder's names and contents."""
    return sha256_tree(path) if path.is_dir() else sha256_file(path)


def read_bytes(path: Path) -> bytes:
    """The whole content of a file. Raises StorageError with the reason."""
    with _storage("read", path):
        return path.read_bytes()


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` so that a reader sees the old file or the new one, never a part.

    Raises StorageError (no permission, disk full); then nothing is left behind.
    """
    with _storage("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` when the block ends without an error.

    On an error (also Ctrl-C) `path` is as it was and nothing else is left. Raises StorageError.
    """
    with _storage("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        os.chmod(staging, 0o777 & ~_umask())
    try:
        with _storage("write", path):
            yield staging
            _swap(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, path: Path) -> None:
    """Put `staging` at `path`; an old folder there ends up at `staging`."""
    if _move_where_nothing_is(staging, path) or _exchange(staging, path):
        return
    old = Path(f"{staging}.old")
    path.rename(old)
    staging.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _move_where_nothing_is(staging: Path, path: Path) -> bool:
    """Rename, unless another process has put a folder at `path` (rename(2) refuses a folder that is not empty)."""
    try:
        staging.rename(path)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return False
        raise
    return True


def _exchange(a: Path, b: Path) -> bool:
    """Swap two paths in one step, where the system can (Linux renameat2(2))."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    arguments = (_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE)
    return bool(renameat2(*arguments) == 0)


@contextlib.contextmanager
def _storage(verb: str, path: Path) -> Iterator[None]:
    """Map OSError to StorageError at this door."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot {verb} {path}: {error.strerror or error}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
