"""Files behind the flatbuffer are kept, and weights are never taken for them."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgekit.core.errors import ModelError
from edgekit.graph import attached
from edgekit.graph.attached import AttachedFile, attached_files, with_attached
from edgekit.graph.codec import read, write
from tests import small_models

FILES = (AttachedFile("labels.txt", b"cat\ndog\n"), AttachedFile("vocab/words.txt", bytes(range(256)) * 40))


def packed(model: bytes) -> bytes:
    """As a metadata writer appends them."""
    out = io.BytesIO(model)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for file in FILES:
            archive.writestr(file.name, file.data)
    return out.getvalue()


def test_labels_survive_reading_and_writing() -> None:
    plain = write(small_models.conv_model())
    again = write(read(packed(plain)))
    assert again.startswith(plain)
    with zipfile.ZipFile(io.BytesIO(again)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {f.name: f.data for f in FILES}
    assert write(read(again)) == again
    Interpreter(model_content=again).allocate_tensors()


def test_a_model_without_files_stays_as_it_is() -> None:
    plain = write(small_models.conv_model())
    assert read(plain).attached == ()
    assert with_attached(plain, ()) is plain


@pytest.mark.parametrize("tail", [b"PK\x05\x06", b"PK\x05\x06" + bytes(18), b"PK\x05\x06" + b"\xff" * 40])
def test_bytes_that_look_like_an_archive_are_none(tail: bytes) -> None:
    plain = write(small_models.conv_model())
    assert read(plain + tail).attached == ()


def test_a_damaged_archive_raises_nothing_strange() -> None:
    data = bytearray(packed(write(small_models.conv_model())))
    rng = np.random.default_rng(0)
    for place in rng.integers(len(data) - 400, len(data), 200):
        damaged = data.copy()
        damaged[place] ^= 0xFF
        try:
            assert len(attached_files(memoryview(bytes(damaged)))) <= 2
        except ModelError as error:
            assert "more than 256 MiB" in error.message  # what a damaged size says


def test_an_archive_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "_LIMIT_BYTES", 1000)
    with pytest.raises(ModelError, match="attached to the model"):
        read(packed(write(small_models.conv_model())))
