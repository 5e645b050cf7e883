"""Work on several devices: each outcome is told as it comes, a failure is one device's, and Ctrl-C leaves nothing."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.progress import Progress, Silent
from edgekit.measure.fleet import FleetJob, OneLine, Outcome, first_error, on_each, on_fleet, parse_devices
from edgekit.transports.uri import DeviceUri

ONE, TWO, THREE = parse_devices(("local", "adb:abc", "ssh:pi@board"))


def test_results_come_in_the_order_of_the_devices_and_are_told_as_they_come() -> None:
    first = threading.Event()

    def work(device: DeviceUri) -> str:
        assert first.wait(10) if device == ONE else True
        return str(device)

    told: list[str] = []

    def hear(outcome: Outcome[str]) -> None:
        told.append(str(outcome.device))
        first.set()

    assert [o.result for o in on_each((ONE, TWO), work, hear)] == ["local", "adb:abc"]
    assert told == ["adb:abc", "local"]


def test_a_device_that_fails_leaves_the_others_alone() -> None:
    def work(device: DeviceUri) -> int:
        if device == TWO:
            raise DeviceError("adb:abc is gone")
        return 1

    outcomes = on_each((ONE, TWO, THREE), work, lambda outcome: None)
    assert [o.is_done for o in outcomes] == [True, False, True]
    error = first_error(outcomes)
    assert isinstance(error, DeviceError)
    assert error.message == "1 of 3 devices failed: adb:abc"
    assert first_error(outcomes[:1]) is None
    assert first_error(outcomes[1:2]) is outcomes[1].error


def test_a_bug_on_one_device_is_raised() -> None:
    def work(device: DeviceUri) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_each((ONE,), work, lambda outcome: None)


def test_ctrl_c_lets_every_thread_clean_up_and_keeps_what_is_finished() -> None:
    waiting, cleaned, kept = threading.Barrier(3), [], []

    def work(device: DeviceUri) -> str:
        if device == ONE:
            return "finished"
        try:
            waiting.wait(10)
            while True:
                time.sleep(0.01)
        finally:
            cleaned.append(device)

    def interrupt() -> None:
        waiting.wait(10)
        signal.raise_signal(signal.SIGINT)

    def keep(outcome: Outcome[str]) -> None:
        kept.append(outcome.result)
        threading.Thread(target=interrupt, daemon=True).start()

    with pytest.raises(KeyboardInterrupt):
        on_each((ONE, TWO, THREE), work, keep)
    assert kept == ["finished"]
    assert sorted(map(str, cleaned)) == ["adb:abc", "ssh:pi@board"]


def test_a_fleet_keeps_each_result_and_draws_each_device_on_its_line() -> None:
    class Lines(OneLine):
        def __init__(self) -> None:
            super().__init__(Silent())
            self.places: list[int] = []
            self.said: list[str] = []

        def line(self, place: int) -> Progress:
            self.places.append(place)
            return super().line(place)

        def finished(self, outcome: Outcome[int], words: str) -> None:
            self.said.append(words)

    lines, kept = Lines(), []
    on_fleet((ONE, TWO), FleetJob(lambda device, progress: len(str(device)), kept.append, str), lines)
    assert sorted(kept) == [5, 7]
    assert (sorted(lines.places), sorted(lines.said)) == ([0, 1], ["5", "7"])


@pytest.mark.parametrize(
    ("texts", "words"),
    [((), "no device is named"), (("local", "local"), "local is named twice"), (("usb:1",), "is not a device")],
)
def test_devices_that_make_no_fleet(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_devices(texts)
