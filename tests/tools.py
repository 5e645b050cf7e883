"""Where the programs for tests are: on the PATH, or beside this interpreter, where pip puts them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def tool(name: str, remedy: str) -> str:
    """The path of program `name`; without it the test is skipped, or fails where EDGEKIT_LAB=required is set."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        without(f"this needs {name}: {remedy}")
    return found


def package(module: str, extra: str) -> None:
    """Skip the test where the Python package of an extra is not here, or fail where EDGEKIT_LAB=required is set."""
    from edgekit.core.extras import installed

    if not installed(module):
        without(f"this needs {module}: pip install 'edgekit[{extra}]'")


def without(reason: str) -> None:
    """Skip for `reason`, or fail where everything is required."""
    if os.environ.get("EDGEKIT_LAB") == "required":
        pytest.fail(f"EDGEKIT_LAB=required, but {reason}", pytrace=False)
    pytest.skip(reason)
