"""A phone that is open: what is asked of it, what is pushed to it, and benchmark_model started there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import DeviceError
from edgekit.core.files import read_bytes
from edgekit.measure.android_arguments import Engine, Job, arguments
from edgekit.measure.android_facts import SCRIPT, Facts, parse_facts
from edgekit.measure.android_log import ToolLog, flags_of, parse_log, printable
from edgekit.measure.android_tool import TOOL, Tool
from edgekit.transports.base import RunResult, Transport

_SHORT_S = 60.0
_PROGRAM = f"./{TOOL}"
_SHELL_SIGNAL = 128
_SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
_GONE = {"SIGILL": "the tool needs instructions that this phone lacks", "SIGKILL": "the phone may be short of memory"}


@dataclass(frozen=True, slots=True)
class Phone:
    """An open phone.

    Args:
        device: what errors call it.
        timeout_s: for each start of the tool.
    """

    device: str
    transport: Transport
    timeout_s: float

    def facts(self) -> Facts:
        """What the phone tells of itself now."""
        return parse_facts(self.transport.run(("sh", "-c", SCRIPT), _SHORT_S).stdout)

    def install(self, tool: Tool) -> frozenset[str]:
        """Push the tool, and ask which flags it knows. Raises DeviceError where it does not run here."""
        self.push(TOOL, tool.data)
        self.shell(("chmod", "755", TOOL))
        asked = self.transport.run((_PROGRAM, "--help=true"), _SHORT_S)
        if crash := signal_of(asked):
            raise DeviceError(f"{self.device}: {tool.path} crashes at its start ({crash})", _GONE.get(crash, ""))
        flags = flags_of(asked.stdout + "\n" + asked.stderr)
        if not flags and asked.exit_code in (126, 127):
            said = (asked.stderr or asked.stdout).strip().splitlines()[-1:]
            raise DeviceError(f"{self.device}: {tool.path} cannot be started there: {printable(' '.join(said))[:200]}")
        return flags

    def start(self, engine: Engine, job: Job, mask: str = "") -> ToolLog:
        """One run of the tool to its end. Raises DeviceError with what the tool says is wrong."""
        return self.finish(self.run(engine, job, mask))

    def run(self, engine: Engine, job: Job, mask: str = "") -> RunResult:
        """One run of the tool, however it ends."""
        return self.transport.run(arguments(_PROGRAM, engine, job, mask), self.timeout_s)

    def finish(self, result: RunResult) -> ToolLog:
        """The log of a run that has ended. Raises DeviceError where it did not end well."""
        if crash := signal_of(result):
            words = _GONE.get(crash, "")
            raise DeviceError(f"{self.device}: benchmark_model crashed while it ran the model ({crash})", words)
        log = parse_log(f"{result.stdout}\n{result.stderr}", self.device)
        if result.exit_code:
            said = [error for error in log.errors if error != "Benchmarking failed."]
            words = said[-1] if said else f"exit code {result.exit_code}"
            raise DeviceError(f"{self.device}: benchmark_model cannot run the model: {words}")
        return log

    def shell(self, words: Sequence[str]) -> RunResult:
        """A short command. Raises DeviceError where it fails."""
        result = self.transport.run(words, _SHORT_S)
        if result.exit_code:
            raise DeviceError(f"{self.device}: {words[0]} failed there: {printable(result.stderr.strip())[:200]}")
        return result

    def push(self, name: str, data: bytes) -> None:
        """Put a file of the session's folder."""
        with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
            source = Path(folder) / "file"
            source.write_bytes(data)
            self.transport.push(source, name)

    def pull(self, name: str, most_bytes: int) -> bytes:
        """A file of the session's folder. Raises DeviceError where it is not there, or larger than that."""
        with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
            target = Path(folder) / "file"
            self.transport.pull(name, target, most_bytes)
            return read_bytes(target)

    def has(self, name: str) -> bool:
        """Whether the session's folder has a file of that name."""
        return self.transport.run(("sh", "-c", '[ -f "$1" ]', "sh", name), _SHORT_S).exit_code == 0


def signal_of(result: RunResult) -> str:
    """The name of the signal that ended a program, empty where it ended by itself.

    A shell in between says 128 + n (POSIX.1-2017, XCU 2.8.2).
    """
    code = result.exit_code
    number = -code if code < 0 else code - _SHELL_SIGNAL
    return _SIGNALS.get(number, f"signal {number}" if code < 0 else "")
