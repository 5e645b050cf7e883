"""What an Ethos-U runs: the model as Arm's compiler Vela (PyPI `ethos-u-vela`, the extra `vela`) leaves it.

Vela puts runs of operators into custom operators for the accelerator; what stays is left on the CPU. Its summary is
a CSV file of one row, whose columns are named in ethos-u-vela, ethosu/vela/stats_writer.py.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edgekit.bundle.packed import PackJob, Part, in_folder, sentence
from edgekit.bundle.tflm import array, header, op_resolver, operators
from edgekit.core.errors import EdgekitError, MissingError, ModelError
from edgekit.core.extras import installed
from edgekit.core.process import Completed, run
from edgekit.core.units import KIB, format_bytes, format_count
from edgekit.graph.codec import read
from edgekit.targets.target import Accelerator, Target

FOLDER = "ethosu"
PACKAGE, EXTRA = "ethos-u-vela", "vela"
_CUSTOM = "ethos-u"
_TIMEOUT_S = 600.0
_LONGEST_LIST = 6


@dataclass(frozen=True, slots=True)
class VelaSummary:
    """What Vela estimates; cycles are the accelerator's own, and none of the CPU's operators is in them.

    Attributes:
        cycles: of an inference, memory included.
        sram_bytes: feature maps and what is staged there.
        flash_bytes: weights and command stream, on or off the chip.
        clock_hz: of the system configuration.
    """

    cycles: int
    sram_bytes: int
    flash_bytes: int
    macs: int
    clock_hz: int
    system_config: str
    memory_mode: str


@dataclass(frozen=True, slots=True)
class LeftOperator:
    """An operator that Vela left on the CPU, and why, where it says so."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Vela:
    """A compiled model and its report."""

    model: bytes
    summary: VelaSummary
    left: tuple[LeftOperator, ...]
    version: str


def unit_of(target: Target) -> Accelerator | None:
    """The accelerator of `target` that Vela compiles for, or None."""
    return next((unit for unit in target.accelerators if unit.config.startswith("ethos-u")), None)


def pack_ethosu(job: PackJob, unit: Accelerator) -> Part:
    """`ethosu/`: the compiled model, the same as a C array, and the operators that TFLM needs for it.

    Without Vela, the sentence on how to get it.
    """
    title = f"{unit.name} ({unit.config})"
    try:
        vela = compile_for(job.data, unit)
    except EdgekitError as error:
        where = f"{job.target.name}: the bundle has nothing for the {unit.name}: {error.message}"
        failure: EdgekitError = type(error)(where, error.hint)
        return Part(FOLDER, title, notes=(sentence(failure),), error=failure)
    files = {
        "model_vela.tflite": vela.model,
        "model_vela.h": header(vela.model, "edgekit_model_vela").encode(),
        "model_vela.c": array(vela.model, "edgekit_model_vela", "model_vela.h").encode(),
        "op_resolver.h": op_resolver((*operators(read(vela.model)), *_npu(vela))).encode(),
    }
    return Part(FOLDER, title, in_folder(FOLDER, files), _record(unit, vela), _facts(vela), _notes(vela))


def _npu(vela: Vela) -> tuple[str, ...]:
    """The accelerator's operator, where Vela put anything there: TFLM registers it with AddEthosU()."""
    return ("ETHOS_U",) if any(op.custom_name == _CUSTOM for op in read(vela.model).ops()) else ()


