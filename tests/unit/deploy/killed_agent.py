"""Runs the agent and ends it by SIGKILL just before its n-th change of the file system, wherever that is.

    python killed_agent.py N agent.pyz COMMAND request.json

Python reports each such call to an audit hook (PEP 578), so that nothing in the agent is there for tests. N = 0 never.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
seen = 0


def hook(event: str, arguments: tuple[object, ...]) -> None:
    global seen  # noqa: PLW0603  a program of its own
    writes = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & WRITING)
    if event in CHANGES or (writes and str(arguments[0]) != os.devnull):
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)


def go_on(program: str, words: list[str], environment: dict[str, str]) -> None:
    """The agent starts over in another process: the count goes on there."""
    execve(program, [*words[:2], __file__, str(number - seen), *words[2:]], environment)


execve, os.execve = os.execve, go_on  # type: ignore[assignment]
number = int(sys.argv[1])
sys.argv = sys.argv[2:]
sys.dont_write_bytecode = True
sys.addaudithook(hook)
runpy.run_path(sys.argv[0], run_name="__main__")
