"""`edgekit --help` answers at once, whatever else is installed."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pytest

LIMIT_S = 0.2


def seconds(arguments: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "edgekit", *arguments], check=True, capture_output=True)
    return time.perf_counter() - begin


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["--version"]], ids=" ".join)
def test_help_is_fast(arguments: list[str]) -> None:
    seconds(arguments)
    assert statistics.median(seconds(arguments) for _ in range(7)) < LIMIT_S


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from edgekit.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numpy', 'tensorflow', 'flatbuffers', 'ai_edge_litert', 'tqdm'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
