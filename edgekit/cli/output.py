"""What commands write for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

SCHEMA = 1


def write_json(path: Path, content: object) -> None:
    """`{"schema": 1, "results": content}` to `path`, or to standard output for `-`. Raises StorageError."""
    from edgekit.core.files import write_atomic

    text = json.dumps({"schema": SCHEMA, "results": content}, indent=2, ensure_ascii=False) + "\n"
    if str(path) == "-":
        click.echo(text, nl=False)
    else:
        write_atomic(path, text.encode())


def print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Left-aligned columns, two spaces apart."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for index, row in enumerate([header, *rows]):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if index == 0 else line)