def compile_for(model: bytes, unit: Accelerator) -> Vela:
    """Vela's work on `model`. Raises MissingError without Vela, ModelError where it refuses or crashes."""
    if not installed("ethosu.vela"):
        raise MissingError("Arm's compiler Vela is not installed on this machine", f"pip install 'edgekit[{EXTRA}]'")
    with tempfile.TemporaryDirectory(prefix="edgekit-vela-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        done = _vela(folder, unit)
        compiled = folder / "out" / "model_vela.tflite"
        summaries = sorted((folder / "out").glob("model_summary_*.csv"))
        if not compiled.is_file() or not summaries:
            raise ModelError(f"Vela ended without a result for {unit.config}")
        data, summary = compiled.read_bytes(), read_summary(summaries[0].read_text())
    return Vela(data, summary, left_on_cpu(data, reasons_in(done.stdout + done.stderr)), metadata.version(PACKAGE))


def _vela(folder: Path, unit: Accelerator) -> Completed:
    argv = [sys.executable, "-P", "-m", "ethosu.vela", str(folder / "model.tflite")]
    argv += ["--accelerator-config", unit.config, "--output-dir", str(folder / "out"), "--show-cpu-operations"]
    argv += ["--config", "Arm/vela.ini"]
    argv += ["--system-config", unit.system_config] if unit.system_config else []
    argv += ["--memory-mode", unit.memory_mode] if unit.memory_mode else []
    return run(argv, timeout_s=_TIMEOUT_S, cwd=folder).require(f"Vela, compiling for {unit.config},")


def read_summary(text: str) -> VelaSummary:
    """The numbers in Vela's summary. Raises ModelError where a column is missing or holds no number."""
    rows = list(csv.DictReader(io.StringIO(text)))
    try:
        row = rows[0]
        flash = float(row["on_chip_flash_memory_used"]) + float(row["off_chip_flash_memory_used"])
        return VelaSummary(
            cycles=int(float(row["cycles_total"])),
            sram_bytes=round(float(row["sram_memory_used"]) * KIB),
            flash_bytes=round(flash * KIB),
            macs=int(float(row["nn_macs"])),
            clock_hz=round(float(row["core_clock"])),
            system_config=row["system_config"],
            memory_mode=row["memory_mode"],
        )
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"Vela's summary cannot be read: {error!r}") from error


def reasons_in(text: str) -> Mapping[str, str]:
    """Output tensor -> why its operator stays on the CPU, from what Vela prints.

    >>> reasons_in("Warning (supported operators) operator: SOFTMAX, ofm: 'y'\\nReason: Operation is float\\n")
    {'y': 'Operation is float'}
    """
    return dict(re.findall(r"^Warning.*\bofm: '(.*)'\n\s*-?\s*Reason: (.*)$", text, re.MULTILINE))


def left_on_cpu(model: bytes, reasons: Mapping[str, str]) -> tuple[LeftOperator, ...]:
    """The operators of a compiled model that are none of the accelerator's."""
    ops = [op for op in read(model).ops() if op.custom_name != _CUSTOM]
    return tuple(LeftOperator(op.label, op.name, reasons.get(op.name, "")) for op in ops)


def _record(unit: Accelerator, vela: Vela) -> dict[str, object]:
    summary = vela.summary
    return {
        "accelerator": unit.config,
        "system_config": summary.system_config,
        "memory_mode": summary.memory_mode,
        "vela": vela.version,
        "cycles": summary.cycles,
        "clock_hz": summary.clock_hz,
        "sram_bytes": summary.sram_bytes,
        "flash_bytes": summary.flash_bytes,
        "macs": summary.macs,
        "left_on_cpu": [{"kind": op.kind, "name": op.name, "reason": op.reason} for op in vela.left],
    }


def _facts(vela: Vela) -> tuple[tuple[str, str], ...]:
    summary = vela.summary
    ms = 1e3 * summary.cycles / summary.clock_hz if summary.clock_hz else 0.0
    cycles = f"{format_count(summary.cycles)}, {ms:.3g} ms at {summary.clock_hz / 1e6:g} MHz (Vela's estimate)"
    kinds = ", ".join(sorted({op.kind for op in vela.left})) if vela.left else ""
    return (
        ("compiler", f"Vela {vela.version}, {summary.system_config}, {summary.memory_mode}"),
        ("cycles", cycles),
        ("SRAM", format_bytes(summary.sram_bytes)),
        ("flash", format_bytes(summary.flash_bytes)),
        ("left on the CPU", f"{len(vela.left)} operators: {kinds}" if vela.left else "no operator"),
    )


def _notes(vela: Vela) -> tuple[str, ...]:
    """Why operators stay on the CPU, the first few."""
    rows = [f"{op.kind} {op.name!r} stays on the CPU: {op.reason}" for op in vela.left if op.reason]
    more = len(rows) - _LONGEST_LIST
    return (*rows[:_LONGEST_LIST], *((f"and {more} more stay on the CPU",) if more > 0 else ()))
