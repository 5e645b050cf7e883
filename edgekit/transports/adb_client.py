"""The adb binary as edgekit calls it: the user's own server, one device by its serial number, a limit on every call.

The server is where the binary itself looks for it: $ADB_SERVER_SOCKET, or $ANDROID_ADB_SERVER_ADDRESS and
$ANDROID_ADB_SERVER_PORT, or this machine. adb answers failures in text, some of them with exit code 0.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import process
from edgekit.core.errors import DeviceError, MissingError
from edgekit.core.process import Completed, Ending
from edgekit.transports.base import one_line
from edgekit.transports.lab_devices import lab_variables
from edgekit.transports.uri import DeviceUri

PROGRAM_VARIABLE = "EDGEKIT_ADB"
CALL_S = 20.0
"""For one short call; the first may have to start the server."""
PROBE_S = 8.0
"""For the first sign of life of a device on a network."""
SETTLE_S = 5.0
"""For a device that is connecting, or asks its owner about this computer's key."""
_POLL_S = 0.2
_SERIAL_COLUMNS = 22
_STATE = re.compile(r"(?P<state>no permissions|[a-z]+)(?P<rest>(?:[\s;(].*)?)")
_ON_THE_WAY = frozenset({"connecting", "authorizing", "offline"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `adb devices -l`.

    Args:
        serial: as the device itself gives it: any text.
        state: adb's word, such as `device`, `offline`, `unauthorized`, `no permissions`.
        model: as adb knows it, or empty.
    """

    serial: str
    state: str
    model: str = ""


class AdbClient:
    """How one device is called: a `Link` of the remote transport.

    Args:
        uri: the device.
    """

    def __init__(self, uri: DeviceUri) -> None:
        self.folder = "/data/local/tmp"  # where Android lets its shell user write and start programs
        self._uri = uri
        self._serial = uri.name or f"{uri.host}:{uri.port}"
        self._program = "adb"

    def reach(self) -> None:
        """See to it that adb can talk to the device. Raises DeviceError with what a person has to do, MissingError."""
        self._program = adb_program()
        here = [entry for entry in self.listed() if entry.serial == self._serial]
        if len(here) > 1:
            raise DeviceError(f"{self._uri}: two devices have this serial number", "Unplug one of them.")
        state = here[0].state if here else ""
        if self._uri.host and (state != "device" or not self._answers()):
            state = self._connect(known=bool(here))
        elif state in _ON_THE_WAY:
            state = self._settled()
        if state != "device":
            raise self._state_error(state)
        self._require_shell_v2()

    def first(self, command: str) -> list[str]:
        """See Link."""
        return self.call(command)

    def call(self, command: str) -> list[str]:
        """The argv that runs a command line by the device's shell, without a terminal."""
        return [self._program, "-s", self._serial, "shell", "-T", command]

    def environment(self) -> Mapping[str, str]:
        """The user's own, which says where adb's server is; a phone of the lab has a server of its own."""
        return {**os.environ, **lab_variables(self._uri)}

    def failure(self, said: str) -> DeviceError:
        """What kept `adb shell` from its work, from what adb said."""
        if error := server_error(str(self._uri), said):
            return error
        for pattern, state in _SAID:
            if pattern in said:
                return self._state_error(state)
        return DeviceError(f"{self._uri} does not answer: {one_line(said) or 'adb says nothing'}", _PLUG)

    def leave(self) -> None:
        """Nothing is undone: the connection of adb's server to a device is the user's, made by us or not."""

    def cut(self) -> None:
        """Cut what adb's server holds to be a connection, so that all that waits for it ends. Never fails."""
        with contextlib.suppress(DeviceError, MissingError):
            self._adb("-s", self._serial, "reconnect")

    def listed(self) -> tuple[Listed, ...]:
        """What adb's server knows now."""
        return parse_devices(self._adb("devices", "-l").stdout)

    def _state_error(self, state: str) -> DeviceError:
        """Why a device in a state cannot be used, in one sentence, and what to do; an empty state: it is not there."""
        if state:
            other = (f"is in the state {one_line(state)!r}, not running Android", "Restart it.")
            sentence, hint = STATES.get(state, other)
            return DeviceError(f"{self._uri} {sentence}", hint)
        others = [entry.serial for entry in self.listed() if entry.state == "device"]
        known = f"Connected now: {', '.join(f'adb:{one_line(serial)}' for serial in others)}." if others else _PLUG
        return DeviceError(f"{self._uri} is not connected", known)

    def _adb(self, *words: str) -> Completed:
        """A short call. Raises DeviceError where adb does not answer in time, or cannot reach its server."""
        done = process.run([self._program, *words], timeout_s=CALL_S, env=self.environment())
        if done.ending is Ending.TIME:
            raise DeviceError(f"{self._uri}: adb did not answer within {CALL_S:g} s", "Try `adb kill-server`.")
        if error := server_error(str(self._uri), done.stderr):
            raise error
        return done

    def _answers(self) -> bool:
        """Whether a device that is connected for adb's server is there: it may have left the network without a word."""
        done = process.run(self.call("true"), timeout_s=PROBE_S, env=self.environment())
        return done.ending is not Ending.TIME

    def _connect(self, known: bool) -> str:
        """`adb connect` says `already connected` for a connection that is dead, so that one is forgotten first."""
        if known:
            self._adb("disconnect", self._serial)
        # "already connected" may also be said of a connection that ends at that moment: then it is made anew
        return self._connected() or self._connected()

    def _connected(self) -> str:
        """The state after `adb connect`; "" where the connection is gone again."""
        done = self._adb("connect", self._serial)
        said = one_line(done.stdout + done.stderr)
        if "failed to authenticate" in said:
            return "unauthorized"
        if not said.startswith(("connected to", "already connected to")):
            reason = said.rpartition(": ")[2] if ": " in said else said
            raise DeviceError(f"{self._uri} cannot be reached: {reason or 'adb says nothing'}", _NETWORK)
        return self._settled()

    def _settled(self) -> str:
        """The state when it stays, or the last one seen."""
        deadline, state = time.monotonic() + SETTLE_S, ""
        while time.monotonic() < deadline:
            state = next((entry.state for entry in self.listed() if entry.serial == self._serial), "")
            if state and state not in _ON_THE_WAY:
                break
            time.sleep(_POLL_S)
        return state

    def _require_shell_v2(self) -> None:
        """Exit codes and a stderr of its own came with Android 7 (packages/modules/adb, SHELL-V2.md)."""
        done = self._adb("-s", self._serial, "features")
        if done.exit_code == 0 and "shell_v2" not in done.stdout.split():
            raise DeviceError(f"{self._uri} is too old", "edgekit needs Android 8 or newer.")


def adb_program() -> str:
    """The adb binary: $EDGEKIT_ADB, that of PATH, or the one that the Python package adbutils carries.

    Raises MissingError where there is none.
    """
    if named := os.environ.get(PROGRAM_VARIABLE):
        if found := shutil.which(named):
            return found
        raise MissingError(f"${PROGRAM_VARIABLE} names {named}, which is no program")
    found = shutil.which("adb") or _carried()
    if found is None:
        raise MissingError("adb is not installed", "pip install 'edgekit[adb]', or: sudo apt install adb")
    return found


def parse_devices(text: str) -> tuple[Listed, ...]:
    """The lines of `adb devices -l`: `%-22s %s` (packages/modules/adb, transport.cpp: append_transport)."""
    found = []
    for line in text.splitlines():
        end = line.find(" ", _SERIAL_COLUMNS)
        match = _STATE.fullmatch(line[end:].strip()) if end > 0 and not line.startswith("* ") else None
        if match is not None and (serial := line[:end].strip()):
            model = re.search(r"(?<=\smodel:)\S+", match["rest"])
            found.append(Listed(serial, match["state"], model[0].replace("_", " ") if model else ""))
    return tuple(found)


def server_error(who: str, said: str) -> DeviceError | None:
    """What is wrong with adb's server, where that is what adb says."""
    match = re.search(r"cannot connect to daemon(?: at (?P<at>\S+))?: (?P<why>.*)", said)
    if match is None:
        return None
    at = f" at {match['at']}" if match["at"] else ""
    why = one_line(match["why"].rpartition(": ")[2])
    named = ", ".join(f"${name}" for name in _SERVER if os.environ.get(name))
    hint = f"Look at {named}; on that machine, start it by `adb -a nodaemon server`." if named else "Try `adb devices`."
    return DeviceError(f"{who}: adb's server{at} does not answer: {why}", hint)


def _carried() -> str | None:
    """adbutils' own binary; its Linux, macOS and Windows wheels have Google's."""
    spec = importlib.util.find_spec("adbutils")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if found := shutil.which("adb", path=str(Path(folder) / "binaries")):
            return found
    return None


_SERVER = ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_ADB_SERVER_PORT")
_PLUG = "Plug it in, unlock it, and switch on USB debugging in its developer options; `adb devices` must list it."
_NETWORK = "Is it switched on, in this network, and is wireless debugging on? The port changes with each start of it."
_ASKED = "Unlock it, and allow USB debugging for this computer when it asks."
STATES: Mapping[str, tuple[str, str]] = {
    "unauthorized": ("has not accepted this computer's key", _ASKED),
    "authorizing": ("has not accepted this computer's key yet", _ASKED),
    "offline": ("is offline: adb sees it and gets no answer", "Plug it in again, or run `adb reconnect offline`."),
    "connecting": ("is still connecting", "Wait a moment, and try again."),
    "no permissions": (
        "cannot be opened: you have no permission for this USB device",
        "Install android-sdk-platform-tools-common (its udev rules), join the group plugdev, and plug it in again.",
    ),
    "recovery": ("is in recovery, not running Android", "Restart it: `adb reboot`."),
    "sideload": ("waits for an update, not running Android", "Restart it."),
    "bootloader": ("is in its bootloader, not running Android", "Restart it: `fastboot reboot`."),
}
_SAID = (
    ("device unauthorized", "unauthorized"),
    ("device still authorizing", "authorizing"),
    ("device offline", "offline"),
    ("device still connecting", "connecting"),
    ("insufficient permissions", "no permissions"),
    ("not found", ""),
    ("no devices", ""),
)
