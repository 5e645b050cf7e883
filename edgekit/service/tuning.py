"""How many interpreters with how many threads each: measured on the board, not guessed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from edgekit.service.runner import Runner

Array = NDArray[Any]
WINDOW_S = 0.3
_WORTH = 1.1  # more interpreters cost memory: they must bring a tenth at least


@dataclass(frozen=True, slots=True)
class Trial:
    """One arrangement and what it reached."""

    interpreters: int
    threads: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """The arrangement that serves, and all that were tried."""

    chosen: Trial
    trials: tuple[Trial, ...]


def arrangements(cores: int) -> list[tuple[int, int]]:
    """(interpreters, threads each) to try, fewest interpreters first; together they never exceed the cores.

    >>> arrangements(4)
    [(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 1)]
    """
    powers = [n for n in (1, 2, 4, 8, 16, 32) if n <= cores]
    return [(n, t) for n in powers for t in powers if n * t <= cores]


def tune(
    make: Callable[[int], Runner], inputs: Sequence[Array], cores: int, window_s: float = WINDOW_S
) -> Tuning:
    """Try every arrangement for `window_s` seconds on one sample and take the fastest.

    Args:
        make: a runner with so many threads. Raises ModelError.
        inputs: stored inputs of one sample.
    """
    trials = tuple(_trial(make, inputs, n, threads, window_s) for n, threads in arrangements(cores))
    return Tuning(choose(trials), trials)


def choose(trials: Sequence[Trial]) -> Trial:
    """The fastest; one with fewer interpreters where the gain is under a tenth. Raises ValueError on none."""
    if not trials:
        raise ValueError("no arrangement was tried")
    best = trials[0]
    for trial in trials[1:]:
        margin = _WORTH if trial.interpreters > best.interpreters else 1.0
        if trial.per_second > best.per_second * margin:
            best = trial
    return best


def _trial(make: Callable[[int], Runner], inputs: Sequence[Array], count: int, threads: int, window_s: float) -> Trial:
    runners = [make(threads) for _ in range(count)]
    for runner in runners:
        runner.run(inputs)  # the first run allocates
        runner.runs = 0
    start = time.perf_counter()
    workers = [threading.Thread(target=_repeat, args=(runner, inputs, start + window_s)) for runner in runners]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Trial(count, threads, sum(runner.runs for runner in runners) / (time.perf_counter() - start))


def _repeat(runner: Runner, inputs: Sequence[Array], end: float) -> None:
    while time.perf_counter() < end:
        runner.run(inputs)
