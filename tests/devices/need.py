"""What a test with real daemons needs of this machine.

Without it the test is skipped, with the reason; where EDGEKIT_LAB=required is set, as in CI, it fails.
"""

from __future__ import annotations

import functools
import os
from typing import NoReturn

import pytest

from edgekit.core.errors import DeviceError, MissingError
from edgekit.lab.debs import root_filesystem
from edgekit.lab.packages import missing, remedy
from edgekit.lab.phone import phone_root
from edgekit.lab.raspbian import raspbian


def need(*programs: str) -> None:
    """Skip the test (at module level: all of the file) where one of `programs` cannot run here, such as "bwrap"."""
    if reason := missing(programs):
        without(f"{reason}: {remedy(programs)}")


def need_roots(*names: str) -> None:
    """Skip the test where the root filesystem of "arm64", "armhf" or "phone" is not here and cannot be fetched now."""
    for name in names:
        if reason := _trouble_with_root(name):
            without(reason)


@functools.cache
def _trouble_with_root(name: str) -> str:
    try:
        phone_root() if name == "phone" else root_filesystem(raspbian(name))
    except (DeviceError, MissingError) as error:
        return str(error)
    return ""


def without(reason: str) -> NoReturn:
    """Skip for `reason`, or fail where the lab is required."""
    if os.environ.get("EDGEKIT_LAB") == "required":
        pytest.fail(f"EDGEKIT_LAB=required, but {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
