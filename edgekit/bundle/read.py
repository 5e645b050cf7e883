"""Open a bundle, believing nothing that was not checked.

A bundle may come from a stranger: names that leave the folder, links, sizes that lie and files that nobody listed
are problems, each named, and no file is used before its hash was compared.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgekit.bundle.golden import Golden
from edgekit.bundle.manifest import GOLDEN, MANIFEST, MODEL, REPORT, SIGNATURE, FileEntry, Manifest
from edgekit.core.errors import ModelError, StorageError, UsageError
from edgekit.core.files import sha256_bytes

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_MANIFEST_LIMIT_BYTES = 64 << 20
_SIGNATURE_LIMIT_BYTES = 1 << 14
_LIMIT_BYTES = 8 << 30  # of all files: a .tflite holds 2 GiB, and the rest is small
_MOST_SHRUNK = 100  # beyond that ratio a zip entry is a bomb, not weights
_ENCRYPTED = 1  # bit 0 of an entry's flags: PKWARE APPNOTE 4.4.4
_AGAIN = "build the bundle again, or copy it again"


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """An open bundle; everything in it has been compared with its hash.

    Attributes:
        folder: the folder, or the packed file.
        files: content of each file but the manifest, by path.
        golden: None when the bundle has no golden samples.
        signature: the file beside the manifest, not verified yet (`edgekit.bundle.sign`); empty when there is none.
    """

    folder: Path
    manifest: Manifest
    files: Mapping[str, bytes]
    golden: Golden | None
    signature: bytes = b""

    @property
    def model_bytes(self) -> bytes:
        """The shipped model."""
        return self.files[MODEL]

    @property
    def report_html(self) -> bytes:
        """The report; empty when there is none."""
        return self.files.get(REPORT, b"")


class Source(Protocol):
    """Where a bundle's files come from: a folder or one packed file."""

    @property
    def path(self) -> Path:
        """What errors name."""

    def names(self) -> list[str]:
        """Every file in it, with forward slashes. Raises ModelError for anything that is no plain file."""

    def read(self, name: str, limit_bytes: int) -> bytes:
        """A file's content, at most `limit_bytes` + 1 of it. Raises ModelError, StorageError."""


def open_bundle(path: Path) -> Bundle:
    """The bundle in a folder, or packed in one file.

    Raises UsageError when `path` is no bundle, ModelError when it is a damaged or hostile one, StorageError when
    it cannot be read; each names the file.
    """
    source = _source(path)
    manifest = _manifest(source)
    problems = _listing_problems(source, manifest)
    files: dict[str, bytes] = {}
    for entry in manifest.files:
        if not problems:
            files[entry.path] = _checked(source, entry, problems)
    if problems:
        raise ModelError(problems[0], _AGAIN)
    return Bundle(path, manifest, files, _golden(manifest, files), _signature(source))


def verify_bundle(path: Path) -> list[str]:
    """Every problem of the bundle at `path`, one sentence each; empty when it is sound. Raises UsageError."""
    source = _source(path)
    problems: list[str] = []
    try:
        manifest = _manifest(source)
        problems += _listing_problems(source, manifest)
        present = set(source.names())
        listed = [entry for entry in manifest.files if entry.path in present and 0 <= entry.size_bytes <= _LIMIT_BYTES]
        files = {entry.path: _checked(source, entry, problems) for entry in listed}
        if not problems:
            _golden(manifest, files)
    except (ModelError, StorageError) as error:
        problems.append(error.message)
    return problems


def is_safe(path: str) -> bool:
    """Whether a file's name stays inside the folder on every system: plain segments, no dot first, no backslash."""
    return all(_SEGMENT.fullmatch(segment) for segment in path.split("/"))


def read_manifest(path: Path) -> Manifest:
    """The manifest alone; the files are not looked at. Errors as `open_bundle`."""
    return _manifest(_source(path))


def _source(path: Path) -> Source:
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return PackedSource(path)
    raise UsageError(f"there is no bundle at {path}")


def _manifest(source: Source) -> Manifest:
    if MANIFEST not in source.names():
        raise UsageError(f"{source.path} is no bundle: it has no {MANIFEST}")
    data = source.read(MANIFEST, _MANIFEST_LIMIT_BYTES)
    if len(data) > _MANIFEST_LIMIT_BYTES:
        raise ModelError(f"{source.path}/{MANIFEST} is larger than {_MANIFEST_LIMIT_BYTES >> 20} MiB")
    return Manifest.from_bytes(data, f"{source.path}/{MANIFEST}")


