"""Files behind the flatbuffer: a zip archive that ends the .tflite file, as the TFLite Task Library reads it.

Source: "Adding metadata to TensorFlow Lite models", section on associated files: labels and vocabularies are
appended as an archive, which unpacks from the model file itself.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

from edgekit.core.errors import ModelError

_END = b"PK\x05\x06"  # end of the central directory: PKWARE APPNOTE 4.3.16
_END_BYTES = 22 + 65535  # that record with the longest comment
_LIMIT_BYTES = 256 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first: same content, same bytes


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file of the archive."""

    name: str
    data: bytes


def attached_files(view: memoryview) -> tuple[AttachedFile, ...]:
    """The files behind the flatbuffer; none where the bytes do not end with an archive.

    Raises ModelError for an archive that unpacks to more than 256 MiB.
    """
    if _END not in bytes(view[-_END_BYTES:]):
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(view)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > _LIMIT_BYTES:
                raise ModelError(f"The files attached to the model take more than {_LIMIT_BYTES >> 20} MiB.")
            return tuple(AttachedFile(entry.filename, archive.read(entry)) for entry in entries)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError, zlib.error):
        return ()  # weights may hold those four bytes by chance


def with_attached(flatbuffer: bytes, files: tuple[AttachedFile, ...]) -> bytes:
    """The flatbuffer with the files as an archive behind it, stored as they are."""
    if not files:
        return flatbuffer
    out = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(out, "a") as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.name, _EPOCH), file.data)
    return out.getvalue()
