"""How the service is arranged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from edgekit.core.errors import ModelError
from edgekit.service.tuning import Arrangement, Trial, arrangements, choose, tune


def test_threads_never_exceed_the_cores() -> None:
    for cores in (1, 2, 3, 4, 8):
        tried = arrangements(cores)
        assert tried[0] == Arrangement(1, 1, 1)
        assert all(a.processes * a.threads <= cores for a in tried)
        assert len(set(tried)) == len(tried)


def test_more_interpreters_must_bring_a_tenth() -> None:
    one, two = Arrangement(1, 1, 1), Arrangement(2, 1, 1)
    assert choose([Trial(one, 100), Trial(two, 109)]).arrangement == one
    assert choose([Trial(one, 100), Trial(two, 111)]).arrangement == two
    assert choose([Trial(one, 100), Trial(Arrangement(1, 1, 2), 101)]).arrangement.threads == 2
    with pytest.raises(ValueError, match="no arrangement"):
        choose([])


def test_every_arrangement_is_run_in_children_that_are_gone_afterwards() -> None:
    def make(arrangement: Arrangement) -> Callable[[], object]:
        if arrangement.threads == 2:
            raise ModelError("cannot be loaded")
        return lambda: time.sleep(0.001)

    before = _children()
    trials = tune(make, 2, window_s=0.05)
    assert [t.arrangement for t in trials] == [a for a in arrangements(2) if a.threads == 1]
    assert all(t.per_second > 0 for t in trials)
    assert _children() <= before  # other tests' devices may be children of this process too


def _children() -> set[str]:
    """The numbers of this process's children, ended ones that nobody has waited for among them."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # others come and go meanwhile
            if path.read_text().rpartition(")")[2].split()[1] == str(os.getpid()):  # proc(5): state, parent, ...
                found.add(path.parent.name)
    return found
