"""What a worker said, as the parts of a measurement."""

from __future__ import annotations

import dataclasses
import io
import math
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgekit.core.errors import DeviceError
from edgekit.graph.codec import read
from edgekit.measure.measurement import (
    Conditions,
    Health,
    Latency,
    Memory,
    Noise,
    OperatorTime,
    Placement,
    Power,
    Profile,
    Rail,
    summarise,
)
from edgekit.measure.statistics import SHARED, TOLERANCE, burst_count, disturbance, drift_share, throttling
from edgekit.measure.visit import Answer, printable

Array = NDArray[Any]
# What zipfile and numpy raise for bytes that nobody sensible wrote; RuntimeError where they are encrypted.
_DAMAGED = (
    *(ArithmeticError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
_MEMORY = "above the runtime without a model: weights, packed weights and activations"
_PROFILED = "One thread, with LiteRT's own profiler, which slows the run and counts whole microseconds."
_BUILTIN = re.compile(r"\[Builtin\]:(\d+)")
LEAST_US = 1e-3
"""A nanosecond: no clock of a device tells less, so a shorter inference was not measured."""
_HEADERS_BYTES = 1 << 20
_KINDS = "biufcSU"
_DELEGATE = "Delegate/"
_DELEGATES = {"xnnpack": "XNNPACK"}
_UNSTEADY = f"not measurable to {100 * TOLERANCE:.3g} % here"


def latency(answer: Answer, most: int) -> Latency:
    """The timed runs, summarised. A device that throttled, or was shared so that nothing is sure, is not steady.

    Raises DeviceError where there are more than `most`, or one took less than a nanosecond.
    """
    samples = answer.numbers("latencies_us")
    if len(samples) > most or min(samples) < LEAST_US:
        raise DeviceError(
            f"{answer.device}: the worker's latencies cannot be: {len(samples)}, from {min(samples):g} us"
        )
    found = summarise(samples, int(answer.number("warmup_count")), answer.values.get("settled") is True)
    before, after = health(answer, "before"), health(answer, "after")
    why = throttling(drift_share(samples), before.clock_mhz, after.clock_mhz, after.throttled)
    if why:
        return dataclasses.replace(found, steady=False, steady_note=f"{_UNSTEADY}: {why}")
    noisy = noise(answer)
    if max(noisy.waited_share or 0.0, noisy.stolen_share or 0.0) > SHARED:
        return dataclasses.replace(found, steady=False, steady_note=f"{_UNSTEADY}: {noisy.words}")
    if not found.settled:
        return dataclasses.replace(found, steady_note=f"{found.steady_note}; the warm-up did not settle")
    if noisy.words and not found.steady:
        return dataclasses.replace(found, steady_note=f"{found.steady_note} ({noisy.words})")
    return found


def noise(answer: Answer) -> Noise:
    """What other programs took from the timed runs."""
    said = _part(answer, "noise")
    samples = answer.numbers("latencies_us")
    switches, bursts = said.maybe("involuntary_switches"), burst_count(samples)
    waited, stolen = said.maybe("waited_share"), said.maybe("stolen_share")
    rate = None if switches is None else switches / len(samples)
    words = disturbance(rate, waited, stolen, bursts)
    return Noise(None if switches is None else int(switches), waited, stolen, bursts, words)


def health(answer: Answer, moment: str) -> Health:
    """The device `before` or `after` the timed runs."""
    said = _part(answer, moment)
    clocks = said.numbers("clock_mhz") if said.values.get("clock_mhz") else []
    return Health(tuple(clocks), said.maybe("temperature_c"), said.text("throttled"), said.maybe("load"))


def _part(answer: Answer, key: str) -> Answer:
    """An object within the answer. Raises DeviceError."""
    value = answer.values.get(key)
    if not isinstance(value, dict):
        raise DeviceError(f"{answer.device}: the worker's {key} is no object")
    return Answer(answer.device, value)


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
        board=answer.text("board"),
        emulated=answer.text("emulated"),
        before=health(answer, "before"),
        after=health(answer, "after"),
    )


def placement(answer: Answer, model: bytes, kernels: str) -> Placement:
    """Which of the model's operators the delegate took, and which were left to the builtin kernels, by name."""
    ops = read(model).main.ops
    said = _part(answer, "placement")
    taken, note = said.values.get("taken"), said.text("note")
    if not isinstance(taken, list):
        return Placement(_DELEGATES.get(kernels, ""), None, len(ops), (), note)
    places = {int(place) for place in said.numbers("taken")} if taken else set()
    if not places:
        why = f"{note}: no delegate took part" if kernels == "xnnpack" else f"no delegate with {kernels} kernels"
        return Placement("", 0, len(ops), (), why)
    left = tuple(_named(op.name, op.custom_name or op.kind) for i, op in enumerate(ops) if i not in places)
    count = int(said.number("kernels"))
    note += f": {count} {'part' if count == 1 else 'parts'} of the main graph"
    return Placement(_DELEGATES.get(kernels, "a delegate"), len(ops) - len(left), len(ops), left, note)


def _named(name: str, kind: str) -> str:
    return f"{name} ({kind})" if name else kind


def power(answer: Answer) -> Power | None:
    """The mean power of the rails and the energy of one inference; None where the device has no sensors."""
    found = _part(answer, "rails")
    if not found.values:
        return None
    rails = tuple(Rail(printable(name, 40), found.number(name)) for name in found.values)
    count, seconds = answer.number("inferences"), answer.number("seconds")
    if count < 1:
        raise DeviceError(f"{answer.device}: the worker's inferences are {count:g}")
    watts = sum(rail.mean_w for rail in rails)
    how = (
        f"{answer.number('samples'):.0f} readings of the board's power chip (vcgencmd pmic_read_adc) "
        f"in {seconds:.1f} s "
        "while the model ran without a pause: all rails that it tells, idle power included, but not what the 5 V "
        "input feeds directly nor losses before the chip"
    )
    return Power(rails, watts, 1000 * watts * seconds / count, how)


def outputs_bytes(expected: Iterable[Array]) -> int:
    """What the file of these outputs may have, in bytes: so much and some headers, also where a type is wider."""
    return 8 * sum(array.nbytes for array in expected) + _HEADERS_BYTES


def outputs(data: bytes, names: tuple[str, ...], device: str) -> dict[str, Array]:
    """The outputs that a worker wrote, by name in the model's order. Raises DeviceError where they are damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            there = set(archive.namelist())
            keys = {name: f"output_{i}.npy" for i, name in enumerate(names)}
            return {name: _array(archive, key, len(data)) for name, key in keys.items() if key in there}
    except _DAMAGED as error:
        said = printable(str(error)) or type(error).__name__
        raise DeviceError(f"{device}: the worker's outputs are damaged: {said}") from error


def _array(archive: zipfile.ZipFile, key: str, most_bytes: int) -> Array:
    """One array. What the file says of its size is compared with its bytes before memory is taken. Raises _DAMAGED."""
    entry = archive.getinfo(key)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > most_bytes:
        raise ValueError(f"{key} is packed, or larger than the whole")
    data = archive.read(entry)
    file = io.BytesIO(data)
    if npy.read_magic(file) != (1, 0):
        raise ValueError(f"{key} is of another version than 1.0")
    shape, in_columns, dtype = npy.read_array_header_1_0(file)
    if dtype.kind not in _KINDS or min(shape, default=0) < 0:
        raise ValueError(f"{key} holds no plain numbers")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"{key} has another size than it says")
    return np.ndarray(shape, dtype, data, file.tell(), order="F" if in_columns else "C")


def profile(reply: object, model: bytes, device: str) -> Profile:
    """The profiler's rows with the model's own names; a note instead where the runtime gives none.

    A row of a delegate is one of its kernels: it may stand for several operators, and has no name of the model's.
    """
    if not isinstance(reply, list) or not reply:
        why = f": {printable(reply)}" if isinstance(reply, str) else ""
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
