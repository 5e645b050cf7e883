"""From the bytes of a request to stored inputs, and from stored outputs to an answer."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bundle.manifest import Manifest, PortSpec
from edgekit.core.errors import DatasetError, UsageError
from edgekit.data.array_spec import TEXT, ArraySpec, fits
from edgekit.data.columns import decode_image
from edgekit.data.preprocessing import Preprocessing
from edgekit.runtime.affine import dequantize, quantize

Array = NDArray[Any]
BYTES, JSON, IMAGE = "application/octet-stream", "application/json", "image/"
_TOP = 5
JSON_LIMIT_BYTES = 8 << 20  # in Python's memory values take up to 25 times as much
SAMPLES_LIMIT, ANSWER_LIMIT = 1024, 1 << 20
"""So many samples a request; fewer where their outputs together have more values than that."""
_MOST_PIXELS, _MOST_SIDE = 1 << 24, 1 << 14
_MOST_VALUES = 1 << 26


class InputPort:
    """An input of the model with the preprocessing that the dataset declared for it."""

    def __init__(self, port: PortSpec) -> None:
        declared = port.preprocessing or {}
        raw = declared.get("raw")
        self.port = port
        self.preprocessing = Preprocessing.from_json(_list(declared.get("preprocessing")), port.name)
        self.raw = _raw(raw) if isinstance(raw, Mapping) else ArraySpec(port.shape[1:], _real_dtype(port))

    @property
    def plain_shape(self) -> tuple[int, ...] | None:
        """The shape of a raw value that comes as bytes alone: the declared one or, where that is open, the model's."""
        if self.raw.dtype == TEXT:
            return None
        if -1 not in self.raw.shape:
            return self.raw.shape
        shape = tuple(self.port.shape[1:])
        with contextlib.suppress(DatasetError):
            if self.preprocessing.result(ArraySpec(shape, self.raw.dtype)).shape == shape:
                return shape
        return None

    def stored(self, value: Array) -> Array:
        """One raw value as the model stores it. Raises UsageError where it does not fit."""
        name = self.port.name
        if self.raw.dtype != TEXT and not fits(value.shape, self.raw.shape):
            raise UsageError(f"input {name} takes the shape {self.raw.shape}, this one has {value.shape}")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise UsageError(f"input {name} has values that are not finite")
        try:
            _require_modest(value, self.preprocessing)
            made = self.preprocessing.apply(value)
        except (DatasetError, ValueError, TypeError) as error:
            raise UsageError(f"input {name} cannot be preprocessed: {error}") from error
        if made.size != math.prod(self.port.shape):
            raise UsageError(f"input {name} takes {self.port.shape}, this one is {made.shape} after preprocessing")
        return _as_stored(made.reshape(self.port.shape), self.port)

    def from_json(self, value: object) -> Array:
        """A raw value out of JSON. Raises UsageError."""
        if self.raw.dtype == TEXT:
            if not isinstance(value, str):
                raise UsageError(f"input {self.port.name} takes a text")
            return np.array(value)
        try:
            if not _is_numbers(value):  # one long text would make an array of texts of that length
                raise UsageError(f"input {self.port.name} takes numbers")
            array = np.array(value)
            if array.dtype.kind not in "iufb":
                raise UsageError(f"input {self.port.name} takes numbers")
            return _converted(array, self.raw.dtype, self.port.name)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise UsageError(f"input {self.port.name} is no array: {error}") from error


