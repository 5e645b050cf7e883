"""Where the real models and data for tests and benchmarks are, if they are here at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("EDGEKIT_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def shared(name: str) -> Path:
    """The file or folder `name` of the shared data; skips the test, saying so, where it is not there."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name}: no shared data here (set EDGEKIT_SHARED_DATA)")
    return path
