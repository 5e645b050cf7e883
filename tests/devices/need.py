"""What a test with real daemons needs of this machine.

Without it the test is skipped, with the reason; where EDGEKIT_LAB=required is set, as in CI, it fails.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from edgekit.lab.packages import missing, missing_packages


def need(*programs: str) -> None:
    """Skip the test (at module level: all of the file) where one of `programs` cannot run here, such as "bwrap"."""
    if reason := missing(programs):
        install = f": sudo apt-get install {' '.join(missing_packages(programs))}" if missing_packages(programs) else ""
        without(reason + install)


def without(reason: str) -> NoReturn:
    """Skip for `reason`, or fail where the lab is required."""
    if os.environ.get("EDGEKIT_LAB") == "required":
        pytest.fail(f"EDGEKIT_LAB=required, but {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
