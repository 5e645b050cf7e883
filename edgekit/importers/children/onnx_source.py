"""An ONNX model as its converters need it: read with care, shapes fixed, layouts told, run by ONNX Runtime.

Imported by children that run in a backend's environment: of edgekit it may import what needs numpy and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgekit.core.errors import ModelError
from edgekit.importers.selfcheck import Array, Feed, Named, Port, feeds_for

KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
TRACE_BYTES = 256 << 20
"""Intermediate tensors over this many bytes in all are not compared one by one."""
_SPATIAL = frozenset(
    [
        "Conv",
        "ConvTranspose",
        "ConvInteger",
        "QLinearConv",
        "MaxPool",
        "AveragePool",
        "LpPool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "Resize",
        "Upsample",
        "BatchNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "LRN",
        "DepthToSpace",
        "SpaceToDepth",
        "GridSample",
    ]
)
"""Operators whose input is N, C, spatial… by the ONNX specification."""
_SAME_LAYOUT = frozenset(
    [
        "Identity",
        "Cast",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Sqrt",
        "Abs",
        "Neg",
        "Clip",
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Sigmoid",
        "Tanh",
        "Dropout",
        "Pad",
        "Min",
        "Max",
        "Concat",
        "QuantizeLinear",
        "DequantizeLinear",
        "HardSwish",
        "HardSigmoid",
        "Elu",
        "Softplus",
        "Erf",
    ]
)


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the source and where its axes go: `to_tflite` is the transposition, () where there is none."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    to_tflite: tuple[int, ...] = ()

    @property
    def port(self) -> Port:
        """The input as the TFLite model takes it."""
        return Port(self.name, tuple(self.shape[axis] for axis in self.to_tflite) or self.shape, self.dtype)

    def source(self, array: Array) -> Array:
        """`array` in the source's layout."""
        return np.ascontiguousarray(np.transpose(array, np.argsort(self.to_tflite))) if self.to_tflite else array


def read(path: Path) -> Any:
    """The checked model in the file `path`, its external data loaded. Raises ModelError."""
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise ModelError(f"{path} is damaged or not an ONNX model: it is not a readable protobuf message") from error
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    if not model.graph.output:
        raise ModelError(f"{path} is damaged or not an ONNX model: it has no graph with outputs")
    _refuse_foreign_operators(model, path)
    _load_external_data(model, path)
    _check(model, path)
    return model


def _refuse_foreign_operators(model: Any, path: Path) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    foreign = {
        f"{node.domain}.{node.op_type}"
        for node in _nodes(model.graph)
        if node.domain not in KNOWN_DOMAINS and (node.domain, node.op_type) not in own
    }
    if foreign:
        raise ModelError(
            f"{path} needs the custom operators {', '.join(sorted(foreign))}, which only their own library knows",
            "export the model with plain ONNX operators",
        )


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    """All constants of `graph`, those of its inner graphs and of its nodes' attributes included."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _load_external_data(model: Any, path: Path) -> None:
    """Raises ModelError where data lies outside of the model's folder or is not there."""
    folder = path.parent.resolve()
    for tensor in _tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        place = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        file = (folder / place).resolve()
        if not place or not file.is_relative_to(folder):
            raise ModelError(f"{path} wants the data of {tensor.name} from {place!r}, outside of its folder: refused")
        if not file.is_file():
            raise ModelError(f"{path} keeps the data of {tensor.name} in {place}, which is missing beside it")
    try:
        onnx.load_external_data_for_model(model, str(folder))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"the external data of {path} cannot be read: {first_line(error)}") from error


def _check(model: Any, path: Path) -> None:
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is not a legal ONNX model: {first_line(error)}") from error


def fix_shapes(model: Any, wanted: Mapping[str, Sequence[int]]) -> list[Input]:
    """Give the inputs of `model` fixed shapes, in place: as asked for, else batch 1 where it is open.

    What was inferred from the old shapes is dropped. Raises ModelError where a size stays open or does not fit.
    """
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
    _refuse_unknown([value.name for value in inputs], wanted)
    found = [_fix(value, wanted, model) for value in graph.input]
    del graph.value_info[:]
    for value in graph.output:
        for size in value.type.tensor_type.shape.dim:
            size.Clear()
    return found


def _refuse_unknown(names: Sequence[str], wanted: Mapping[str, Sequence[int]]) -> None:
    for name in wanted:
        if name not in names and not (name == "" and len(names) == 1):
            called = f"called {name!r}" if name else "without a name, of several"
            raise ModelError(f"--input-shape is for an input {called}; the model has {', '.join(names)}")


