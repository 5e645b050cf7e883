"""Parts of long work that outlive an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.core.files import read_bytes, write_atomic


def kept(workspace: Path | None, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Plain values that `make` gives, or gave when the same work was begun before: whole, or not there.

    The workspace belongs to one model, one set of samples and one set of options; without one nothing is kept.
    """
    if workspace is None:
        return make()
    path = workspace / f"{name}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(read_bytes(path))
        return found
    made = make()
    workspace.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(made).encode())
    return made
