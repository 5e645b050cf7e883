"""How many processes, interpreters and threads serve: measured on the board, not guessed.

A process for each core beats threads where a request is mostly Python, more threads for each interpreter where it is
mostly arithmetic; which it is depends on model and board. So whole requests are timed in every arrangement.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgekit.core.errors import EdgekitError

WINDOW_S = 0.4
_START_S = 60.0
_WORTH = 1.1  # more interpreters cost memory: they must bring a tenth at least

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`processes`, each with `lanes` interpreters of `threads` threads; a lane answers one request at a time."""

    processes: int
    lanes: int
    threads: int

    @property
    def interpreters(self) -> int:
        """How many there are in all."""
        return self.processes * self.lanes


@dataclass(frozen=True, slots=True)
class Trial:
    """An arrangement and how many requests it answered in a second."""

    arrangement: Arrangement
    per_second: float


def arrangements(cores: int) -> list[Arrangement]:
    """What to try, fewest interpreters first; threads never exceed the cores.

    >>> [(a.processes, a.lanes, a.threads) for a in arrangements(2)]
    [(1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 2, 2), (2, 1, 1), (2, 2, 1)]
    """
    powers = [2**i for i in range(8) if 2**i <= cores]
    found = [Arrangement(p, k, t) for p in powers for k in (1, 2) for t in powers if p * t <= cores]
    return sorted(found, key=lambda a: (a.interpreters, a.processes, a.threads))


def choose(trials: Sequence[Trial]) -> Trial:
    """The fastest; one with fewer interpreters where the gain is under a tenth. Raises ValueError on none."""
    best: Trial | None = None
    for trial in trials:
        more = best is not None and trial.arrangement.interpreters > best.arrangement.interpreters
        if best is None or trial.per_second > best.per_second * (_WORTH if more else 1.0):
            best = trial
    if best is None:
        raise ValueError("no arrangement was tried")
    return best


def tune(make: Callable[[Arrangement], Work], cores: int, window_s: float = WINDOW_S) -> tuple[Trial, ...]:
    """Every arrangement that works, with what it reached in `window_s` seconds.

    Args:
        make: called in a child process; gives the work of one request, which lanes call at the same time.
    To be called where no thread runs and no runtime is loaded: it forks.
    """
    trials = ((a, _try(make, a, window_s)) for a in arrangements(cores))
    return tuple(Trial(a, rate) for a, rate in trials if rate > 0)


def _try(make: Callable[[Arrangement], Work], arrangement: Arrangement, window_s: float) -> float:
    """Requests a second; 0 where a process of it failed."""
    children = [_fork(make, arrangement, window_s) for _ in range(arrangement.processes)]
    try:
        ready = [_line(child.answers, _START_S) for child in children]
        if any(line != "ready" for line in ready):
            return 0.0
        for child in children:
            os.write(child.orders, b"go\n")
        rates = [_line(child.answers, window_s + _START_S) for child in children]
        return sum(json.loads(rate) if rate else math.nan for rate in rates)
    finally:
        for child in children:
            child.end()


@dataclass(frozen=True, slots=True)
class _Child:
    """A forked process with a pipe in each direction."""

    pid: int
    orders: int
    answers: int

    def end(self) -> None:
        os.close(self.orders)
        os.close(self.answers)
        os.kill(self.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
        os.waitpid(self.pid, 0)


def _fork(make: Callable[[Arrangement], Work], arrangement: Arrangement, window_s: float) -> _Child:
    orders_read, orders = os.pipe()
    answers, answers_write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(orders_read)
        os.close(answers_write)
        return _Child(pid, orders, answers)
    try:
        work = make(arrangement)
        work()  # the first run allocates
        os.write(answers_write, b"ready\n")
        os.read(orders_read, 3)
        os.write(answers_write, f"{_rate(work, arrangement.lanes, window_s)}\n".encode())
    except (EdgekitError, OSError, MemoryError) as error:
        os.write(answers_write, f"{type(error).__name__}\n".encode())
    finally:
        time.sleep(_START_S)  # until the parent ends it
        os._exit(1)


def _rate(work: Work, lanes: int, window_s: float) -> float:
    counts = [0] * lanes
    start = time.perf_counter()

    def repeat(lane: int) -> None:
        while time.perf_counter() < start + window_s:
            work()
            counts[lane] += 1

    threads = [threading.Thread(target=repeat, args=(lane,)) for lane in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def _line(handle: int, timeout_s: float) -> str:
    """One line of a pipe; empty where none comes in time."""
    ready, _, _ = select.select([handle], [], [], timeout_s)
    return os.read(handle, 200).decode().strip() if ready else ""
