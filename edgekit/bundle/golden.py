"""Golden samples: inputs as the shipped model takes them, and what must come out."""

from __future__ import annotations

import enum
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bundle.manifest import GoldenSpec, ParityBound, PortSpec
from edgekit.core.errors import DatasetError, ModelError
from edgekit.graph.codec import read
from edgekit.graph.model import Port
from edgekit.graph.tensor import Tensor
from edgekit.runtime.affine import quantize
from edgekit.runtime.litert import Kernels, LiteRT, TensorInfo
from edgekit.runtime.tflm import run_tflm
from edgekit.verify.npz import write_npz
from edgekit.verify.outputs import Feed, fitted

Array = NDArray[Any]
SAMPLE_COUNT = 8
_FLOAT_SLACK = 1e-5  # of the largest output: float32 sums in another order, over some dozen layers
_COARSE_STEP = 1 / 127  # of the largest output: one step of 8 bits somewhere inside


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """Samples with reference outputs; every array is (samples, *shape of the port with batch).

    Attributes:
        inputs: stored values, by input name.
        outputs: stored values that the kernels of the manifest's `golden` entry give, by output name.
        float_outputs: the float model's outputs for the same samples, by the same names; empty when not known.
    """

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    float_outputs: Mapping[str, Array]

    @property
    def count(self) -> int:
        """How many samples."""
        return len(next(iter(self.inputs.values()), ()))

    def to_bytes(self) -> bytes:
        """`golden.npz`: `input_0`, `output_0`, `float_0` and so on, numbered as the manifest's ports are."""
        groups = (("input", self.inputs), ("output", self.outputs), ("float", self.float_outputs))
        return write_npz({f"{group}_{i}": a for group, arrays in groups for i, a in enumerate(arrays.values())})

    @staticmethod
    def from_bytes(data: bytes, inputs: tuple[PortSpec, ...], outputs: tuple[PortSpec, ...]) -> Golden:
        """Read `golden.npz`. Raises ModelError where it is damaged or does not fit the ports."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"golden.npz is damaged: {error}") from error
        golden = Golden(
            {port.name: _take(arrays, f"input_{i}", port) for i, port in enumerate(inputs)},
            {port.name: _take(arrays, f"output_{i}", port) for i, port in enumerate(outputs)},
            {port.name: arrays.pop(f"float_{i}") for i, port in enumerate(outputs) if f"float_{i}" in arrays},
        )
        counts = {len(a) for group in (golden.inputs, golden.outputs, golden.float_outputs) for a in group.values()}
        if arrays or len(counts) != 1:
            raise ModelError("golden.npz does not fit the manifest", "build the bundle again")
        return golden


class Grain(enum.Enum):
    """What a model computes in, which decides how near two machines come."""

    INTEGER = "integer"  # activations are quantized
    MIXED = "mixed"  # weights only: activations may be quantized on the way
    FLOAT = "float"


def make_golden(
    model: bytes, float_model: bytes | None, feeds: Iterable[Feed], count: int = SAMPLE_COUNT
) -> tuple[Golden, GoldenSpec]:
    """Golden samples from the first `count` feeds (those of the float model).

    A model that computes in integers is run by the reference kernels, which TFLM and generated C match bit for bit.
    Float sums depend on their order, and reference float kernels are slow, so for other models the plain optimized
    kernels do. How far each other kind of kernels is from that is measured here and becomes its bound: twice what
    was seen and one step more, because they round once more or less in each layer, and another CPU may do so elsewhere.
    Every sample finds the model's variables as they are at the beginning, on every device too.

    Raises ModelError where the runtime refuses, DatasetError without samples.
    """
    grain = grain_of(model)
    exact = Kernels.REFERENCE if grain is Grain.INTEGER else Kernels.BUILTIN
    runner = LiteRT(model, kernels=exact)
    original = LiteRT(float_model) if float_model is not None else None
    inputs, outputs, reals = [], [], []
    for feed, _ in zip(feeds, range(count), strict=False):
        inputs.append(_stored(fitted(feed.inputs, runner.inputs), runner.inputs))
        _forget(runner, *([original] if original else []))
        outputs.append(runner.run(inputs[-1]))
        reals.append(_in_order(original.run_float(fitted(feed.inputs, original.inputs)), runner) if original else {})
    if not inputs:
        raise DatasetError("there are no samples to make golden samples of")
    golden = Golden(_stack(inputs), _stack(outputs), _stack(reals))
    bounds: list[ParityBound] = []
    for kernels in Kernels:
        found = golden.outputs if kernels is exact else _run(model, golden, kernels)
        bounds += [_bound(kernels, name, golden.outputs[name], found[name], grain) for name in found]
    return golden, GoldenSpec(golden.count, exact.value, tuple(bounds))


def make_tflm_golden(data: bytes, golden: Golden) -> tuple[Golden, GoldenSpec]:
    """The samples of `golden` with the outputs that TensorFlow Lite Micro gives, for C that rounds as it does.

    The bound of the reference kernels, by which microcontrollers are judged, is then that of TFLM's: none.
    Raises MissingError without tflite-micro, ModelError where it refuses the model.
    """
    model = read(data)
    found = run_tflm(data, in_graph_order(model.main.inputs, model.inputs(), golden.inputs)).outputs
    by_port = by_name(model.main.outputs, model.outputs(), found)
    for name, array in golden.outputs.items():
        if by_port[name].size != array.size:
            raise ModelError(f"TensorFlow Lite Micro gives output {name} another size than LiteRT does")
    outputs = {name: by_port[name].reshape(array.shape) for name, array in golden.outputs.items()}
    made = Golden(golden.inputs, outputs, golden.float_outputs)
    bounds: list[ParityBound] = []
    for kernels in Kernels:
        theirs = made.outputs if kernels is Kernels.REFERENCE else _run(data, made, kernels)
        bounds += [_bound(kernels, name, made.outputs[name], theirs[name], grain_of(data)) for name in theirs]
    return made, GoldenSpec(made.count, "tflm", tuple(bounds))


def in_graph_order(tensors: list[Tensor], ports: list[Port], arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """The arrays of named ports, in the order in which the graph lists the tensors."""
    return tuple(arrays[next(port.name for port in ports if port.tensor is tensor)] for tensor in tensors)


def by_name(tensors: list[Tensor], ports: list[Port], arrays: tuple[Array, ...]) -> dict[str, Array]:
    """The inverse of `in_graph_order`."""
    found = {id(tensor): array for tensor, array in zip(tensors, arrays, strict=True)}
    return {port.name: found[id(port.tensor)] for port in ports}


def grain_of(model: bytes) -> Grain:
    """What the model's bytes say about how it computes. Raises ModelError."""
    tensors = [tensor for graph in read(model).graphs for tensor in graph.tensors]
    quantized = [tensor for tensor in tensors if tensor.is_quantized]
    if any(not tensor.is_constant for tensor in quantized):
        return Grain.INTEGER
    return Grain.MIXED if quantized else Grain.FLOAT