class Ports:
    """The inputs and outputs of a release."""

    def __init__(self, manifest: Manifest) -> None:
        self._inputs = [InputPort(port) for port in manifest.inputs]
        self._outputs = manifest.outputs
        values = sum(math.prod(port.shape) for port in manifest.outputs)
        self._most_samples = max(1, min(SAMPLES_LIMIT, ANSWER_LIMIT // max(1, values)))

    def samples(self, kind: str, body: bytes) -> Iterator[list[Array]]:
        """The stored inputs of each sample of a request. Raises UsageError, MissingError."""
        if kind == JSON:
            return self._from_json(body)
        if kind == BYTES:
            return self._from_bytes(body)
        if kind.startswith(IMAGE):
            return iter([[self._single(kind).stored(_picture(body))]])
        raise UsageError(f"cannot read {kind[:80] or 'a body without a type'}", f"known: {JSON}, {BYTES}, image/*")

    def answer(self, outputs: Sequence[Array]) -> dict[str, object]:
        """Real values by output name and, for an output with labels, its best ones."""
        real = {port.name: _as_real(array, port) for port, array in zip(self._outputs, outputs, strict=True)}
        answer: dict[str, object] = {"outputs": {name: _plain(array) for name, array in real.items()}}
        for port in self._outputs:
            if port.labels:
                answer["top"] = _top(real[port.name].reshape(-1), port.labels)
        return answer

    def _from_json(self, body: bytes) -> Iterator[list[Array]]:
        if len(body) > JSON_LIMIT_BYTES:
            raise UsageError(f"{JSON} may have {JSON_LIMIT_BYTES >> 20} MiB", f"send more as {BYTES}")
        try:
            request = json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"the body is no JSON: {error}") from error
        tables = request.get("samples", [request.get("inputs")]) if isinstance(request, dict) else None
        names = sorted(i.port.name for i in self._inputs)
        if not isinstance(tables, list) or not tables:
            raise UsageError('the body is {"inputs": {NAME: VALUE}} or {"samples": [{NAME: VALUE}, ...]}')
        self._require_few(len(tables))
        for table in tables:
            if not isinstance(table, dict) or sorted(table) != names:
                raise UsageError(f"a sample has the inputs {', '.join(names)}")
        return ([i.stored(i.from_json(table[i.port.name])) for i in self._inputs] for table in tables)

    def _from_bytes(self, body: bytes) -> Iterator[list[Array]]:
        port = self._single(BYTES)
        shape = port.plain_shape
        if shape is None:
            raise UsageError(f"input {port.port.name} has no fixed length: send it as {JSON}")
        dtype = np.dtype(port.raw.dtype).newbyteorder("<")
        size = dtype.itemsize * math.prod(shape)
        if not body or len(body) % size:
            raise UsageError(f"a sample is {size} bytes ({ArraySpec(shape, port.raw.dtype)}); the body has {len(body)}")
        self._require_few(len(body) // size)
        arrays = np.frombuffer(body, dtype).astype(port.raw.dtype, copy=False).reshape(-1, *shape)
        return ([port.stored(array)] for array in arrays)

    def _require_few(self, count: int) -> None:
        if count > self._most_samples:
            raise UsageError(f"a request may have {self._most_samples} samples of this model, this one has {count}")

    def _single(self, kind: str) -> InputPort:
        if len(self._inputs) != 1:
            raise UsageError(f"{kind} feeds one input, this model has {len(self._inputs)}", f"send {JSON}")
        return self._inputs[0]


def _picture(body: bytes) -> Array:
    return decode_image(body, "the body", _MOST_PIXELS, _MOST_SIDE)


def _require_modest(value: Array, preprocessing: Preprocessing) -> None:
    """Refuse what no operation of the preprocessing can make in modest memory: a long thin picture may grow a lot."""
    spec = ArraySpec(value.shape, TEXT if value.dtype.kind == "U" else str(value.dtype))
    if len(spec.shape) == 3 and max(spec.shape[:2]) > _MOST_SIDE:
        raise DatasetError(f"a side of the picture is longer than {_MOST_SIDE}")
    for operation in preprocessing.operations:
        spec = operation.result(spec)
        if math.prod(spec.shape) > _MOST_VALUES:
            raise DatasetError(f"{operation.op} would make {spec} of it")


def _is_numbers(value: object) -> bool:
    """Whether nothing but numbers is in a value, or in lists of lists that are equally deep everywhere."""
    while isinstance(value, list):
        kinds = set(map(type, value))
        if list not in kinds:
            return kinds <= {int, float, bool}
        if kinds != {list}:
            return True  # of different depths: NumPy says so
        value = list(itertools.chain.from_iterable(value))
    return isinstance(value, int | float)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _raw(declared: Mapping[str, object]) -> ArraySpec:
    return ArraySpec(tuple(int(n) for n in _list(declared.get("shape"))), str(declared.get("dtype")))


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _real_dtype(port: PortSpec) -> str:
    return "float32" if port.quantization else port.dtype


def _converted(array: Array, dtype: str, name: str) -> Array:
    wanted = np.dtype(dtype)
    if wanted.kind in "iu" and array.dtype.kind == "f":
        raise UsageError(f"input {name} takes whole numbers ({dtype})")
    if wanted.kind in "iu" and array.size and not _holds(wanted, array):
        raise UsageError(f"input {name} has numbers that {dtype} cannot hold")
    return array.astype(wanted)


def _holds(dtype: np.dtype[Any], array: Array) -> bool:
    info = np.iinfo(dtype)
    return bool(info.min <= array.min() and array.max() <= info.max)


def _as_stored(array: Array, port: PortSpec) -> Array:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UsageError(f"input {port.name} has values that are not finite")
    if port.quantization is not None and array.dtype.kind == "f":
        return quantize(array, port.quantization.scale, port.quantization.zero_point, port.dtype)
    return np.asarray(array, port.dtype, order="C")


def _as_real(array: Array, port: PortSpec) -> Array:
    if port.quantization is None:
        return array
    return dequantize(array, port.quantization.scale, port.quantization.zero_point)


def _plain(array: Array) -> object:
    """A list for JSON, which has no NaN and no infinity: they become null."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        finite = array.astype(object)
        finite[~np.isfinite(array)] = None
        return finite.tolist()
    return array.tolist()


def _top(scores: Array, labels: Sequence[str]) -> list[dict[str, object]]:
    best = np.argsort(-scores, kind="stable")[:_TOP]
    return [{"label": labels[i], "score": float(scores[i])} for i in best if i < len(labels)]
