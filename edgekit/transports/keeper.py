"""The program that keeps a session on a device: it holds the lock, and ends what is ours when the line breaks."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import subprocess
import threading
import time
from dataclasses import dataclass

from edgekit.core.errors import DeviceError
from edgekit.transports.base import one_line
from edgekit.transports.client_process import ClientProcess
from edgekit.transports.shell import Command, encode

_REPLY_BYTES = 1 << 16
"""A login script may talk before the keeper does, but not without end."""
_NO_SHELL = "Its login shell must run commands: try `ssh USER@HOST true`."
_BUSY = "Wait until it has ended. A device whose line broke clears up by itself within a minute."
_TOOLS = "cat chmod grep kill mkdir mktemp mv rm setsid sha256sum sleep tr wc"

# A run is ended by its process group, and what left the group by a mark in its environment; twice, since one that is
# being started may be missed once. Not `grep -F`: BusyBox then looks no further than the first NUL. `true >` and not
# `: >`: a shell ends when a redirection of a special builtin fails, as it does on a full disk.
_ENDING = """
marked() {
  for i in 1 2; do
    for f in $(grep -ls "EDGEKIT_RUN=${b##*.}:$1" /proc/[0-9]*/environ); do
      f=${f#/proc/}
      kill -KILL "${f%/environ}" 2>/dev/null
    done
  done
}
ours() {
  for f in "$b/run/"$1-*; do
    [ -e "$f" ] && kill -KILL "-${f##*-}" 2>/dev/null
  done
  marked "$2"
}
clear_() { rm -rf "$b" 2>/dev/null || { chmod -R u+rwx "$b"; rm -rf "$b"; } 2>/dev/null; }
"""
_WATCH = """
while sleep "$s"; do
  [ -e "$b/run/beat" ] || { ours "*" ""; clear_; kill -KILL "$k"; exit; }
  rm -f "$b/run/beat"
done
"""
# Without a flock, keepers know each other by their environment; two that start at once may then refuse each other.
_KEEP = """
umask 077
trap '' HUP PIPE
unset EDGEKIT_KEEPER
say() { printf '%s %s\\n' "$t" "$*"; }
alone() {
  for f in $(grep -ls EDGEKIT_KEEPER=1 /proc/[0-9]*/environ); do
    f=${f%/environ}
    [ "$f" = "/proc/$$" ] && continue
    read -r i 2>/dev/null <"$f/stat" || continue
    i=${i##*) }
    i=${i#* }
    [ "${i%% *}" = $$ ] || return 1
  done
}
for f in $tools; do command -v "$f" >/dev/null 2>&1 || { say lacks "$f"; exit 0; }; done
if [ -n "$d" ]; then
  l=$d
else
  l=/tmp d=$HOME
  [ -d "$l" ] && [ -w "$l" ] || l=$HOME
  [ -d "$d" ] && [ -w "$d" ] || d=/tmp
fi
[ -w "$d" ] || { say broken "no permission to write in $d"; exit 0; }
[ -e "$l/edgekit.lock" ] || ( set -C; umask 022; true >"$l/edgekit.lock" ) 2>/dev/null
[ -f "$l/edgekit.lock" ] && [ -r "$l/edgekit.lock" ] || { say broken "$l/edgekit.lock is not a file to read"; exit 0; }
exec 9<"$l/edgekit.lock"
if command -v flock >/dev/null 2>&1; then flock -n 9 9<&9; else alone; fi || { say busy; exit 0; }
for b in "$d"/.edgekit-session.*; do
  [ -O "$b" ] && [ ! -L "$b" ] && { marked ""; clear_; }
done
b=$(mktemp -d "$d/.edgekit-session.XXXXXX" 2>&1) && mkdir "$b/work" "$b/run" || { say broken "$b"; exit 0; }
true >"$b/run/beat"
b=$b k=$$ s=$s setsid sh -c "$watch" </dev/null >/dev/null 2>&1 9<&- &
w=$!
say ready "$b"
while read -r f n; do
  case $f in
    beat) true 2>/dev/null >"$b/run/beat" ;;
    kill) true 2>/dev/null >"$b/run/$n.stop"; ours "$n" "$n:"; say killed "$n" ;;
  esac
done 9<&-
kill -KILL -$w 2>/dev/null
ours "*" ""
clear_
say closed
"""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each side waits for the other, in seconds.

    Args:
        connect_s: for the connection and the session's folder.
        beat_s: between two signs of life to the device.
        deserted_s: without one, the device ends the session by itself.
        answer_s: for the keeper's answer to a request.
    """

    connect_s: float = 30.0
    beat_s: float = 5.0
    deserted_s: float = 30.0
    answer_s: float = 10.0


def keeper_command(mark: str, patience: Patience, folder: str = "") -> Command:
    """The command that becomes the keeper on the device.

    Args:
        folder: where sessions lie there. Empty for the user's home: /tmp is memory on many boards, which the model then
            lacks, and it may not hold programs.
    """
    given = f"t={mark}; d={shlex.quote(folder)}; s={patience.deserted_s:g}; tools='{_TOOLS}'"
    script = f"{given}\nwatch='{_ENDING}{_WATCH}'\n{_ENDING}{_KEEP}"
    return encode(script, "EDGEKIT_KEEPER=1")


class Keeper:
    """Our end of the keeper: its process here is the connection itself.

    Args:
        device: begins the sentences of errors.
        client: runs `keeper_command`.
    """

    def __init__(self, device: str, client: ClientProcess, mark: str, patience: Patience) -> None:
        self._device = device
        self._client = client
        self._process = client.process
        self._mark = mark
        self._patience = patience
        self._pending = b""
        self._writing = threading.Lock()
        self._asking = threading.Lock()
        self._over = threading.Event()

    def ready(self) -> str:
        """The session's folder on the device.

        Raises DeviceError where the device is in use, lacks a program or has no room; EOFError where the connection
        came to no keeper.
        """
        kind, _, rest = self._answer(self._patience.connect_s).partition(" ")
        match kind:
            case "busy":
                raise DeviceError(f"{self._device} is in use by another edgekit session", _BUSY)
            case "lacks":
                hint = "On Debian it is in coreutils or util-linux, elsewhere in BusyBox."
                raise DeviceError(f"{self._device} has no program {one_line(rest)!r}", hint)
            case "ready" if rest.startswith("/") and rest.isprintable():
                threading.Thread(target=self._beat, daemon=True).start()
                return rest
        raise DeviceError(f"{self._device}: cannot make a folder for the session: {one_line(rest)}")

    def kill(self, number: int) -> bool:
        """End a run on the device. False where the device did not say that it did."""
        with self._asking, contextlib.suppress(DeviceError, EOFError):
            if self._tell(f"kill {number}"):
                while self._answer(self._patience.answer_s) != f"killed {number}":
                    pass  # the late answer to an earlier request
                return True
        return False

    @property
    def lost(self) -> bool:
        """Whether the connection is gone; waits a moment for one that is going."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return self._process.poll() is not None

    def close(self) -> None:
        """Let the device clear up, then hang up. Never fails."""
        self._over.set()
        with self._writing:
            self._client.end_input()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._patience.answer_s)
        self._client.close()

    def _beat(self) -> None:
        while not self._over.wait(self._patience.beat_s) and self._tell("beat"):
            pass

    def _tell(self, line: str) -> bool:
        """Whether the line could be written; a closed pipe is a ValueError of Python's file object."""
        stdin = self._process.stdin
        try:
            with self._writing:
                if stdin is None:
                    return False
                stdin.write(f"{line}\n".encode())
                stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def _answer(self, timeout_s: float) -> str:
        """The next line that the keeper says. Raises DeviceError after `timeout_s`, EOFError at the end."""
        start = f"{self._mark} "
        deadline, taken = time.monotonic() + timeout_s, 0
        while taken < _REPLY_BYTES:
            line, newline, rest = self._pending.partition(b"\n")
            if newline:
                self._pending = rest
                _, mark, text = line.decode(errors="replace").partition(start)
                if mark:
                    return text
                continue
            taken += self._read(deadline, timeout_s)
        raise DeviceError(f"{self._device} answers with something that is not a shell's", _NO_SHELL)

    def _read(self, deadline: float, timeout_s: float) -> int:
        """Read what has come."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._client.output, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise DeviceError(f"{self._device} did not answer within {timeout_s:g} s")
        chunk = os.read(self._client.output, 4096)
        if not chunk:
            raise EOFError
        self._pending += chunk
        return len(chunk)
