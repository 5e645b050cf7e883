"""Golden inputs to a phone, and what it computes back: one start of the tool for each sample, in one script.

The tool reads each input from a raw file and writes all outputs to one, raw and without shapes, in the order of the
graph (OutputSaver in tflite/tools/benchmark/benchmark_tflite_model.cc). A start is one inference of a fresh
interpreter, so that a model with state is compared as the golden samples were made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bundle.golden import Golden
from edgekit.bundle.manifest import GoldenSpec, ParityBound, PortSpec
from edgekit.core.errors import DeviceError
from edgekit.measure.android_arguments import ONCE, Engine, Job, arguments
from edgekit.measure.android_log import printable
from edgekit.measure.android_session import Phone
from edgekit.measure.android_tool import TOOL
from edgekit.measure.options import Accelerator
from edgekit.runtime.litert import Kernels

Array = NDArray[Any]
BATCH = 32
"""So many samples go to the phone at once."""
_ALL, _ONE, _OUTPUTS = "samples{}.bin", "sample{}.bin", "outputs.bin"
_OUTPUT = "output.bin"
# Half precision keeps 11 bits; sums over some dozen layers lose three to four of them.
_HALF = 1 / 128
_HALF_STEPS = 3

# $1 is the number of samples, $2 of inputs, then the bytes of one sample of each input, then the command.
_SCRIPT = """
count=$1; inputs=$2; shift 2
sizes=; k=0
while [ $k -lt $inputs ]; do sizes="$sizes $1"; shift; k=$((k+1)); done
: > outputs.bin
i=0
while [ $i -lt $count ]; do
  k=0
  for size in $sizes; do
    dd if=samples$k.bin of=sample$k.bin bs=$size skip=$i count=1 2>/dev/null || exit 91
    k=$((k+1))
  done
  rm -f output.bin
  "$@" > log.out 2> log.err
  code=$?
  if [ $code -ne 0 ]; then cat log.out; cat log.err >&2; exit $code; fi
  cat output.bin >> outputs.bin || exit 92
  i=$((i+1))
done
cat log.out; cat log.err >&2
"""
_NAME = "samples.sh"
_FAILED = {91: "cannot cut the samples apart (dd)", 92: "has no outputs: benchmark_model wrote none"}


@dataclass(frozen=True, slots=True)
class Model:
    """What runs on the phone: the file there, its signature (empty where there is no choice), and its interface."""

    file: str
    signature: str
    inputs: tuple[PortSpec, ...]
    outputs: tuple[PortSpec, ...]


def run_samples(phone: Phone, engine: Engine, model: Model, arrays: Sequence[Array]) -> dict[str, Array]:
    """Outputs by name, samples first, for inputs as the model stores them, samples first. Raises DeviceError."""
    phone.push(_NAME, _SCRIPT.encode())
    parts = []
    for start in range(0, len(arrays[0]), BATCH):
        parts.append(_batch(phone, engine, model, [array[start : start + BATCH] for array in arrays]))
    return {port.name: np.concatenate([part[port.name] for part in parts]) for port in model.outputs}


def bounds(spec: GoldenSpec, golden: Golden, engine: Engine) -> tuple[tuple[ParityBound, ...], str, str]:
    """How far the phone may be: the bundle's bounds for the CPU's kernels, wider ones where 16 bits are allowed.

    Gives the bounds, the name of their kernels, and what is said of them.
    """
    kernels = engine.kernels.value
    if engine.accelerator is Accelerator.CPU or not engine.phone.precision_loss:
        return spec.bounds, kernels, ""
    name = engine.accelerator.value
    cpu = {b.output: b for b in spec.bounds if b.kernels == Kernels.XNNPACK.value}
    wide = tuple(_half(name, output, golden.outputs[output], cpu.get(output)) for output in golden.outputs)
    return wide, name, f"the {name.upper()} may compute in 16 bits, and is allowed an 128th of the largest output"


def split_outputs(data: bytes, ports: tuple[PortSpec, ...], count: int, device: str) -> dict[str, Array]:
    """The tool's output file for `count` samples as arrays. Raises DeviceError where its length is wrong."""
    sizes = _sizes(ports)
    if len(data) != count * sum(sizes):
        wanted = f"{count} times {sum(sizes)}" if count > 1 else str(sum(sizes))
        raise DeviceError(
            f"{device}: benchmark_model wrote {len(data)} bytes of outputs, not {wanted} bytes",
            "the model on the phone has other outputs than the bundle says, or the file is cut off",
        )
    rows = np.frombuffer(data, np.uint8).reshape(count, sum(sizes))
    outputs, place = {}, 0
    for port, size in zip(ports, sizes, strict=True):
        part = np.ascontiguousarray(rows[:, place : place + size])
        outputs[port.name] = part.view(np.dtype(port.dtype)).reshape(count, *port.shape)
        place += size
    return outputs


def _sizes(ports: tuple[PortSpec, ...]) -> list[int]:
    """Bytes of one sample of each."""
    return [math.prod(port.shape) * np.dtype(port.dtype).itemsize for port in ports]


def _batch(phone: Phone, engine: Engine, model: Model, arrays: Sequence[Array]) -> dict[str, Array]:
    count = len(arrays[0])
    sizes = []
    for place, array in enumerate(arrays):
        data = np.ascontiguousarray(array).tobytes()
        phone.push(_ALL.format(place), data)
        sizes.append(str(len(data) // count))
    values = tuple(_ONE.format(place) for place in range(len(arrays)))
    shapes = tuple(port.shape for port in model.inputs)
    job = Job(model.file, ONCE, model.signature, shapes, values, output=_OUTPUT)
    command = arguments(f"./{TOOL}", engine, job)
    words = ("sh", _NAME, str(count), str(len(arrays)), *sizes, *command)
    result = phone.transport.run(words, phone.timeout_s)
    if result.exit_code in _FAILED:
        raise DeviceError(
            f"{phone.device}: the phone {_FAILED[result.exit_code]}: {printable(result.stderr.strip())[:200]}"
        )
    phone.finish(result)
    return split_outputs(
        phone.pull(_OUTPUTS, 2 * count * sum(_sizes(model.outputs))), model.outputs, count, phone.device
    )


def _half(kernels: str, output: str, golden: Array, cpu: ParityBound | None) -> ParityBound:
    """The bound of one output where sums are made in half precision."""
    if golden.dtype.kind in "iub":
        steps = max(_HALF_STEPS, cpu.steps or 0 if cpu else 0)
        return ParityBound(kernels, output, steps, None, 0.0)
    largest = float(np.max(np.abs(golden.astype(np.float64)), initial=0.0))
    absolute = max(_HALF * largest, cpu.absolute or 0.0 if cpu else 0.0)
    return ParityBound(kernels, output, None, absolute, 0.0)


def inputs_of(golden: Golden | Mapping[str, Array], ports: tuple[PortSpec, ...]) -> list[Array]:
    """The inputs in the model's order."""
    arrays = golden.inputs if isinstance(golden, Golden) else golden
    return [arrays[port.name] for port in ports]
