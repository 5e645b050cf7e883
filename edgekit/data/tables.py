"""Columns of a `.tsv`: UTF-8, one sample a line, fields between tabs, no header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.labels import Labels, named


class Table:
    """The fields of a `.tsv`, in memory (text is small). Raises DatasetError: unreadable, empty, ragged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            lines = path.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path} cannot be read as UTF-8 text: {error}") from error
        if lines[-1] == "":
            lines.pop()
        self.rows = [line.removesuffix("\r").split("\t") for line in lines]
        if not self.rows:
            raise DatasetError(f"{path} has no samples")
        self.width = len(self.rows[0])
        for number, row in enumerate(self.rows, 1):
            if len(row) != self.width:
                raise DatasetError(f"{path}, line {number} has {len(row)} columns, the first line has {self.width}")

    def texts(self, column: int) -> list[str]:
        """One column as text; -1 is the last. Raises DatasetError when there is no such column."""
        if not -self.width <= column < self.width:
            raise DatasetError(f"{self.path} has no column {column}", f"it has {self.width}, counted from 0")
        return [row[column] for row in self.rows]

    def numbers(self, columns: tuple[int, ...]) -> np.ndarray:
        """(samples, columns), float32. Raises DatasetError naming the line that is not a number."""
        return np.stack([_floats(self.texts(column), self.path) for column in columns], axis=1)

    def labels(self, column: int, names: tuple[str, ...]) -> Labels:
        """One column as labels: whole numbers, numbers, or texts, which become classes."""
        texts = self.texts(column)
        for kind in (np.int64, np.float32):
            try:
                return Labels(np.array([kind(text) for text in texts]), names)
            except ValueError:
                continue
        return named(texts, names, str(self.path))


def id_rows(texts: list[str]) -> np.ndarray | None:
    """(samples, length) int32 when every text is the same number of whole numbers between spaces, else None."""
    try:
        rows = [[int(word) for word in text.split()] for text in texts]
        return np.array(rows, np.int32) if rows[0] and len({len(row) for row in rows}) == 1 else None
    except (ValueError, OverflowError):
        return None


def _floats(texts: list[str], path: Path) -> np.ndarray:
    values = np.empty(len(texts), np.float32)
    for i, text in enumerate(texts):
        try:
            values[i] = float(text)
        except ValueError:
            raise DatasetError(f"{path}, line {i + 1}: {text[:40]!r} is not a number") from None
    return values
