"""What is learnt from is kept apart from what judges: checked at the start of a build, before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit.compress.registry import LEARNING
from edgekit.core.errors import DatasetError
from edgekit.data.feed import Binding
from edgekit.data.overlap import overlap
from edgekit.job import Workshop
from edgekit.recipe import Recipe


def keep_apart(bindings: Mapping[str, Binding], recipes: Sequence[Recipe], workshop: Workshop) -> None:
    """Raises DatasetError where what is learnt from is among what judges.

    Training samples never may be; calibration samples may where no step learns from them: ranges and refits of them
    tell next to nothing of single samples.
    """
    learns = any(use.use in LEARNING for recipe in recipes for use in recipe.steps)
    evaluation = bindings.get("evaluation")
    for role in ("training", "calibration") if learns else ("training",):
        binding = bindings.get(role)
        if binding is None or evaluation is None:
            continue
        told = _shared_samples(binding, evaluation, workshop)
        if told:
            raise DatasetError(f"the {role} and the evaluation dataset share {told}", "leave them out of one")


def _shared_samples(first: Binding, second: Binding, workshop: Workshop) -> str:
    """How many samples are in both and where one of them is, as words; "" where there is none."""
    key = {"first": first.dataset.digest, "second": second.dataset.digest,
           "inputs": [[port.name, list(port.shape), str(port.dtype)] for port, _ in first.pairs]}  # fmt: skip

    def make(folder: Path) -> None:
        found = overlap(first, second)
        words = f"{found.count} samples: {found.first} is {found.second}" if found else ""
        (folder / "overlap.txt").write_text(words)

    return (workshop.cache.get("overlap", key, make) / "overlap.txt").read_text()
