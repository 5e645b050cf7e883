"""Reading a flatbuffer that nobody vouches for: every offset is checked before it is followed.

Python's flatbuffers runtime trusts lengths, so a flipped bit can loop for minutes or allocate gigabytes. Here each
table, vector and
string is bounded by the file, and all of them together by a budget in proportion to it, as the C++ verifier does.
Source: https://flatbuffers.dev/internals (tables, vtables, vectors, strings).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import ModelError

_U16 = struct.Struct("<H")
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")
_FORMS = {"bool": struct.Struct("<?"), "i8": struct.Struct("<b"), "u8": struct.Struct("<B"), "i32": _I32, "u32": _U32,
          "u64": struct.Struct("<Q")}  # fmt: skip
_SPARE_WORK = 100_000


@dataclass(slots=True)
class FlatFile:
    """The bytes of a flatbuffer and how much work reading it may still take.

    Attributes:
        work: what is left: a table, an entry of a vector that becomes a Python object, and four bytes of text cost
            one each. A file
            without sharing needs less than its size in bytes; one that shares tables to blow up runs out.
    """

    data: memoryview
    work: int = 0
    texts: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work = len(self.data) + _SPARE_WORK

    def charge(self, amount: int) -> None:
        """Takes from the budget; raises ModelError when it is used up."""
        self.work -= amount
        if self.work < 0:
            damaged("it repeats itself beyond any real model")

    def number(self, form: struct.Struct, at: int) -> Any:
        """The number at a position."""
        if at < 0 or at + form.size > len(self.data):
            damaged("an offset points outside of it")
        return form.unpack_from(self.data, at)[0]

    def root(self, known_fields: int) -> Table:
        """The table that the file begins with."""
        return Table(self, self.number(_U32, 0), known_fields, "Model")


@dataclass(slots=True)
class Table:
    """A table at `at`; fields by their number in the schema.

    A field beyond `known_fields` comes from a newer schema: to drop it in silence could change what the model
    computes, so it is an
    error.
    """

    file: FlatFile
    at: int
    known_fields: int
    what: str
    _vtable: int = 0
    _slots: int = 0

    def __post_init__(self) -> None:
        file = self.file
        file.charge(1)
        self._vtable = self.at - file.number(_I32, self.at)
        length = file.number(_U16, self._vtable)
        if length < 4 or length % 2 or self._vtable + length > len(file.data):
            damaged(f"a table {self.what} has no field table")
        self._slots = (length - 4) // 2
        if any(self._offset(i) for i in range(self.known_fields, self._slots)):
            raise ModelError(
                f"The model has a field of {self.what} that this version of edgekit does not know.",
                "It is damaged, or was written by a newer converter: update edgekit and ai-edge-litert.",
            )

    def _offset(self, slot: int) -> int:
        return _U16.unpack_from(self.file.data, self._vtable + 4 + 2 * slot)[0] if slot < self._slots else 0

    def _field(self, slot: int) -> int:
        offset = self._offset(slot)
        return self.at + offset if offset else 0

    def has(self, slot: int) -> bool:
        """The field is in the file."""
        return self._offset(slot) != 0

    def get(self, slot: int, form: str, default: int = 0) -> int:
        """A number or truth value; `form` is one of bool, i8, u8, i32, u32, u64."""
        at = self._field(slot)
        return int(self.file.number(_FORMS[form], at)) if at else default

    def follow(self, slot: int) -> int:
        """Where the table, vector or string of a field stands; 0 if the field is absent."""
        at = self._field(slot)
        return at + int(self.file.number(_U32, at)) if at else 0

    def vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """Position of the first item and number of items of a vector, (0, 0) if it is absent; it lies within the
        file."""
        at = self.follow(slot)
        if not at:
            return 0, 0
        count = int(self.file.number(_U32, at))
        if at + 4 + count * item_bytes > len(self.file.data):
            damaged(f"a list in {self.what} is longer than the file")
        return at + 4, count

    def array(self, slot: int, dtype: str) -> NDArray[Any] | None:
        """A vector of numbers as a view of the file; None if it is absent."""
        at, count = self.vector(slot, np.dtype(dtype).itemsize)
        return np.frombuffer(self.file.data, dtype, count, at) if at else None

    def numbers(self, slot: int, dtype: str = "<i4") -> list[int]:
        """A short vector of integers as a list; empty if it is absent."""
        found = self.array(slot, dtype)
        self.file.charge(0 if found is None else found.size)
        return [] if found is None else found.tolist()

    def raw(self, slot: int) -> memoryview | None:
        """A vector of bytes as a view of the file; None if it is absent."""
        at, count = self.vector(slot, 1)
        return self.file.data[at : at + count] if at else None

    def text(self, slot: int) -> str:
        """A string, "" if it is absent. What is not UTF-8 survives as surrogate escapes."""
        at, count = self.vector(slot, 1)
        if at and at not in self.file.texts:
            self.file.charge(count // 4)
            self.file.texts[at] = bytes(self.file.data[at : at + count]).decode("utf-8", "surrogateescape")
        return self.file.texts[at] if at else ""

    def table(self, slot: int, known_fields: int, what: str) -> Table | None:
        """The table of a field, None if it is absent."""
        at = self.follow(slot)
        return Table(self.file, at, known_fields, what) if at else None

    def tables(self, slot: int, known_fields: int, what: str) -> list[Table]:
        """The tables of a vector; empty if it is absent."""
        at, count = self.vector(slot, 4)
        self.file.charge(count)
        positions = (entry + int(self.file.number(_U32, entry)) for entry in range(at, at + 4 * count, 4))
        return [Table(self.file, position, known_fields, what) for position in positions]


def damaged(how: str) -> NoReturn:
    """Raises the error of a file that contradicts itself."""
    raise ModelError(f"The .tflite file is damaged: {how}.", "Fetch or convert the model again.")
