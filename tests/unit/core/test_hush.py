from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgekit.core.hush import heard, hushed

THREADS = 8


def test_what_native_code_writes_meanwhile_is_lost(capfd: pytest.CaptureFixture[str]) -> None:
    with hushed():
        os.write(2, b"greeting\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_threads_that_hush_at_once_give_standard_error_back(capfd: pytest.CaptureFixture[str]) -> None:
    """Each waits for the others to have begun, so that they would overlap if they could."""
    together = threading.Barrier(THREADS)

    def one(number: int) -> None:
        together.wait()
        for _ in range(50):
            with hushed():
                os.write(2, b"greeting\n")
        with heard():
            os.write(2, f"line {number}\n".encode())

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(THREADS)))
    assert sorted(capfd.readouterr().err.splitlines()) == [f"line {number}" for number in range(THREADS)]
