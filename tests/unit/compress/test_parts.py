"""What is kept of long work is found again, and gives the same plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgekit.compress.parts import kept
from edgekit.compress.registry import STEPS
from edgekit.compress.step import Setting
from tests.unit.compress.small import Feeds, conv_net, samples


def test_work_is_done_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def make() -> dict[str, Any]:
        calls.append(1)
        return {"a": [1, 2]}

    assert [kept(tmp_path / "new", "part", make) for _ in range(2)] == [{"a": [1, 2]}] * 2
    assert len(calls) == 1 and kept(None, "part", make) == {"a": [1, 2]} and len(calls) == 2


@dataclass(frozen=True, slots=True)
class _Broken:
    """Samples that end in an interruption after some passes."""

    feeds_of: Feeds
    passes: list[int]
    most: int

    @property
    def count(self) -> int:
        return self.feeds_of.count

    def feeds(self, limit: int | None) -> Iterator[dict[str, Any]]:
        self.passes.append(1)
        if len(self.passes) > self.most:
            raise KeyboardInterrupt
        return self.feeds_of.feeds(limit)


@pytest.mark.parametrize(
    ("use", "chosen", "passes"), [("low-rank", {"level": 0.4}, 4), ("sparsify", {"goal": "download", "share": 0.5}, 6)]
)
def test_an_interrupted_plan_goes_on_and_ends_the_same(
    use: str, chosen: dict[str, Any], passes: int, tmp_path: Path
) -> None:
    model, step = conv_net(), STEPS.load(use)
    feeds, options = samples(model), step.options(chosen)
    whole = step.plan(model, options, Setting(samples=feeds))
    with pytest.raises(KeyboardInterrupt):
        step.plan(model, options, Setting(samples=_Broken(feeds, [], passes), workspace=tmp_path / "w"))
    assert list((tmp_path / "w").iterdir())
    again: list[int] = []
    rest = step.plan(model, options, Setting(samples=_Broken(feeds, again, 999), workspace=tmp_path / "w"))
    assert rest.to_json() == whole.to_json() and len(again) > 0
