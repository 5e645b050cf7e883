"""A board made able to run models: a virtual environment of its own there, with the runtime that fits."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.cache import Cache
from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.measure.board import VENV_PYTHON, Facts, probe, usable_facts
from edgekit.measure.wheels import REQUIREMENTS, Needs, Parcel, fetch, fetch_pip, given, needs_of
from edgekit.transports.base import Transport, one_line
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import DeviceUri

_WORKER, _REQUEST = "setup_worker.py", "request.json"
_SILENCE_S = 900.0  # pip says nothing while it unpacks, and a card may be slow
_ERROR = "error: "


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """How to set a board up.

    Attributes:
        python: the board's interpreter to build on.
        offline: bring the wheels from here; without it the board's own pip fetches them.
        wheels: a folder with the wheels to bring; implies `offline`.
    """

    python: str = "python3"
    offline: bool = False
    wheels: Path | None = None


def set_up(device: DeviceUri, options: SetupOptions, cache: Cache, tell: Callable[[str], None]) -> Facts:
    """Make `venv` below ~/.local/share/edgekit on the board. What is there already and fits is left as it is.

    `tell` hears what is done, line by line. Interrupted at any point, the board has the old environment or the new one.
    Raises UsageError, MissingError (no pip here), DeviceError.
    """
    if device.transport != "ssh":
        raise UsageError(
            f"{device} needs no environment",
            "boards do that are reached over ssh:USER@HOST; a phone needs --benchmark-model FILE",
        )
    with transport_for(device) as transport:
        facts = probe(device, transport, (options.python,))[0]
        tell(f"found {facts.describe()}")
        needs = needs_of(facts)
        parcel = _parcel(facts, needs, options, cache)
        pip = parcel.pip if parcel else (None if "ensurepip" in facts.modules else fetch_pip(facts, cache))
        _bring(transport, facts, needs, parcel, pip)
        for line in _work(device, transport, facts.path, options):
            tell(line)
        return usable_facts(device, transport, VENV_PYTHON)


def _parcel(facts: Facts, needs: Needs, options: SetupOptions, cache: Cache) -> Parcel | None:
    if options.wheels is not None:
        return given(options.wheels)
    return fetch(facts, needs, cache) if options.offline else None


def _bring(transport: Transport, facts: Facts, needs: Needs, parcel: Parcel | None, pip: Path | None) -> None:
    """Push the worker, its request and, where there are any, the wheels."""
    recipe = parcel.requirements if parcel else "\n".join(needs.packages)
    package = needs.packages[0].partition(">")[0]
    request = {
        "name": f"{package}-{sha256_bytes(f'{facts.path} {facts.version} {needs.system_site} {recipe}'.encode())[:12]}",
        "package": package,
        "module": needs.module,
        "packages": list(needs.packages),
        "system_site": needs.system_site,
        "pip": pip.name if pip else "",
        "requirements": REQUIREMENTS if parcel else "",
    }
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        texts = {_REQUEST: json.dumps(request)} | ({REQUIREMENTS: parcel.requirements} if parcel else {})
        for name, text in texts.items():
            (Path(folder) / name).write_text(text)
            transport.push(Path(folder) / name, name)
    transport.push(Path(__file__).with_name(_WORKER), _WORKER)
    for wheel in (*(parcel.wheels if parcel else ()), *((pip,) if pip else ())):
        transport.push(wheel, wheel.name)


def _work(device: DeviceUri, transport: Transport, python: str, options: SetupOptions) -> Iterator[str]:
    """The worker's lines. Raises DeviceError with its own reason."""
    reason = ""
    try:
        for line in transport.stream((python, _WORKER, _REQUEST), _SILENCE_S):
            if line.startswith(_ERROR):
                reason = one_line(line.removeprefix(_ERROR))
            else:
                yield one_line(line)
    except DeviceError as error:
        if not reason:
            raise
        online = not options.offline and options.wheels is None
        hint = "without a network on the board: --offline brings the wheels from here" if online else ""
        raise DeviceError(f"{device}: {reason}", hint) from error
