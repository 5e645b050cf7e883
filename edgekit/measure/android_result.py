"""The file that benchmark_model writes for --result_file_path: a BenchmarkResult, read by hand from the wire.

Fields: tflite/tools/benchmark/proto/benchmark_result.proto of google-ai-edge/LiteRT (proto2, every field optional).
Wire: protobuf.dev/programming-guides/encoding. Three small messages do not pay for a dependency.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from edgekit.core.errors import DeviceError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LATENCY, _MEMORY, _MISC = 2, 3, 4
_MOST = 1e15


@dataclass(frozen=True, slots=True)
class LatencyMetrics:
    """Times in milliseconds of the wall clock."""

    avg_ms: float
    min_ms: float
    max_ms: float
    stddev_ms: float
    median_ms: float
    p5_ms: float
    p95_ms: float
    init_ms: float
    first_inference_ms: float
    average_warm_up_ms: float


@dataclass(frozen=True, slots=True)
class MemoryMetrics:
    """Growth of the tool's memory from its start, and its peak where it was watched."""

    init_footprint_kb: int
    overall_footprint_kb: int
    peak_mem_mb: float | None


@dataclass(frozen=True, slots=True)
class MiscMetrics:
    """Size of the model, and how often it ran."""

    model_size_mb: float
    num_runs: int
    num_warmup_runs: int


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """The whole file; `memory` is None where the phone does not tell."""

    latency: LatencyMetrics
    memory: MemoryMetrics | None
    misc: MiscMetrics


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    wire: int
    value: int | bytes


def parse_result(data: bytes, device: str) -> BenchmarkResult:
    """The content of the file. Raises DeviceError that names the part which is damaged or missing."""
    whole = _Message("", data, device)
    latency = whole.message(_LATENCY, "latency_metrics")
    misc = whole.message(_MISC, "misc_metrics")
    if latency is None or misc is None:
        part = "latency_metrics" if latency is None else "misc_metrics"
        raise _broken(device, f"has no {part}")
    memory = whole.message(_MEMORY, "memory_metrics")
    return BenchmarkResult(_latency(latency), None if memory is None else _memory(memory), _misc(misc))


class _Message:
    """A message's fields by number; of a field that comes twice the last one counts, as protobuf rules."""

    def __init__(self, name: str, data: bytes, device: str) -> None:
        self._name = name
        self._device = device
        self._fields = {field.number: field for field in _fields(data, device, name or "BenchmarkResult")}

    def message(self, number: int, name: str) -> _Message | None:
        field = self._fields.get(number)
        if field is None:
            return None
        if not isinstance(field.value, bytes):
            raise _broken(self._device, f"is damaged in {name}")
        return _Message(name, field.value, self._device)

    def float(self, number: int, name: str) -> float:
        """A number that is 0 at least. Raises DeviceError where it is missing or none."""
        field = self._field(number, name, _FIXED32)
        value: float = struct.unpack("<f", struct.pack("<I", field.value))[0]
        if not 0 <= value <= _MOST or math.isnan(value):
            raise _broken(self._device, f"says {self._name}.{name} is {value}")
        return value

    def integer(self, number: int, name: str) -> int:
        """A signed integer."""
        value = self._field(number, name, _VARINT).value
        assert isinstance(value, int)  # the wire type says so
        signed = value - (1 << 64) if value >= 1 << 63 else value
        if abs(signed) > _MOST:
            raise _broken(self._device, f"says {self._name}.{name} is {signed}")
        return signed

    def has(self, number: int) -> bool:
        return number in self._fields

    def _field(self, number: int, name: str, wire: int) -> _Field:
        field = self._fields.get(number)
        if field is None:
            raise _broken(self._device, f"has no {self._name}.{name}")
        if field.wire != wire:
            raise _broken(self._device, f"is damaged in {self._name}.{name}")
        return field


def _latency(message: _Message) -> LatencyMetrics:
    names = LatencyMetrics.__slots__
    return LatencyMetrics(*(message.float(number, name) for number, name in enumerate(names, 1)))


def _memory(message: _Message) -> MemoryMetrics:
    peak = message.float(3, "peak_mem_mb") if message.has(3) else None
    return MemoryMetrics(message.integer(1, "init_footprint_kb"), message.integer(2, "overall_footprint_kb"), peak)


def _misc(message: _Message) -> MiscMetrics:
    size = message.float(1, "model_size_mb")
    return MiscMetrics(size, message.integer(2, "num_runs"), message.integer(3, "num_warmup_runs"))


def _fields(data: bytes, device: str, name: str) -> Iterator[_Field]:
    place = 0
    while place < len(data):
        key, place = _varint(data, place, device, name)
        number, wire = key >> 3, key & 7
        value: int | bytes
        if wire == _VARINT:
            value, place = _varint(data, place, device, name)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
            value, place = int.from_bytes(_take(data, place, size, device, name), "little"), place + size
        elif wire == _BYTES:
            size, place = _varint(data, place, device, name)
            value, place = _take(data, place, size, device, name), place + size
        else:  # groups are of proto1; 6 and 7 do not exist
            raise _broken(device, f"is damaged in {name}: wire type {wire}")
        yield _Field(number, wire, value)


def _varint(data: bytes, place: int, device: str, name: str) -> tuple[int, int]:
    """A number of 64 bits at most, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = _take(data, place, 1, device, name)[0]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, place
    raise _broken(device, f"is damaged in {name}: a number without an end")


def _take(data: bytes, place: int, size: int, device: str, name: str) -> bytes:
    if size > len(data) - place:
        raise _broken(device, f"is cut off in {name}")
    return data[place : place + size]


def _broken(device: str, what: str) -> DeviceError:
    return DeviceError(f"{device}: the result file of benchmark_model {what}", "measure again")