def _fix(value: Any, wanted: Mapping[str, Sequence[int]], model: Any) -> Input:
    kind = value.type.tensor_type
    asked = wanted.get(value.name) or wanted.get("")
    if not kind.elem_type or not (kind.HasField("shape") or asked):
        raise ModelError(f"input {value.name} is no tensor of known rank", f"--input-shape {value.name}=1,… may help")
    own = [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim]
    moves = _moves_channels(model.graph, value.name, len(own or asked or ()))
    shape = _shape(value.name, own, asked, moves) if kind.HasField("shape") else tuple(asked or ())
    kind.shape.ClearField("dim")
    for size in shape:
        kind.shape.dim.add().dim_value = size
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    return Input(value.name, shape, dtype, (0, *range(2, len(shape)), 1) if moves else ())


def _shape(name: str, own: Sequence[int | None], asked: Sequence[int] | None, moves: bool) -> tuple[int, ...]:
    """The fixed shape in the source's layout; `asked` may be in either layout where the channels move."""
    shown = "(" + ", ".join("?" if size is None else str(size) for size in own) + ")"
    if asked:
        layouts = [tuple(asked), (asked[0], asked[-1], *asked[1:-1])] if moves else [tuple(asked)]
        for shape in layouts:
            if len(shape) == len(own) and all(s in (None, a) for s, a in zip(own, shape, strict=True)):
                return shape
        raise ModelError(f"--input-shape {tuple(asked)} does not fit input {name}, which has the shape {shown}")
    if None in own[1:]:
        raise ModelError(f"input {name} has the open shape {shown}", f"give it: --input-shape {name}=1,…")
    return tuple(1 if size is None else size for size in own)


def _moves_channels(graph: Any, name: str, rank: int) -> bool:
    """Whether input `name` has channels first: rank 4 or 5, and the first operator that minds is spatial.

    Inputs that are transposed first (exports of channels-last frameworks), 1-D and 3-D ones, and those that no spatial
    operator sees keep their layout.
    """
    if rank not in (4, 5):
        return False
    waiting, seen = [name], set[str]()
    while waiting:
        current = waiting.pop(0)
        seen.add(current)
        readers = [node for node in graph.node if current in node.input]
        if any(node.op_type in _SPATIAL and node.input[0] == current for node in readers):
            return True
        following = [out for node in readers if node.op_type in _SAME_LAYOUT for out in node.output]
        waiting += [out for out in following if out not in seen]
    return False


def index_bound(model: Any) -> int:
    """Least number of rows of the tables that the model looks up integers in; 0 where there are none."""
    rows = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) > 1}
    tables = [node.input[0] for node in model.graph.node if node.op_type == "Gather"]
    return int(min((rows[name] for name in tables if name in rows), default=0))


def read_arrays(names: Sequence[str], folder: Path) -> list[dict[str, Array]]:
    """The arrays in each of the .npz files `names`."""
    found = []
    for name in names:
        with np.load(folder / name) as file:
            found.append({key: file[key] for key in file.files})
    return found


def write_arrays(stem: str, feeds: Sequence[Feed], folder: Path) -> list[str]:
    """One .npz file for each of `feeds`, keys by position (names may hold slashes)."""
    names = [f"{stem}{number}.npz" for number in range(len(feeds))]
    for name, feed in zip(names, feeds, strict=True):
        np.savez(folder / name, *feed.values())
    return names


def make_feeds(model: Any, inputs: Sequence[Input], samples: Sequence[Feed]) -> list[dict[str, Array]]:
    """What both sides are run on, in the layout of the TFLite model."""
    return feeds_for([item.port for item in inputs], samples, index_bound(model))


def run(model: Any, inputs: Sequence[Input], feeds: Sequence[Feed], path: Path) -> list[dict[str, Array]]:
    """Outputs of ONNX Runtime for feeds in TFLite's layout. Raises ModelError where it refuses the model."""
    session = _session(model, path)
    names = [value.name for value in model.graph.output]
    return [dict(zip(names, _run(session, names, inputs, feed), strict=True)) for feed in feeds]


def trace(model: Any, inputs: Sequence[Input], feed: Feed, path: Path) -> list[Named]:
    """Every tensor that the main graph computes, in order."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    outputs = {value.name for value in wide.graph.output}
    names = [name for node in wide.graph.node for name in node.output if name]
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in outputs)
    arrays = _run(_session(wide, path), names, inputs, feed)
    usable = [Named(name, array) for name, array in zip(names, arrays, strict=True) if isinstance(array, np.ndarray)]
    return usable if sum(item.array.nbytes for item in usable) < TRACE_BYTES else []


def _session(model: Any, path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    except Exception as error:  # the door to ONNX Runtime, whose errors have no common class
        raise ModelError(f"ONNX Runtime refuses {path}: {first_line(error)}") from error


def _run(session: Any, names: Sequence[str], inputs: Sequence[Input], feed: Feed) -> list[Any]:
    values = {item.name: item.source(np.asarray(feed[item.name])) for item in inputs}
    try:
        return list(session.run(list(names), values))
    except Exception as error:  # the door to ONNX Runtime, whose errors have no common class
        raise ModelError(f"ONNX Runtime cannot run the model: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of a foreign error's text, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
