"""A training in a child process, as bars of progress: one an epoch, with the losses of the one before."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

from edgekit.core.progress import Progress

_POLL_S = 0.5
TOLD = "told.jsonl"


@contextlib.contextmanager
def followed(folder: Path, epochs: int, progress: Progress) -> Iterator[None]:
    """While the block runs, what the training writes into `folder` is told to `progress`."""
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(folder / TOLD, epochs, progress, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(path: Path, epochs: int, progress: Progress, ended: threading.Event) -> None:
    seen = 0
    progress.start("distill", epochs)
    while not ended.wait(_POLL_S):
        text = path.read_text() if path.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()  # the last one may still be written
        for line in lines[seen:]:
            progress.finish()
            told = json.loads(line)
            progress.start(_label(told), told["epochs"])
            progress.advance(told["epoch"])
        seen = len(lines)
    progress.finish()


def _label(told: dict[str, float | None]) -> str:
    train = "" if told["train"] is None else f"loss {told['train']:.4g}, "
    return f"distill: {train}held out {told['held']:.4g}"
