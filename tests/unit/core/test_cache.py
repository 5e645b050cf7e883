"""The cache makes a result once, notices damage, and two at once do not harm each other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edgekit.core.cache import Cache


def writer(text: str, calls: list[str]) -> object:
    def make(folder: Path) -> None:
        calls.append(text)
        (folder / "result").write_text(text)

    return make


def test_a_result_is_made_once(tmp_path: Path) -> None:
    calls: list[str] = []
    for _ in range(2):
        entry = Cache(tmp_path).get("stage", {"source": "abc"}, writer("x", calls))  # type: ignore[arg-type]
    assert calls == ["x"]
    assert (entry / "result").read_text() == "x"


def test_another_key_is_another_result(tmp_path: Path) -> None:
    calls: list[str] = []
    for source in "ab":
        Cache(tmp_path).get("stage", {"source": source}, writer(source, calls))  # type: ignore[arg-type]
    assert calls == ["a", "b"]


@pytest.mark.parametrize("damage", ["flip", "remove", "seal", "extra"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    calls: list[str] = []
    cache = Cache(tmp_path)
    entry = cache.get("stage", {}, writer("x", calls))  # type: ignore[arg-type]
    if damage == "flip":
        (entry / "result").write_text("y")
    elif damage == "remove":
        (entry / "result").unlink()
    elif damage == "seal":
        (entry / "seal.json").write_text("{")
    else:
        (entry / "more").write_text("")
    entry = cache.get("stage", {}, writer("x", calls))  # type: ignore[arg-type]
    assert calls == ["x", "x"]
    assert (entry / "result").read_text() == "x"


def test_an_interrupted_stage_leaves_no_entry(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path).get("stage", {}, make)
    assert list((tmp_path / "stage").iterdir()) == []


def test_two_at_once_both_get_a_whole_entry(tmp_path: Path) -> None:
    barrier = threading.Barrier(2)
    read: list[str] = []

    def make(folder: Path) -> None:
        barrier.wait(timeout=10)
        (folder / "result").write_text("x" * 100_000)

    def build() -> None:
        read.append((Cache(tmp_path).get("stage", {}, make) / "result").read_text())

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == ["x" * 100_000] * 2
    assert len(list((tmp_path / "stage").iterdir())) == 1
