"""What a worker said, as the parts of a measurement."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import DeviceError
from edgekit.graph.codec import read
from edgekit.measure.measurement import Conditions, Health, Latency, Memory, OperatorTime, Placement, Profile, summarise
from edgekit.measure.visit import Answer

Array = NDArray[Any]
_MEMORY = "above the runtime without a model: weights, packed weights and activations"
_PROFILED = "One thread, with LiteRT's own profiler, which slows the run and counts whole microseconds."
_BUILTIN = re.compile(r"\[Builtin\]:(\d+)")
_DELEGATE = "Delegate/"


def latency(answer: Answer) -> Latency:
    """The timed runs, summarised."""
    return summarise(answer.numbers("latencies_us"), int(answer.number("warmup_count")))


def memory(answer: Answer) -> Memory | None:
    """Peak memory less what was there before the model; None where the device cannot tell."""
    peak, baseline = answer.maybe("peak_bytes"), answer.maybe("baseline_bytes")
    if peak is None or baseline is None:
        return None
    return Memory(max(int(peak - baseline), 0), _MEMORY)


def conditions(answer: Answer, threads: int, kernels: str) -> Conditions:
    """Under what it ran, and when (the only clock here)."""
    return Conditions(
        cpu=answer.text("cpu"),
        machine=answer.text("machine"),
        system=answer.text("system"),
        cores=int(answer.number("cores")),
        governor=answer.text("governor"),
        threads=threads,
        kernels=kernels,
        runtime=answer.text("runtime"),
        runtime_version=answer.text("runtime_version"),
        python=answer.text("python"),
        taken_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        board="",
        emulated="",
        before=Health(load=answer.maybe("load_before")),
        after=Health(load=answer.maybe("load_after")),
    )


def placement(model: bytes, kernels: str) -> Placement:
    """Where the operators ran."""
    total = len(read(model).main.ops)
    if kernels != "xnnpack":
        return Placement("", 0, total, (), "no delegate was asked for")
    return Placement("XNNPACK", None, total, (), "this runtime does not tell which operators it took")


def outputs(data: bytes, names: tuple[str, ...], device: str) -> dict[str, Array]:
    """The outputs that a worker wrote, by name in the model's order. Raises DeviceError where they are damaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[f"output_{i}"] for i, name in enumerate(names) if f"output_{i}" in file.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DeviceError(f"{device}: the worker's outputs are damaged: {error}") from error


def profile(reply: object, model: bytes, device: str) -> Profile:
    """The profiler's rows with the model's own names; a note instead where the runtime gives none.

    A row of a delegate is one of its kernels: it may stand for several operators, and has no name of the model's.
    """
    if not isinstance(reply, list) or not reply:
        why = f": {reply}" if isinstance(reply, str) else ""
        return Profile((), f"This runtime gives no times by operator{why}.")
    names = [(op.name, op.custom_name or op.kind) for op in read(model).main.ops]
    return Profile(tuple(_operator(Answer(device, row), names) for row in reply if isinstance(row, dict)), _PROFILED)


def _operator(row: Answer, names: list[tuple[str, str]]) -> OperatorTime:
    kind, place, time_us = row.text("kind"), row.text("name"), row.number("time_us")
    if kind.startswith(_DELEGATE):
        return OperatorTime(place.replace("[Delegate]:", "kernel "), kind.removeprefix(_DELEGATE), time_us, "XNNPACK")
    match = _BUILTIN.fullmatch(place)
    if match and int(match[1]) < len(names):
        return OperatorTime(*names[int(match[1])], time_us, "builtin kernel")
    return OperatorTime(place, kind, time_us, "builtin kernel")
