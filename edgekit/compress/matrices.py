"""Arrays inside plans: plain values there and back, exactly."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def to_plain(array: npt.NDArray[Any]) -> dict[str, object]:
    """Type, shape and little-endian bytes."""
    stored = np.ascontiguousarray(array)
    stored = stored.astype(stored.dtype.newbyteorder("<"), copy=False)
    data = base64.b64encode(stored.tobytes()).decode()
    return {"dtype": stored.dtype.str, "shape": list(array.shape), "data": data}


def from_plain(plain: Mapping[str, Any]) -> npt.NDArray[Any]:
    """What `to_plain` wrote."""
    flat = np.frombuffer(base64.b64decode(plain["data"]), np.dtype(plain["dtype"]))
    return flat.astype(flat.dtype.newbyteorder("=")).reshape(plain["shape"])
