"""Golden samples: inputs as the shipped model takes them, and what must come out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bundle.manifest import GoldenSpec, ParityBound, PortSpec
from edgekit.core.errors import DatasetError, ModelError
from edgekit.runtime.affine import quantize
from edgekit.runtime.litert import Kernels, LiteRT, TensorInfo
from edgekit.verify.npz import write_npz
from edgekit.verify.outputs import Feed, fitted

Array = NDArray[Any]
SAMPLE_COUNT = 8
_FLOAT_SLACK = 1e-5  # of the largest output: float32 sums in another order, over some dozen layers


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


def make_golden(
    model: bytes, float_model: bytes | None, feeds: Iterable[Feed], count: int = SAMPLE_COUNT
) -> tuple[Golden, GoldenSpec]:
    """Golden samples from the first `count` feeds (those of the float model).

    An integer model is computed by the reference kernels, which TFLM and generated C match bit for bit. Float sums
    depend on their order, so for a float model the plain optimized kernels do. How far XNNPACK is from that is
    measured here and becomes its bound: twice what was seen plus one step, because it rounds once more or less in
    each layer and another CPU may do so elsewhere.

    Raises ModelError where the runtime refuses, DatasetError without samples.
    """
    probe = LiteRT(model)
    integer = any(info.is_quantized for info in (*probe.inputs, *probe.outputs))
    exact = Kernels.REFERENCE if integer else Kernels.BUILTIN
    runner, shipped = LiteRT(model, kernels=exact), probe
    original = LiteRT(float_model) if float_model is not None else None
    rows: list[tuple[dict[str, Array], dict[str, Array], dict[str, Array], dict[str, Array]]] = []
    for feed, _ in zip(feeds, range(count), strict=False):
        inputs = _stored(fitted(feed.inputs, runner.inputs), runner.inputs)
        reals = _in_order(original.run_float(fitted(feed.inputs, original.inputs)), runner) if original else {}
        rows.append((inputs, runner.run(inputs), reals, shipped.run(inputs)))
    if not rows:
        raise DatasetError("there are no samples to make golden samples of")
    golden = Golden(*(_stack([row[i] for row in rows]) for i in range(3)))
    near = _stack([row[3] for row in rows])
    bounds = [_exact_bound(info, exact) for info in runner.outputs if info.is_quantized]
    bounds += [_bound(info, golden.outputs[info.name], near[info.name]) for info in runner.outputs]
    return golden, GoldenSpec(len(rows), exact.value, tuple(bounds))


def _exact_bound(info: TensorInfo, kernels: Kernels) -> ParityBound:
    return ParityBound(kernels.value, info.name, 0, None, 0.0)


def _bound(info: TensorInfo, exact: Array, near: Array) -> ParityBound:
    """How far XNNPACK may be, from how far it is here."""
    observed = float(np.max(np.abs(near.astype(np.float64) - exact.astype(np.float64)), initial=0.0))
    if exact.dtype.kind in "iub":
        return ParityBound(Kernels.XNNPACK.value, info.name, 2 * round(observed) + 1, None, observed)
    slack = _FLOAT_SLACK * float(np.max(np.abs(exact), initial=0.0))
    return ParityBound(Kernels.XNNPACK.value, info.name, None, 2 * observed + slack, observed)


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
