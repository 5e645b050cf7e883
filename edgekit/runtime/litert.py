"""LiteRT: run a model's bytes, look at every tensor."""

from __future__ import annotations

import enum
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekit.core.errors import ModelError, UsageError
from edgekit.core.hush import hushed
from edgekit.runtime.affine import dequantize, quantize

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

Array = npt.NDArray[Any]
_OPERATOR = re.compile(
    r"(Node number \d+ \(\w+\))|(?:custom op|builtin opcode)[^:']*[:']\s*'?(\w+)|\b(Flex\w+)", re.IGNORECASE
)


class Kernels(enum.Enum):
    """Which kernels compute: the fast path, the plain optimized ones, or the slow exact ones."""

    XNNPACK = "xnnpack"
    BUILTIN = "builtin"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, eq=False)
class TensorInfo:
    """What a model's input or output looks like.

    Attributes:
        name: the signature's name if there is one, else the tensor's.
        shape: as allocated, batch included.
        dtype: numpy type of the stored values.
        scale, zero_point: empty where the tensor is not quantized.
        index: the runtime's number of the tensor.
        flexible: for each dimension, whether the model leaves it open.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    index: int
    flexible: tuple[bool, ...]

    @property
    def is_quantized(self) -> bool:
        """Whether the stored integers stand for real numbers."""
        return self.scale.size > 0 and self.dtype.kind in "iu"


@dataclass(frozen=True, slots=True)
class Activation:
    """A tensor of the model's graph that `tensor(index)` shows: `name`, and the runtime's number of it."""

    index: int
    name: str


class LiteRT:
    """A model, ready to run.

    Args:
        model: the bytes of a .tflite file.
        threads: how many threads the kernels may use.
        kernels: which kernels.
        keep_all: keep every intermediate tensor for `tensor()`; costs memory, hardly time.
        signature: which signature to run; empty means the default one, or the first graph where there is none.

    Raises ModelError where the runtime refuses the model.
    """

    def __init__(
        self,
        model: bytes,
        *,
        threads: int = 1,
        kernels: Kernels = Kernels.XNNPACK,
        keep_all: bool = False,
        signature: str = "",
    ) -> None:
        with _door("load the model"), hushed():
            self._interpreter = _interpreter(model, threads, kernels, keep_all)
        with _door("prepare the model"), hushed():
            self._interpreter.allocate_tensors()
        self._choose(signature)
        self._read_interface()

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The inputs, in the model's order."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The outputs, in the model's order."""
        return self._outputs

    def run(self, feed: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """Outputs as stored, by name. Float values for a quantized input are quantized first.

        Raises UsageError for a feed that does not fit, ModelError where the runtime fails.
        """
        self.invoke(feed)
        if self._runner:
            return dict(self._results)
        return {info.name: self._interpreter.get_tensor(info.index) for info in self._outputs}

    def run_float(self, feed: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """As `run`, with quantized outputs as float32."""
        stored = self.run(feed)
        return {info.name: as_float(stored[info.name], info) for info in self._outputs}

    def invoke(self, feed: Mapping[str, npt.ArrayLike]) -> None:
        """Run, and leave the results where `tensor()` shows them. Errors as in `run`."""
        arrays = self._fit(feed)
        with _door("run the model"):
            if self._runner:
                self._results = self._runner(**arrays)
                return
            for info in self._inputs:
                self._interpreter.set_tensor(info.index, arrays[info.name])
            self._interpreter.invoke()

    def reset_variables(self) -> None:
        """Forget the state of variable tensors (recurrent and streaming models)."""
        with _door("reset the model's variables"):
            self._interpreter.reset_all_variables()

    def tensor(self, index: int) -> Array:
        """A view of a tensor's memory; let go of it before the next run."""
        with _door(f"read tensor {index}"):
            view: Array = self._interpreter.tensor(index)()
        return view

    def activations(self) -> list[Activation]:
        """Every named tensor of the first graph, constants included, with its number."""
        details = self._interpreter.get_tensor_details()
        return [Activation(int(d["index"]), str(d["name"])) for d in details if d["name"]]

    def _choose(self, wanted: str) -> None:
        """Settle which signature runs: the wanted one, else the first one of the first graph, else the first one."""
        signatures = list(self._interpreter.get_signature_list())
        if wanted and wanted not in signatures:
            known = ", ".join(signatures) or "none"
            raise UsageError(f"the model has no signature {wanted!r}", f"known: {known}")
        self._runner: Any = None
        self._named_inputs: dict[str, dict[str, Any]] = {}
        self._named_outputs: dict[str, dict[str, Any]] = {}
        for key in [wanted] if wanted else [*signatures, *signatures[:1]]:
            runner = self._interpreter.get_signature_runner(key)
            self._named_inputs, self._named_outputs = runner.get_input_details(), runner.get_output_details()
            # A runner is kept only for a signature of another graph: while one exists, invoke() is refused.
            self._runner = None if self._runs_first_graph() else runner
            if self._runner is None:
                return

    def _runs_first_graph(self) -> bool:
        """Whether the chosen signature's tensors are those of the first graph."""
        first = self._interpreter.get_input_details() + self._interpreter.get_output_details()
        mine = [*self._named_inputs.values(), *self._named_outputs.values()]
        return {(d["index"], d["name"]) for d in mine} <= {(d["index"], d["name"]) for d in first}

    def _read_interface(self) -> None:
        """Describe inputs and outputs in the order of the graph (of the signature for other graphs)."""
        if self._runner:
            self._inputs = tuple(_info(n, d) for n, d in self._named_inputs.items())
            self._outputs = tuple(_info(n, d) for n, d in self._named_outputs.items())
        else:
            self._inputs = _infos(self._interpreter.get_input_details(), self._named_inputs)
            self._outputs = _infos(self._interpreter.get_output_details(), self._named_outputs)

    def _fit(self, feed: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """The feed as arrays of the inputs' types; resizes inputs whose shape the model leaves open."""
        missing = [i.name for i in self._inputs if i.name not in feed]
        unknown = [n for n in feed if n not in {i.name for i in self._inputs}]
        if missing or unknown:
            known = ", ".join(i.name for i in self._inputs)
            raise UsageError(f"the model takes the inputs {known}; the feed has {', '.join(feed) or 'none'}")
        arrays = {i.name: _stored(i, feed[i.name]) for i in self._inputs}
        if any(arrays[i.name].shape != i.shape for i in self._inputs):
            self._resize(arrays)
        return arrays

    def _resize(self, arrays: Mapping[str, Array]) -> None:
        for info in self._inputs:
            shape = arrays[info.name].shape
            _require_fit(info, shape)
            if not self._runner:  # a signature's runner resizes by itself
                with _door(f"resize input {info.name} to {shape}"):
                    self._interpreter.resize_tensor_input(info.index, list(shape))
        if not self._runner:
            with _door("prepare the model for another shape"):
                self._interpreter.allocate_tensors()
            self._read_interface()


def as_float(array: Array, info: TensorInfo) -> Array:
    """Stored values of a tensor as real ones; unchanged where it is not quantized."""
    return dequantize(array, info.scale, info.zero_point) if info.is_quantized else array


def _interpreter(model: bytes, threads: int, kernels: Kernels, keep_all: bool) -> Interpreter:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = {
        Kernels.XNNPACK: OpResolverType.BUILTIN,
        Kernels.BUILTIN: OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        Kernels.REFERENCE: OpResolverType.BUILTIN_REF,
    }[kernels]
    with warnings.catch_warnings():  # it warns that keeping all tensors costs memory: that is known here
        warnings.simplefilter("ignore", UserWarning)
        return Interpreter(
            model_content=bytes(model),
            num_threads=threads,
            experimental_op_resolver_type=resolver,
            experimental_preserve_all_tensors=keep_all,
        )


def _infos(details: list[dict[str, Any]], named: Mapping[str, dict[str, Any]]) -> tuple[TensorInfo, ...]:
    """Tensors in the graph's order, under the signature's names where it has them."""
    names: dict[int, list[str]] = {}
    for name, detail in named.items():
        names.setdefault(int(detail["index"]), []).append(name)
    infos = []
    for detail in details:
        waiting = names.get(int(detail["index"]))  # two names may share one tensor: each is used once
        infos.append(_info(waiting.pop(0) if waiting else str(detail["name"]), detail))
    return tuple(infos)


def _info(name: str, detail: Mapping[str, Any]) -> TensorInfo:
    parameters = detail["quantization_parameters"]
    signature = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    return TensorInfo(
        name=name,
        shape=tuple(int(n) for n in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        scale=np.asarray(parameters["scales"], np.float32),
        zero_point=np.asarray(parameters["zero_points"], np.int64),
        index=int(detail["index"]),
        flexible=tuple(int(n) < 0 for n in signature),
    )


def _stored(info: TensorInfo, value: npt.ArrayLike) -> Array:
    """A fed value as the input stores it."""
    array = np.asarray(value)
    if array.dtype == info.dtype:
        return np.asarray(array, order="C")  # `ascontiguousarray` would give a scalar an axis
    if info.is_quantized and array.dtype.kind == "f":
        return quantize(array, info.scale, info.zero_point, info.dtype)
    if not np.can_cast(array.dtype, info.dtype, "same_kind"):
        raise UsageError(f"input {info.name} takes {info.dtype}, the feed has {array.dtype}")
    return np.asarray(array, info.dtype, order="C")


def _require_fit(info: TensorInfo, shape: tuple[int, ...]) -> None:
    """Refuse a shape that differs where the model does not leave it open."""
    same_rank = len(shape) == len(info.shape)
    if not same_rank or any(a != b and not f for a, b, f in zip(shape, info.shape, info.flexible, strict=True)):
        raise UsageError(f"input {info.name} has the shape {info.shape}, the feed {shape}")


@contextmanager
def _door(doing: str) -> Iterator[None]:
    """Map what the runtime raises to ModelError; the operator comes first in the sentence."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, SystemError) as error:
        text = " ".join(str(error).split())
        match = _OPERATOR.search(text)
        operator = next((g for g in match.groups() if g), "") if match else ""
        at = f" at {operator}" if operator else ""
        raise ModelError(f"LiteRT cannot {doing}{at}: {text[:400]}") from error
