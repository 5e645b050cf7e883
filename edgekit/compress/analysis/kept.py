"""What an analysis has counted so far, in files, so that an interrupted one goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.compress.analysis.choice import Choice
from edgekit.compress.analysis.error import Errors, OutputSums
from edgekit.core.files import read_bytes, write_atomic
from edgekit.core.records import from_record, to_record


@dataclass(slots=True, eq=False)
class Tally:
    """What was counted of a layer: errors by choice, after so many blocks of samples, and what running them cost."""

    errors: dict[Choice, Errors]
    blocks: int = 0
    macs: int = 0


@dataclass(frozen=True, slots=True)
class TallyRecord:
    """A tally as it is written: sums by choice, then by output."""

    blocks: int
    macs: int
    sums: Mapping[str, Mapping[str, OutputSums]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A file for each layer below `folder`, which belongs to one model, one set of samples and one set of options; with
    None nothing is kept."""

    folder: Path | None

    def load(self, number: int, tally: Tally) -> None:
        """Put what is kept of a layer into `tally`. Raises StorageError and ModelError for a damaged file."""
        path = self._path(number)
        if path is None or not path.is_file():
            return
        found = from_record(TallyRecord, json.loads(read_bytes(path)), str(path))
        tally.blocks, tally.macs = found.blocks, found.macs
        for choice, error in tally.errors.items():
            error.sums.update(found.sums[choice.value])

    def save(self, number: int, tally: Tally) -> None:
        """Keep a layer's tally."""
        path = self._path(number)
        if path is not None:
            sums = {choice.value: error.sums for choice, error in tally.errors.items()}
            write_atomic(path, json.dumps(to_record(TallyRecord(tally.blocks, tally.macs, sums))).encode())

    def _path(self, number: int) -> Path | None:
        return None if self.folder is None else self.folder / f"layer-{number}.json"
