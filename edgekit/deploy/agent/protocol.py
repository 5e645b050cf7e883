"""The words between the board and the caller: steps as they begin, then one result or one error, a line each."""

from __future__ import annotations

import contextlib
import enum
import json
import re
import sys

MARK = "edgekit-agent "
"""What a line for the caller begins with; a JSON object follows."""
AGENT, REQUEST = "agent.pyz", "request.json"
PACKAGE = "release.edgekit"
"""The upload: a packed bundle."""
MANIFEST, SIGNATURE = "manifest.json", "signature.json"
RELEASE, SERVICE = "release.json", "service.pyz"
"""Beside a bundle's own files in a release: what we know of it, and the service's program."""
NAME = re.compile(r"[0-9a-f]{12}(?:-[0-9a-f]{8})?")
"""A release's folder: the beginning of its digest; a second form where one of that digest is in use."""


class Step(enum.Enum):
    """What the board does, in this order: the first four with `stage`, the rest with `activate` and `rollback`."""

    RECOVER = "recover"  # finish or undo what was interrupted
    SIGNATURE = "signature"  # whose bundle it is
    UNPACK = "unpack"  # into the staging folder
    VERIFY = "verify"  # every hash, of what has been written
    PLACE = "place"  # among the releases
    INTENT = "intent"  # write down what is about to be switched
    SWITCH = "switch"  # the link
    RESTART = "restart"  # tell the service
    HEALTH = "health"  # ask the service
    REVERT = "revert"  # back to the old one
    CONFIRM = "confirm"  # write down that it is good
    PRUNE = "prune"  # what is neither current nor previous


class Refused(Exception):
    """What this board does not do, or what failed here, in one sentence."""


def say(kind: str, value: object) -> None:
    """A line for the caller; when he has gone, the work goes on."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{MARK}{json.dumps({kind: value})}\n")
        sys.stdout.flush()


def step(which: Step) -> None:
    """Tell that a step begins."""
    say("step", which.value)
