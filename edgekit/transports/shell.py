"""What runs on a device that has a POSIX shell: scripts that answer between two marks, and how to read the answer.

A line that breaks and a program that ends look alike from here (OpenSSH: exit code 255 for both), so no exit code of a
client is believed: the script writes a mark before and after its work, and the last one carries the result.
Everything in this file is text in, text out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.errors import DeviceError

COMMAND_BYTES = 120_000
"""The longest command, written for a shell: Linux takes 128 KiB for one word (execve(2), MAX_ARG_STRLEN)."""
_LINE_BYTES = 4000
"""What a command line may hold: Dropbear takes 9000 bytes (MAX_CMD_LEN), some adb servers less. More goes by stdin."""
_SIGNALS = range(129, 160)
"""A shell says 128 + n where signal n ended a program (POSIX.1-2017, XCU 2.8.2)."""
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=,@+-")

# The group of the program is killed when it has ended, so that nothing it started holds its output open.
_RUN = """
exec 3<&0 </dev/null
[ -z "$together" ] || exec 4>&2 2>&1
EDGEKIT_RUN=${b##*.}:$n: setsid sh -c 'true >"$0-$$" || exit 126; [ -e "$0.stop" ] || exec "$@"' \\
  "$b/run/$n" "$@" <&3 3<&- 4>&- &
p=$!
exec 3<&-
[ -z "$together" ] || exec 2>&4 4>&-
wait $p 2>/dev/null
c=$?
kill -KILL -$p 2>/dev/null
rm -f "$b/run/$n-$p"
done_ exit $c
"""
# The programs of a push and a pull carry the mark by which the keeper finds what is left at the end of a session.
_MARKED = "EDGEKIT_RUN=${b##*.}:$n: LC_ALL=C; export EDGEKIT_RUN LC_ALL\n"
# A program may have left a link there, which would lead a push or a pull out of the session's folder.
_LINKED = """
linked() {
  q=. r=$1
  while case $r in */*) true ;; *) false ;; esac; do
    q=$q/${r%%/*} r=${r#*/}
    [ ! -L "$q" ] || { echo "a link is on the way to it" >&2; return 0; }
  done
  return 1
}
"""
_PUSH = """
f=$b/run/$n.part
put() {
  linked "$1" && return 1
  [ ! -d "./$1" ] || { echo "Is a directory" >&2; return 1; }
  case $1 in */*) mkdir -p "./${1%/*}" || return 1 ;; esac
  cat >"$f" || return 1
  h=$(sha256sum <"$f") || return 1
  [ "${h%% *}" = "$2" ] || { echo "it did not arrive whole" >&2; return 1; }
  chmod "$3" "$f" && mv -f "$f" "./$1"
}
put "$@" >/dev/null
c=$?
rm -f "$f"
done_ exit $c
"""
_PULL = """
linked "$1" && done_ exit 1
[ ! -L "./$1" ] || { echo "it is a link" >&2; done_ exit 1; }
[ -f "./$1" ] || done_ missing 0
s=$(wc -c <"./$1") || done_ exit 1
echo $s
cat "./$1" || done_ exit 1
h=$(sha256sum <"./$1") || done_ exit 1
done_ sha256 ${h%% *}
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session's folder on a device: `work` in it is where programs run, `run` says which do.

    Args:
        base: absolute path on the device.
        mark: a word that nothing else there writes.
    """

    base: str
    mark: str

    def run(self, number: int, argv: Sequence[str], together: bool = False) -> Command:
        """The command that runs a program. It is the `number`-th, under which `Keeper` can end it.

        Args:
            together: its stderr goes where its stdout goes.
        """
        known = f"command -v -- {shlex.quote(argv[0])} >/dev/null 2>&1 || done_ absent 0"
        return self._command(number, f"together={'1' if together else ''}\n{known}\n{_RUN}", argv)

    def push(self, number: int, path: str, sha256: str, mode: int) -> Command:
        """The command that takes a file from its standard input."""
        return self._command(number, _MARKED + _LINKED + _PUSH, [path, sha256, f"{mode:o}"])

    def pull(self, number: int, path: str) -> Command:
        """The command that writes a file's size, a newline and the file to stdout; the result carries its SHA-256."""
        return self._command(number, _MARKED + _LINKED + _PULL, [path])

    def _command(self, number: int, body: str, words: Sequence[str]) -> Command:
        head = (
            f"t={self.mark}; b={shlex.quote(self.base)}; n={number}\n"
            'done_() { printf "\\n%s %s %s\\n" "$t" "$1" "$2" >&2; exit 0; }\n'
            'printf "%s\\n" "$t"; printf "%s\\n" "$t" >&2\n'
            'cd "$b/work" 2>/dev/null || done_ gone 0\n'
        )
        return encode(f"{head}set -- {shlex.join(words)}\n{body}")


@dataclass(frozen=True, slots=True)
class Reply:
    """How a script ended.

    Args:
        kind: `exit`, or `absent` (no such program), `missing` (no such file), `gone` (no session), `sha256`.
        value: the exit code, or the hash.
        stderr: what stood between the marks.
    """

    kind: str
    value: str
    stderr: str

    @property
    def exit_code(self) -> int:
        """As `RunResult` has it: negative where a signal ended the program."""
        code = int(self.value)
        return 128 - code if code in _SIGNALS else code


@dataclass(frozen=True, slots=True)
class Command:
    """A command for the login shell.

    Args:
        line: what the client is given.
        head: what must be written to its standard input before anything else.
    """

    line: str
    head: bytes = b""


def encode(script: str, variable: str = "") -> Command:
    """What runs a script by `sh`, whichever shell the user logs in with (csh and fish quote otherwise).

    Args:
        variable: NAME=VALUE for its environment.

    Raises DeviceError for one that is too long, and for a NUL.
    """
    data = script.encode("utf-8", "surrogateescape")
    if 0 in data:
        raise DeviceError("a word of a command cannot hold a NUL")
    text = "".join(chr(byte) if byte in _PLAIN else f"\\0{byte:03o}" for byte in data)
    if len(text) > COMMAND_BYTES:
        raise DeviceError(f"the command is too long for a device: {len(text)} bytes of {COMMAND_BYTES}")
    shell = f"env {variable} sh" if variable else "sh"
    if len(text) <= _LINE_BYTES:
        return Command(f"""exec {shell} -c 'eval "$(printf %b "$1")"' sh '{text}'""")
    return Command(f"""exec {shell} -c 'read -r x; eval "$(printf %b "$x")"' sh""", f"{text}\n".encode())


def reply_of(stderr: str, mark: str) -> Reply | None:
    """The result at the end of a script's stderr; None where it did not come to its end."""
    end = re.compile(rf"\n{mark} ([a-z0-9]+) ([0-9a-f]+)\n\Z").search(stderr)
    if end is None or (end[1] != "sha256" and not end[2].isdecimal()):
        return None
    return Reply(end[1], end[2], after_mark(stderr[: end.start()], mark))


def after_mark(text: str, mark: str) -> str:
    """What follows the first mark: a login script may have talked before. All, where the mark is cut off."""
    return text.partition(f"{mark}\n")[2] if f"{mark}\n" in text else text