def _listing_problems(source: Source, manifest: Manifest) -> list[str]:
    """What is wrong before any content is read."""
    listed = [entry.path for entry in manifest.files]
    present = set(source.names()) - {MANIFEST, SIGNATURE}
    safe = {path for path in listed if is_safe(path) and path not in (MANIFEST, SIGNATURE)}
    twice = {path for path in listed if listed.count(path) > 1}
    problems = [f"the manifest lists {path!r}, a name that may lie outside" for path in listed if path not in safe]
    problems += [f"the manifest lists {path} twice" for path in sorted(twice)]
    problems += [f"{path} is missing" for path in sorted(safe - present)]
    problems += [f"{path!r} is not listed in the manifest" for path in sorted(present - set(listed))]
    if MODEL not in listed:
        problems.append(f"the manifest lists no {MODEL}")
    if (GOLDEN in listed) != (manifest.golden is not None):
        problems.append("the manifest and its files disagree on golden samples")
    sizes = [entry.size_bytes for entry in manifest.files]
    if sum(sizes) > _LIMIT_BYTES or min(sizes, default=0) < 0:
        problems.append(f"the sizes in the manifest are negative or beyond {_LIMIT_BYTES >> 30} GiB")
    return [f"{source.path}: {problem}" for problem in problems]


def _checked(source: Source, entry: FileEntry, problems: list[str]) -> bytes:
    """A file's content; what is wrong with it goes to `problems`."""
    data = source.read(entry.path, entry.size_bytes)
    where = f"{source.path}/{entry.path}"
    if len(data) < entry.size_bytes:
        problems.append(f"{where} is truncated: {len(data)} of {entry.size_bytes} bytes")
    elif len(data) > entry.size_bytes:
        problems.append(f"{where} is longer than the {entry.size_bytes} bytes that the manifest states")
    elif sha256_bytes(data) != entry.sha256:
        problems.append(f"{where} was altered: its SHA-256 is not the one in the manifest")
    return data


def _signature(source: Source) -> bytes:
    """The signature's file, bounded; whose it is, is judged elsewhere."""
    if SIGNATURE not in source.names():
        return b""
    data = source.read(SIGNATURE, _SIGNATURE_LIMIT_BYTES)
    if len(data) > _SIGNATURE_LIMIT_BYTES:
        raise ModelError(f"{source.path}/{SIGNATURE} is larger than {_SIGNATURE_LIMIT_BYTES >> 10} KiB")
    return data


def _golden(manifest: Manifest, files: Mapping[str, bytes]) -> Golden | None:
    if manifest.golden is None:
        return None
    golden = Golden.from_bytes(files[GOLDEN], manifest.inputs, manifest.outputs)
    if golden.count != manifest.golden.sample_count:
        raise ModelError(f"{GOLDEN} holds {golden.count} samples, the manifest says {manifest.golden.sample_count}")
    return golden


class FolderSource:
    """A bundle's folder. Links are refused: they may lead anywhere, and change under the reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        return sorted(self._walk(self.path, ""))

    def read(self, name: str, limit_bytes: int) -> bytes:
        try:
            handle = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                return file.read(limit_bytes + 1)
        except OSError as error:
            raise StorageError(f"cannot read {self.path / name}: {error.strerror or error}") from error

    def _walk(self, folder: Path, prefix: str) -> list[str]:
        names: list[str] = []
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise StorageError(f"cannot read {folder}: {error.strerror or error}") from error
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                names += self._walk(folder / entry.name, f"{prefix}{entry.name}/")
            elif stat.S_ISREG(mode):
                names.append(prefix + entry.name)
            else:
                raise ModelError(f"{folder / entry.name} is a link or a special file, which a bundle may not hold")
        return names


class PackedSource:
    """A bundle in one zip file. Sizes are counted while reading, never believed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise UsageError(f"{path} is no bundle: it is neither a folder nor a whole zip file") from error
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error

    def names(self) -> list[str]:
        names = sorted(entry.filename for entry in self._entries)
        for entry in self._entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if entry.is_dir() or kind not in (0, stat.S_IFREG) or entry.flag_bits & _ENCRYPTED:
                raise ModelError(f"{self.path}: {entry.filename!r} is no plain file, which a bundle may not hold")
            if entry.file_size > _MOST_SHRUNK * max(entry.compress_size, 1 << 16):
                raise ModelError(f"{self.path}: {entry.filename!r} unpacks to more than {_MOST_SHRUNK} times its size")
        if len(set(names)) != len(names):
            raise ModelError(f"{self.path} holds two files of one name")
        return names

    def read(self, name: str, limit_bytes: int) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as file:
                return file.read(limit_bytes + 1)
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
            raise ModelError(f"{self.path}: {name} is damaged", _AGAIN) from error
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror or error}") from error
