"""A release that is ready to answer: several interpreters in parallel, preprocessing beside them."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import DeviceError, ModelError
from edgekit.service.ports import Ports
from edgekit.service.release import Release
from edgekit.service.runner import Runner

Array = NDArray[Any]


class BusyError(DeviceError):
    """Every interpreter was busy for too long."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine is made.

    Attributes:
        lanes: how many interpreters.
        threads: of each.
        wait_s: how long a request waits for an interpreter before it is refused.
    """

    lanes: int = 1
    threads: int = 1
    wait_s: float = 10.0


class Engine:
    """A release with its interpreters.

    Samples are preprocessed by the thread that brought them, while the interpreters compute others: the two stages
    overlap across requests, and within one request of several samples.

    Raises ModelError where the runtime refuses the model or computes something else than the golden samples.
    """

    def __init__(self, release: Release, options: EngineOptions) -> None:
        self.release = release
        self.ports = Ports(release.manifest)
        self._options = options
        runners = [Runner(release.model, options.threads) for _ in range(options.lanes)]
        self._prove(runners[0])
        self._free: queue.LifoQueue[Runner] = queue.LifoQueue()
        for runner in runners:
            self._free.put(runner)
        self._pool = ThreadPoolExecutor(options.lanes, "inference")
        self._lock = threading.Lock()
        self._leases, self._retired = 0, False

    def infer(self, inputs: Sequence[Array]) -> list[Array]:
        """Stored outputs for the stored inputs of one sample. Raises BusyError, ModelError."""
        try:
            runner = self._free.get(timeout=self._options.wait_s)
        except queue.Empty:
            raise BusyError(f"no interpreter was free for {self._options.wait_s:g} s") from None
        try:
            return runner.run(inputs)
        finally:
            self._free.put(runner)

    def infer_all(self, samples: Iterable[Sequence[Array]]) -> Iterator[list[Array]]:
        """As `infer` for many: the next sample is made while the ones before it are computed."""
        rest = iter(samples)
        first, second = next(rest, None), next(rest, None)
        if first is not None and second is None:  # one sample has nothing to overlap with
            yield self.infer(first)
            return
        ahead = 2 * self._options.lanes
        waiting: list[Future[list[Array]]] = []
        for sample in itertools.chain((s for s in (first, second) if s is not None), rest):
            waiting.append(self._pool.submit(self.infer, sample))
            if len(waiting) > ahead:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

    @contextlib.contextmanager
    def lease(self) -> Iterator[Engine]:
        """Hold the engine while a request is answered: one that was retired lives until its last request is done."""
        with self._lock:
            self._leases += 1
        try:
            yield self
        finally:
            self._release()

    def retire(self) -> None:
        """No new request comes; what is running is finished."""
        with self._lock:
            self._retired = True
            idle = self._leases == 0
        if idle:
            self._pool.shutdown(wait=False)

    def _release(self) -> None:
        with self._lock:
            self._leases -= 1
            last = self._retired and self._leases == 0
        if last:
            self._pool.shutdown(wait=False)

    def try_request(self) -> None:
        """What one request costs, without the network: the first golden sample (zeros without one), and its answer."""
        json.dumps(self.ports.answer(self.infer(self._sample)))

    @functools.cached_property
    def _sample(self) -> list[Array]:
        if self.release.golden_inputs:
            return [array[0] for array in self.release.golden_inputs]
        return [np.zeros(port.shape, port.dtype) for port in self.release.manifest.inputs]

    def _prove(self, runner: Runner) -> None:
        count = len(self.release.golden_inputs[0]) if self.release.golden_inputs else 0
        outputs = [runner.run([array[i] for array in self.release.golden_inputs]) for i in range(count)]
        if words := self.release.difference(outputs):
            raise ModelError(f"release {self.release.digest[:12]} computes something else here: {words}")
