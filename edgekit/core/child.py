"""The other end of `process.run_json`: runs one Python file's `main(request, folder)` and writes down what came of it.

Started as `python child.py SCRIPT FOLDER [PACKAGE_ROOT]`, also by interpreters of other environments and versions,
so it is standard library only and imports nothing of edgekit. An exception that has a `message` is one that the
script raises on purpose; any other is a failure, and its traceback goes to standard error.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Let the kernel kill this process when the one that started it is gone (Linux)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def load(script: Path) -> ModuleType:
    """The module in the file `script`."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def answer(script: Path, folder: Path) -> dict[str, object]:
    """What the script's `main` returns, or {"error": …} for an error that it raised on purpose."""
    try:
        request = json.loads((folder / "request.json").read_text())
        result: dict[str, object] = load(script).main(request, folder)
    except Exception as error:  # the door: what is not on purpose goes on
        if not hasattr(error, "message") or not hasattr(error, "hint"):
            raise
        return {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}
    return result


def main(argv: list[str]) -> None:
    """Run the script and write `result.json`, which appears whole or not at all."""
    die_with_parent()
    script, folder = Path(argv[0]), Path(argv[1])
    sys.path += argv[2:]
    result = answer(script, folder)
    staging = folder / "result.json.new"
    staging.write_text(json.dumps(result))
    os.replace(staging, folder / "result.json")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # not through the exit handlers of the heavy libraries, some of which crash


if __name__ == "__main__":
    main(sys.argv[1:])
