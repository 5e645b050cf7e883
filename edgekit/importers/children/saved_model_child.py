"""SavedModel folder -> model.tflite, in a process of its own.

Only the graph of one signature is taken, and its variables: the objects around it (optimizers, layers of other Keras
versions) are what TensorFlow often cannot load, and nothing that the folder wants run on loading is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.importers.children import tf_conversion as tail
from edgekit.importers.selfcheck import Departure, Feed, Named, Port, compare, feeds_for, first_departure, require

_REACHES_OUT = re.compile(r"File|PyFunc|Dataset|Iterator|Reader|Summary|Print|Debug|Save|Checkpoint|Rpc|Remote")
"""Operators that read or write files, print, or call Python: TensorFlow has no better mark for them."""


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """A signature with its variables as constants: `inputs` and `outputs` are names -> tensor names of `graph`."""

    graph: Any
    inputs: dict[str, str]
    outputs: dict[str, str]
    ports: tuple[Port, ...]


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Convert the folder `request["path"]`; answers with versions, notes and the self check."""
    import tensorflow as tf

    path = Path(request["path"])
    meta = read_meta_graph(path)
    key = pick_signature(meta)
    refuse_side_effects(meta, key, path)
    frozen = fix_shapes(freeze(meta, key, path), meta.signature_def[key], request["input_shapes"])
    export(frozen, folder / "fixed")
    data = tail.to_tflite(folder / "fixed")
    (folder / "model.tflite").write_bytes(data)
    feeds = feeds_for(frozen.ports, tail.read_samples(request["samples"], folder), tail.index_bound(data))
    agreement = compare(run(frozen, feeds), tail.run_tflite(data, feeds, frozen.ports))
    departure = None if agreement.holds else where_they_part(frozen, data, feeds[0])
    require(agreement, str(path), departure)
    return {"versions": tail.versions(tf), "notes": notes(meta, key), "check": agreement.to_json()}


def read_meta_graph(path: Path) -> Any:
    """The graph with the tag "serve". Raises ModelError for damage and folders for training only."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((path / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise ModelError(f"{path / 'saved_model.pb'} is damaged: it is not a SavedModel message") from error
    for meta in saved.meta_graphs:
        if "serve" in meta.meta_info_def.tags:
            return meta
    raise ModelError(f'{path} has no graph for serving (tag "serve")')


def signature_names(meta: Any) -> list[str]:
    """The signatures that compute something."""
    return sorted(key for key, value in meta.signature_def.items() if value.outputs and not key.startswith("__"))


def pick_signature(meta: Any) -> str:
    """ "serving_default", else the only one. Raises ModelError where that is not clear."""
    names = signature_names(meta)
    if tail.SIGNATURE in names:
        return tail.SIGNATURE
    if len(names) != 1:
        raise ModelError(f"the SavedModel has no signature {tail.SIGNATURE!r}; it has {', '.join(names) or 'none'}")
    return names[0]


def notes(meta: Any, key: str) -> list[str]:
    """What the person should know."""
    others = [name for name in signature_names(meta) if name not in (key, "serve")]
    return [f"of its signatures {key} was imported; not: {', '.join(others)}"] if others else []


def refuse_side_effects(meta: Any, key: str, path: Path) -> None:
    """Raises ModelError where what we run (restoring variables, the signature) would do more than compute."""
    outputs = [info.name.partition(":")[0] for info in meta.signature_def[key].outputs.values()]
    found = {kind for kind in reachable_kinds(meta.graph_def, outputs) if _REACHES_OUT.search(kind)}
    if restore := meta.saver_def.restore_op_name:
        kinds = reachable_kinds(meta.graph_def, [restore])
        found |= {kind for kind in kinds if _REACHES_OUT.search(kind)}
    if found:
        raise ModelError(f"{path} would do more than compute: it has the operators {', '.join(sorted(found))}")


def reachable_kinds(graph: Any, seeds: Iterable[str]) -> set[str]:
    """Operator kinds that running the nodes `seeds` may run, inside of functions too."""
    nodes = {node.name: node for node in graph.node}
    bodies = {function.signature.name: list(function.node_def) for function in graph.library.function}
    waiting = [nodes[name] for name in seeds if name in nodes]
    done: set[int] = set()
    kinds: set[str] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in done:
            continue
        done.add(id(node))
        kinds.add(node.op)
        names = [name.lstrip("^").partition(":")[0] for name in node.input]
        waiting += [nodes[name] for name in names if name in nodes]
        for function in _called(node):
            waiting += bodies.get(function, [])
    return kinds


def _called(node: Any) -> list[str]:
    """Names of the functions that a node's attributes and its kind refer to."""
    names = [node.op]
    for value in node.attr.values():
        names += [value.func.name, *(function.name for function in value.list.func)]
    return [name for name in names if name]


