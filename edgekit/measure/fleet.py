"""The same work on several devices at once: what fails on one leaves the others alone."""

from __future__ import annotations

import contextlib
import ctypes
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from edgekit.core.errors import DeviceError, EdgekitError, UsageError
from edgekit.core.progress import Progress, Silent
from edgekit.transports.uri import DeviceUri, parse_device

T = TypeVar("T")
_LEAVE_S = 30.0
_STEP_S = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Outcome(Generic[T]):
    """What came of one device: a result or the error that stopped it."""

    device: DeviceUri
    result: T | None
    error: EdgekitError | None
    seconds: float

    @property
    def is_done(self) -> bool:
        """Whether there is a result."""
        return self.error is None


def parse_devices(texts: Sequence[str]) -> tuple[DeviceUri, ...]:
    """The devices that `texts` name. Raises UsageError for none, for what is no device, and for one named twice."""
    devices = tuple(parse_device(text) for text in texts)
    if not devices:
        raise UsageError("no device is named", "--device local is this machine; `edgekit devices` lists the others")
    twice = sorted({str(device) for device in devices if devices.count(device) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} is named twice", "a device is measured once, and alone")
    return devices


class FleetLines(Protocol):
    """Where devices that work at once tell of their progress, each on a line of its own."""

    def line(self, place: int) -> Progress:
        """The progress of the device at that place."""

    def finished(self, outcome: Outcome[Any], words: str) -> None:
        """A device has ended; `words` say what it gave, where it did not fail."""


class OneLine:
    """FleetLines that show the first device's progress alone."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def line(self, place: int) -> Progress:
        return self._progress if place == 0 else Silent()

    def finished(self, outcome: Outcome[Any], words: str) -> None:
        pass


@dataclass(frozen=True, slots=True, eq=False)
class FleetJob(Generic[T]):
    """What is done on each device, what becomes of a result as soon as it is there, and a result in a line."""

    work: Callable[[DeviceUri, Progress], T]
    keep: Callable[[T], None]
    describe: Callable[[T], str]


def on_fleet(devices: Sequence[DeviceUri], job: FleetJob[T], lines: FleetLines) -> tuple[Outcome[T], ...]:
    """`on_each`, followed on `lines`."""
    places = {device: place for place, device in enumerate(devices)}

    def told(outcome: Outcome[T]) -> None:
        if outcome.result is not None:
            job.keep(outcome.result)
        lines.finished(outcome, "" if outcome.result is None else job.describe(outcome.result))

    return on_each(devices, lambda device: job.work(device, lines.line(places[device])), told)


def on_each(
    devices: Sequence[DeviceUri], work: Callable[[DeviceUri], T], told: Callable[[Outcome[T]], None]
) -> tuple[Outcome[T], ...]:
    """Do `work` on every device at once, each in a thread of its own.

    `told` hears of each outcome as it comes, in the calling thread. On Ctrl-C, and where `told` fails, the others are
    stopped in an orderly way (their transports end what runs on the devices) before the exception goes on; those that
    had finished by then are told of. An exception that is no EdgekitError is a bug and goes on likewise.
    """
    ended: queue.SimpleQueue[_Ended[T]] = queue.SimpleQueue()
    threads = [threading.Thread(target=_run, args=(device, work, ended), daemon=True) for device in devices]
    outcomes: dict[DeviceUri, Outcome[T]] = {}

    def take(one: _Ended[T]) -> None:
        if one.bug is not None:
            raise one.bug
        if one.outcome is not None:
            outcomes[one.outcome.device] = one.outcome
            told(one.outcome)

    try:
        for thread in threads:
            thread.start()
        for _ in threads:
            take(_wait(ended))
    except BaseException:
        _stop(threads)
        while not ended.empty():
            take(ended.get())
        raise
    return tuple(outcomes[device] for device in devices)


@dataclass(frozen=True, slots=True, eq=False)
class _Ended(Generic[T]):
    """How a thread ended: with an outcome, with a bug, or, where it was interrupted, with neither."""

    outcome: Outcome[T] | None
    bug: Exception | None = None


def _wait(ended: queue.SimpleQueue[_Ended[T]]) -> _Ended[T]:
    """The next that ends; in short steps, because a signal that another thread caught does not wake a long wait."""
    while True:
        with contextlib.suppress(queue.Empty):
            return ended.get(timeout=_STEP_S)


def _run(device: DeviceUri, work: Callable[[DeviceUri], T], ended: queue.SimpleQueue[_Ended[T]]) -> None:
    started = time.monotonic()
    try:
        try:
            result = work(device)
        except EdgekitError as error:
            ended.put(_Ended(Outcome(device, None, error, time.monotonic() - started)))
        except Exception as error:  # noqa: BLE001 - handed to the calling thread, which raises it
            ended.put(_Ended(None, error))
        else:
            ended.put(_Ended(Outcome(device, result, None, time.monotonic() - started)))
    except KeyboardInterrupt:
        ended.put(_Ended(None))


def _stop(threads: list[threading.Thread]) -> None:
    """Raise KeyboardInterrupt in each thread, so that it leaves through its own clean-up, and wait for that.

    A thread hears of it when it next runs Python; transports wait in short steps, so that is soon.
    """
    for thread in threads:
        if thread.ident is not None and thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
            )
    end = time.monotonic() + _LEAVE_S
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, end - time.monotonic()))


def first_error(outcomes: Sequence[Outcome[T]]) -> EdgekitError | None:
    """The error of a fleet: that of the only device, or one DeviceError that counts them; None where all went."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if not failed:
        return None
    if len(outcomes) == 1:
        return failed[0].error
    names = ", ".join(str(outcome.device) for outcome in failed)
    return DeviceError(f"{len(failed)} of {len(outcomes)} devices failed: {names}", "the others' numbers are kept")
