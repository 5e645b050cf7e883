"""What long work has found so far, kept so that a second run goes on where the first was interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.files import write_atomic


@dataclass(frozen=True, slots=True)
class Notes:
    """Plain values by name in a folder, which belongs to one model with its options and samples; None keeps none."""

    folder: Path | None

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gave for this name the first time: plain values, as JSON holds them."""
        if self.folder is None:
            return make()
        path = self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"
        if path.exists():
            return json.loads(path.read_text())
        found = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(found).encode())
        return found