def _run(model: bytes, golden: Golden, kernels: Kernels) -> dict[str, Array]:
    """Outputs of other kernels for the golden inputs; the slow reference kernels see the first sample only."""
    runner = LiteRT(model, kernels=kernels)
    count = 1 if kernels is Kernels.REFERENCE else golden.count
    found = []
    for i in range(count):
        _forget(runner)
        found.append(runner.run({name: a[i] for name, a in golden.inputs.items()}))
    return _stack(found)


def _forget(*runners: LiteRT) -> None:
    for runner in runners:
        runner.reset_variables()


def _bound(kernels: Kernels, name: str, golden: Array, found: Array, grain: Grain) -> ParityBound:
    """The bound of one output from what was `found`, (samples, …), the first of the golden ones or all of them."""
    reals = golden.astype(np.float64)
    observed = float(np.max(np.abs(found.astype(np.float64) - reals[: len(found)]), initial=0.0))
    is_exact = kernels is Kernels.REFERENCE and grain is Grain.INTEGER
    if golden.dtype.kind in "iub":
        steps = 0 if is_exact else 2 * round(observed) + 1
        return ParityBound(kernels.value, name, steps, None, observed)
    step = _FLOAT_SLACK if is_exact or grain is Grain.FLOAT else _COARSE_STEP
    absolute = 2 * observed + step * float(np.max(np.abs(reals), initial=0.0))
    return ParityBound(kernels.value, name, None, absolute, observed)


def _stored(inputs: Mapping[str, Array], wanted: tuple[TensorInfo, ...]) -> dict[str, Array]:
    """Inputs as the shipped model stores them, in its order."""
    stored = {}
    for info in wanted:
        array = np.asarray(inputs[info.name])
        if info.is_quantized and array.dtype.kind == "f":
            array = quantize(array, info.scale, info.zero_point, info.dtype)
        stored[info.name] = array.astype(info.dtype)
    return stored


def _in_order(outputs: Mapping[str, Array], runner: LiteRT) -> dict[str, Array]:
    """The float model's outputs under the shipped model's names: the same, or the one at the same place."""
    names = [info.name for info in runner.outputs]
    if set(names) <= set(outputs):
        return {name: outputs[name] for name in names}
    return dict(zip(names, outputs.values(), strict=True))


def _stack(rows: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _take(arrays: dict[str, Array], key: str, port: PortSpec) -> Array:
    array = arrays.pop(key, None)
    if array is None or array.dtype.name != port.dtype or array.ndim != len(port.shape) + 1:
        found = "nothing" if array is None else f"{array.dtype.name} {array.shape}"
        raise ModelError(f"golden.npz: {key} of port {port.name} is {found}, not {port.dtype} (n, *{port.shape})")
    return array
