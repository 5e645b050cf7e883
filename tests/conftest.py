"""What holds for every test."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# Machines are shared: how long an example takes says nothing. CI tries the same examples each time.
settings.register_profile(
    "edgekit",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("EDGEKIT_LAB") == "required",
)
settings.load_profile("edgekit")


def pytest_configure() -> None:
    """Take Ctrl-C, also where whoever started us ignores it: children inherit that, and tests interrupt them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
