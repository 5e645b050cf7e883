"""A bundle as one file, and back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from edgekit.bundle.manifest import MANIFEST, SIGNATURE
from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import write_files
from edgekit.core.files import write_atomic
from edgekit.verify.npz import fixed_entry

SUFFIX = ".edgekit"


def pack_bundle(folder: Path, file: Path) -> None:
    """Write the bundle in `folder` to one zip file, atomically; the same bundle gives the same bytes.

    The bundle is checked first: a damaged one is not passed on. Errors as `open_bundle`, and StorageError.
    """
    write_atomic(file, packed(open_bundle(folder)))


def unpack_bundle(file: Path, folder: Path) -> None:
    """Write the packed bundle `file` out to `folder`, whole or not at all.

    Errors as `open_bundle` and `write_bundle`.
    """
    write_files(folder, _contents(open_bundle(file)))


def packed(bundle: Bundle) -> bytes:
    """The zip file: the manifest first, then the files by name, with fixed times.

    Stored, not deflated: the bytes of a deflated stream depend on the zlib that wrote it, and what is large in a
    bundle (weights) hardly shrinks.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in _contents(bundle).items():
            archive.writestr(fixed_entry(path), data)
    return buffer.getvalue()


def _contents(bundle: Bundle) -> dict[str, bytes]:
    """Every file of the bundle; each has been checked when it was opened, its path included."""
    signature = {SIGNATURE: bundle.signature} if bundle.signature else {}
    return {MANIFEST: bundle.manifest.to_bytes(), **signature, **dict(sorted(bundle.files.items()))}
