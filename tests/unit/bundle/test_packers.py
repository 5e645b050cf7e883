"""Every kind of target has its packer."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.bundle.packers import PACKERS
from edgekit.bundle.read import is_safe
from edgekit.bundle.versions import versions
from edgekit.targets.target import Kind
from tests.unit.bundle.content import pack_job


def test_there_is_a_packer_for_each_kind() -> None:
    assert {kind.value for kind in Kind} == set(PACKERS)


@pytest.mark.parametrize("kind", list(PACKERS))
def test_packers_give_safe_names_and_the_same_bytes_every_time(kind: str) -> None:
    parts = PACKERS.load(kind)(pack_job())
    files = [path for part in parts for path in part.files]
    assert all(is_safe(path) for path in files) and len(set(files)) == len(files)
    assert all(path.startswith(f"{part.folder}/") for part in parts for path in part.files)
    again = PACKERS.load(kind)(pack_job())
    assert [(p.files, p.record) for p in parts] == [(p.files, p.record) for p in again]
    assert PACKERS.summary(kind)


def test_versions_name_what_is_installed() -> None:
    found = versions(("no-such-library",))
    assert found["numpy"] == np.__version__
    assert {"edgekit", "python", "ai-edge-litert"} <= set(found)
    assert "no-such-library" not in found
