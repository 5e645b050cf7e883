"""Files on the board that are whole or absent after a power cut, and a package that may be hostile."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from edgekit.deploy.agent.protocol import MANIFEST, RELEASE, SERVICE, SIGNATURE, Refused

SMALL_BYTES = 64 << 20
_LIMIT_BYTES = 8 << 30
_CHUNK_BYTES = 1 << 20
_SCHEMA = 1
_ENCRYPTED = 1  # bit 0 of an entry's flags: PKWARE APPNOTE 4.4.4
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OURS = {MANIFEST, SIGNATURE, RELEASE, SERVICE}


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(str(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def require_own(folder: Path) -> None:
    """Refuse what is no folder, such as a link to one."""
    if not stat.S_ISDIR(os.lstat(str(folder)).st_mode):
        raise Refused(f"{folder} was not made by a deployment: it is a link or no folder")


def close_to_others(folder: Path) -> None:
    """Nobody but this user may write in `folder` from now on. Refuses a folder of somebody else."""
    handle = os.open(str(folder), os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = os.fstat(handle)
        if found.st_uid != os.geteuid():
            raise Refused(f"{folder} belongs to another user")
        if found.st_mode & 0o022:
            os.fchmod(handle, stat.S_IMODE(found.st_mode) & ~0o022)
    finally:
        os.close(handle)


def write_new(path: Path, data: bytes) -> None:
    """A new file with `data`, on the disk when this returns. Raises OSError where one is."""
    handle = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, data: bytes) -> None:
    """A file with `data` in place of an old one: a reader, and a power cut, sees either."""
    temporary = path.with_name(f".tmp-{path.name}")
    remove(temporary)
    write_new(temporary, data)
    os.replace(str(temporary), str(path))
    sync_folder(path.parent)


def copy(source: IO[bytes], path: Path, limit_bytes: int) -> None:
    """A new file with what is left of `source`. Refuses more than `limit_bytes`."""
    handle = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as file:
        left = limit_bytes
        while True:
            chunk = source.read(_CHUNK_BYTES)
            if not chunk:
                break
            left -= len(chunk)
            if left < 0:
                raise Refused(f"{path.name} is longer than the {limit_bytes} bytes that were stated")
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> bytes:
    """A small file, which must not be a link. Raises OSError."""
    handle = os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused(f"{path.name} is no plain file")
        data = file.read(SMALL_BYTES + 1)
    if len(data) > SMALL_BYTES:
        raise Refused(f"{path.name} is larger than {SMALL_BYTES >> 20} MiB")
    return data


def sha256(path: Path) -> str:
    """SHA-256 of a file as it is on the disk."""
    digest = hashlib.sha256()
    handle = os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)


def walk(folder: Path, prefix: str = "") -> Iterator[str]:
    """Every file below a folder, with forward slashes. Refuses links and special files."""
    for entry in sorted(os.scandir(str(folder)), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False):
            yield from walk(folder / entry.name, f"{prefix}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            yield prefix + entry.name
        else:
            raise Refused(f"{prefix}{entry.name} is a link or a special file")


def remove(path: Path) -> None:
    """Remove a file, a link or a folder; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(str(path))
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(str(path))


def parse_manifest(data: bytes) -> Mapping[str, Any]:
    """A manifest whose digest is right and whose files lie inside. Refuses any other, naming what is wrong."""
    try:
        manifest = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        digest = _digest_of(manifest)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{MANIFEST} cannot be read: {error}") from error
    if manifest.get("schema") != _SCHEMA or manifest["digest"] != digest or not isinstance(manifest.get("name"), str):
        raise Refused(f"{MANIFEST} was altered: its content does not have the digest that it states")
    if manifest["measurements"]:
        raise Refused(f"{MANIFEST} carries measurements, which its digest does not cover")
    _require_sound(manifest["files"])
    return dict(manifest)


@contextlib.contextmanager
def opened_package(path: Path) -> Iterator[zipfile.ZipFile]:
    """A packed bundle of plain stored files, each name once. Refuses every other archive."""
    try:
        with zipfile.ZipFile(str(path)) as archive:
            names = [info.filename for info in archive.infolist()]
            for info in archive.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                plain = kind in (0, stat.S_IFREG) and not info.is_dir() and not info.flag_bits & _ENCRYPTED
                if not plain or info.compress_type != zipfile.ZIP_STORED or names.count(info.filename) > 1:
                    raise Refused(f"{info.filename[:80]!r} is no plain file of the package")
            yield archive
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refused(f"the package is damaged: {error}") from error


def small(archive: zipfile.ZipFile, name: str) -> bytes:
    """A small file of the package; empty where there is none."""
    if name not in archive.namelist():
        return b""
    with archive.open(name) as file:
        data = file.read(SMALL_BYTES + 1)
    if len(data) > SMALL_BYTES:
        raise Refused(f"{name} is larger than {SMALL_BYTES >> 20} MiB")
    return data


def unpack(archive: zipfile.ZipFile, manifest: Mapping[str, Any], folder: Path) -> None:
    """Write what the manifest lists, the manifest and the signature to the new `folder`. Hashes are compared later."""
    listed = {entry["path"]: entry["size_bytes"] for entry in manifest["files"]}
    free = shutil.disk_usage(str(folder.parent)).free
    if sum(listed.values()) > free:
        raise Refused(f"the disk is full: {sum(listed.values())} bytes are needed, {free} are free")
    for name in archive.namelist():
        if name not in listed and name not in (MANIFEST, SIGNATURE):
            raise Refused(f"{name[:80]!r} is not listed in the manifest")
    folder.mkdir()
    for name in archive.namelist():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as file:
            copy(file, path, listed.get(name, SMALL_BYTES))
    for root, _, _ in os.walk(str(folder)):
        sync_folder(Path(root))


def _require_sound(files: object) -> None:
    """Names that stay inside, each once, none of ours; sizes that make sense."""
    if not isinstance(files, list) or not all(isinstance(entry, dict) for entry in files):
        raise Refused(f"{MANIFEST} lists no files")
    for entry in files:
        path, size, digest = entry.get("path"), entry.get("size_bytes"), entry.get("sha256")
        if not isinstance(path, str) or not all(_SEGMENT.fullmatch(part) for part in path.split("/")) or path in _OURS:
            raise Refused(f"{MANIFEST} lists {str(path)[:80]!r}, a name that may lie outside")
        if type(size) is not int or not 0 <= size <= _LIMIT_BYTES or not _DIGEST.fullmatch(str(digest)):
            raise Refused(f"{MANIFEST} states no size or no SHA-256 of {path}")
    paths = [entry["path"] for entry in files]
    if len(set(paths)) != len(paths) or sum(entry["size_bytes"] for entry in files) > _LIMIT_BYTES:
        raise Refused(f"{MANIFEST} lists a file twice, or more than {_LIMIT_BYTES >> 30} GiB")


def _digest_of(manifest: Any) -> str:
    """As `edgekit.bundle.manifest.digest_of`: SHA-256 of the canonical JSON of all but the digest and measurements.

    The report is no part of a release, so nothing here is left out for it.
    """
    record = {key: value for key, value in manifest.items() if key not in ("digest", "measurements")}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key appears twice")
    return record


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