def freeze(meta: Any, key: str, path: Path) -> Any:
    """The signature's graph with the variables' values in it. Raises ModelError where these are missing or damaged."""
    import tensorflow as tf

    v1 = tf.compat.v1
    outputs = [info.name.partition(":")[0] for info in meta.signature_def[key].outputs.values()]
    try:
        with tf.Graph().as_default() as graph, v1.Session() as session:
            saver = v1.train.import_meta_graph(meta)
            if saver is not None:
                saver.restore(session, str(path / "variables" / "variables"))
            return v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), outputs)
    except (tf.errors.OpError, ValueError, KeyError, TypeError, RuntimeError) as error:
        gone = not (path / "variables" / "variables.index").is_file()
        reason = "its variables are missing" if gone else _first_line(error)
        raise ModelError(f"the SavedModel {path} cannot be loaded: {reason}") from error


def fix_shapes(graph: Any, signature: Any, wanted: Mapping[str, Sequence[int]]) -> Frozen:
    """The frozen graph with fixed input shapes and all function calls inlined."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    tail.refuse_unknown_inputs(signature.inputs, wanted)
    only = len(signature.inputs) == 1
    ports = tuple(_port(name, info, wanted, only) for name, info in sorted(signature.inputs.items()))
    names = sorted(signature.outputs)

    def compute(*tensors: Any) -> list[Any]:
        feed = {signature.inputs[port.name].name: tensor for port, tensor in zip(ports, tensors, strict=True)}
        elements = [signature.outputs[name].name for name in names]
        found: list[Any] = tf.graph_util.import_graph_def(graph, feed, elements, name="")
        return found

    specs = [tf.TensorSpec(port.shape, port.dtype) for port in ports]
    try:
        function = tf.function(compute, input_signature=specs, autograph=False).get_concrete_function()
        flat = convert_variables_to_constants_v2(function)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise ModelError(f"the SavedModel cannot be traced with these shapes: {_first_line(error)}") from error
    inputs = {port.name: tensor.name for port, tensor in zip(ports, flat.inputs, strict=True)}
    outputs = {name: tensor.name for name, tensor in zip(names, flat.outputs, strict=True)}
    return Frozen(flat.graph.as_graph_def(), inputs, outputs, ports)


def _port(name: str, info: Any, wanted: Mapping[str, Sequence[int]], only: bool) -> Port:
    import tensorflow as tf

    if info.tensor_shape.unknown_rank:
        if not (asked := wanted.get(name) or (wanted.get("") if only else None)):
            raise ModelError(f"input {name} has no known shape", f"give it: --input-shape {name}=1,…")
        return Port(name, tuple(asked), tf.dtypes.as_dtype(info.dtype).name)
    own = [None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim]
    return Port(name, tail.fixed_shape(name, own, wanted, only), tf.dtypes.as_dtype(info.dtype).name)


def export(frozen: Frozen, folder: Path) -> None:
    """The frozen graph as a SavedModel of its own, so that the converter keeps the signature's names."""
    import tensorflow as tf

    def compute(*tensors: Any) -> dict[str, Any]:
        feed = {frozen.inputs[port.name]: tensor for port, tensor in zip(frozen.ports, tensors, strict=True)}
        found = tf.graph_util.import_graph_def(frozen.graph, feed, list(frozen.outputs.values()), name="")
        return dict(zip(frozen.outputs, found, strict=True))

    specs = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in frozen.ports]
    module = tf.Module()
    module.compute = tf.function(compute, input_signature=specs, autograph=False)
    tf.saved_model.save(module, str(folder), signatures={tail.SIGNATURE: module.compute})


def run(frozen: Frozen, feeds: Sequence[Feed]) -> list[dict[str, Any]]:
    """Outputs of the source graph, in TensorFlow."""
    return [_fetch(frozen, feed, frozen.outputs) for feed in feeds]


def _fetch(frozen: Frozen, feed: Feed, tensors: Mapping[str, str]) -> dict[str, Any]:
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(frozen.graph, name="")
        found: dict[str, Any] = session.run(dict(tensors), {frozen.inputs[n]: a for n, a in feed.items()})
    return found


def where_they_part(frozen: Frozen, data: bytes, feed: Feed) -> Departure | None:
    """The first node of the source graph whose value the TFLite model does not compute."""
    kinds = {"Const", "Placeholder", "NoOp", "Identity"}
    names = [node.name for node in frozen.graph.node if node.op not in kinds]
    values = _fetch(frozen, feed, {name: f"{name}:0" for name in names})
    named = [Named(name, values[name]) for name in names if isinstance(values[name], np.ndarray)]
    return first_departure(named, tail.tflite_tensors(data, feed))


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
