"""A board for a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.deploy.board_folder import BoardFolder


@pytest.fixture
def board() -> Iterator[BoardFolder]:
    made = BoardFolder()
    yield made
    made.remove()
