"""Whether a flatbuffer's lists can be as long as they say, before anything loops over them."""

from __future__ import annotations

import struct

from edgekit.core.errors import ModelError

_MODEL_LISTS = (1, 2, 4, 5, 6, 7)  # operator_codes, subgraphs, buffers, metadata_buffer, metadata, signature_defs
_SUBGRAPHS = 2
_SUBGRAPH_LISTS = (0, 1, 2, 3)  # tensors, inputs, outputs, operators
_ENTRY_BYTES = 4


def require_sane(data: bytes) -> None:
    """Raises ModelError where a list of the model or of one of its graphs is longer than the file.

    The reader loops over these in Python; all other lists it takes as one array, which numpy bounds.
    """
    root = _uint(data, 0)
    for slot in _MODEL_LISTS:
        begin, count = _list(data, root, slot)
        if slot == _SUBGRAPHS:
            for i in range(count):
                entry = begin + _ENTRY_BYTES * i
                table = entry + _uint(data, entry)
                for inner in _SUBGRAPH_LISTS:
                    _list(data, table, inner)


def _list(data: bytes, table: int, slot: int) -> tuple[int, int]:
    """Where the entries of the list in field `slot` begin, and how many there are; (0, 0) where it is absent."""
    vtable = table - _int(data, table)
    field = 4 + 2 * slot
    if field >= _ushort(data, vtable) or not (offset := _ushort(data, vtable + field)):
        return 0, 0
    at = table + offset
    begin = at + _uint(data, at)
    count = _uint(data, begin)
    if begin + 4 + _ENTRY_BYTES * count > len(data):
        raise ModelError("the .tflite file is damaged: a list in it is longer than the file")
    return begin + 4, count


def _uint(data: bytes, at: int) -> int:
    return int(_unpack("<I", data, at))


def _int(data: bytes, at: int) -> int:
    return int(_unpack("<i", data, at))


def _ushort(data: bytes, at: int) -> int:
    return int(_unpack("<H", data, at))


def _unpack(form: str, data: bytes, at: int) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(form):
        raise ModelError("the .tflite file is damaged or cut off: a reference points outside of it")
    return int(struct.unpack_from(form, data, at)[0])
