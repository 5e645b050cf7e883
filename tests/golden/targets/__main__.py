"""`python -m tests.golden.targets` writes the texts that `tests/contract/test_targets.py` compares with."""

from __future__ import annotations

from pathlib import Path

from edgekit.targets.describe import describe
from edgekit.targets.load import load_target, target_names

for name in target_names():
    (Path(__file__).parent / f"{name}.txt").write_text(describe(load_target(name)))
