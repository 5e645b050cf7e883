"""Bytes of a .tflite file to a Model and back: `read` and `write`, the doors to the flatbuffers library."""

from __future__ import annotations

import struct

from edgekit.core.errors import ModelError
from edgekit.graph.attached import attached_files, with_attached
from edgekit.graph.flat import FlatFile
from edgekit.graph.model import Model
from edgekit.graph.reader import Reader
from edgekit.graph.writer import IDENTIFIER, Writer

# What Python's flatbuffers and numpy raise on bytes that contradict themselves, and on option fields of a wrong type.
_FOREIGN = (
    struct.error,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    AssertionError,
    KeyError,
    MemoryError,
)


def read(data: bytes | memoryview) -> Model:
    """The model in a .tflite file. Constants are views of `data`, which must not change while the model lives.

    Raises:
        ModelError: it is no .tflite file, is damaged, or needs a newer schema. Nothing else, whatever the bytes are.
    """
    view = memoryview(data)
    if not view:
        raise ModelError("The .tflite file is empty.")
    if bytes(view[4:8]) != IDENTIFIER:
        raise ModelError(
            "This is not a .tflite file: its identifier TFL3 is missing.", "Is it a model in another format?"
        )
    try:
        model = Reader(FlatFile(view)).model()
    except _FOREIGN as error:
        raise ModelError(f"The .tflite file is damaged: {error}.", "Fetch or convert the model again.") from error
    model.attached = attached_files(view)
    return model


def write(model: Model) -> bytes:
    """The bytes of a .tflite file: the same for the same graph, constants aligned to 16 bytes. The model stays as
    it is.

    Raises:
        ModelError: an object references one that is not in the model, or a field holds what the schema cannot.
    """
    try:
        return with_attached(Writer(model).run(), model.attached)
    except _FOREIGN as error:
        raise ModelError(f"The model cannot be written: {error}.") from error
