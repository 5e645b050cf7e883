"""Arrays to .npz, the same bytes for the same arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip entry can bear: numpy itself would write the clock's."""


def write_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A .npz with fixed times and attributes, entries in the order given. No object arrays.

    Stored, not deflated: the bytes of a deflated stream depend on the zlib that wrote it.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(fixed_entry(f"{name}.npy"), _npy(np.asarray(array)))
    return buffer.getvalue()


def fixed_entry(name: str) -> zipfile.ZipInfo:
    """A zip entry that depends on its name alone: no clock, no umask, no operating system."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_STORED
    entry.create_system = 3  # Unix, whatever this is written on
    entry.external_attr = 0o644 << 16
    return entry


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    npy.write_array(buffer, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()
