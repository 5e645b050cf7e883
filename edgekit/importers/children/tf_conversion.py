"""From a SavedModel with fixed shapes to TFLite bytes, and runs of them: for the children that have TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.importers.selfcheck import Array, Feed, Port
from edgekit.runtime.litert import Kernels, LiteRT

Wanted = Mapping[str, Sequence[int]]
SIGNATURE = "serving_default"
_UNKNOWN_OPERATOR = re.compile(r"\btf\.([A-Z]\w*)")
_FLEX_LIST = re.compile(r"(?:Flex|Custom) ops?: ([\w, ]+)")


def to_tflite(folder: Path) -> bytes:
    """The signature of the SavedModel in `folder` as float TFLite, with TFLite's own operators only.

    Raises ModelError naming the operators that TFLite does not have.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[SIGNATURE])
    try:
        return bytes(converter.convert())
    except Exception as error:  # the door to the converter, which raises whatever its parts raise
        raise ModelError(_conversion_message(str(error))) from error


def _conversion_message(text: str) -> str:
    names = [name.strip() for match in _FLEX_LIST.findall(text) for name in match.split(",")]
    names += _UNKNOWN_OPERATOR.findall(text)
    if names:
        return f"the model needs TensorFlow's {', '.join(dict.fromkeys(names))}, which TFLite does not have"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"TensorFlow's converter refuses the model: {(lines[0] if lines else 'no reason given')[:300]}"


def fixed_shape(name: str, shape: Sequence[int | None], wanted: Wanted, only: bool) -> tuple[int, ...]:
    """The shape that input `name` gets: as asked for, else its own with batch 1 where that is open.

    Args:
        shape: the model's own, None where open.
        wanted: `ImportOptions.input_shapes`; the name "" means the only input.
        only: whether the model has one input only.

    Raises ModelError where a dimension stays open or the shape asked for does not fit.
    """
    asked = wanted.get(name) or (wanted.get("") if only else None)
    shown = "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"
    if asked:
        if len(asked) != len(shape) or any(s not in (None, a) for s, a in zip(shape, asked, strict=True)):
            raise ModelError(f"--input-shape {tuple(asked)} does not fit input {name}, which has the shape {shown}")
        return tuple(asked)
    if None in shape[1:]:
        raise ModelError(f"input {name} has the open shape {shown}", f"give it: --input-shape {name}=1,…")
    return tuple(1 if size is None else size for size in shape)


def refuse_unknown_inputs(names: Iterable[str], wanted: Mapping[str, Sequence[int]]) -> None:
    """Raises ModelError where `wanted` names an input that is not there, or none and there are several."""
    known = list(names)
    for name in wanted:
        if name not in known and not (name == "" and len(known) == 1):
            called = f"called {name!r}" if name else "without a name, of several"
            raise ModelError(f"--input-shape is for an input {called}; the model has {', '.join(known)}")


def index_bound(data: bytes) -> int:
    """Least number of rows of the tables that the model in `data` looks up integers in; 0 where there are none."""
    from edgekit.graph.codec import read

    tables = [op.inputs[0] for graph in read(data).graphs for op in graph.ops if op.kind == "GATHER"]
    rows = [table.shape[0] for table in tables if table is not None and table.is_constant and len(table.shape) > 1]
    return min(rows, default=0)


def read_samples(names: Sequence[str], folder: Path) -> list[dict[str, Array]]:
    """The samples that `conversion.write_samples` left in `folder`."""
    samples = []
    for name in names:
        with np.load(folder / name) as file:
            samples.append({key: file[key] for key in file.files})
    return samples


def run_tflite(data: bytes, feeds: Sequence[Feed], ports: Sequence[Port]) -> list[dict[str, Array]]:
    """Outputs of the TFLite model. `ports` name the feeds; they have the model's names, or stand in its order."""
    runtime = LiteRT(data, kernels=Kernels.BUILTIN)
    known = {info.name for info in runtime.inputs}
    names = {port.name: port.name for port in ports}
    if not set(names) <= known:
        names = {port.name: info.name for port, info in zip(ports, runtime.inputs, strict=True)}
    return [runtime.run({names[name]: array for name, array in feed.items()}) for feed in feeds]


def tflite_tensors(data: bytes, feed: Feed) -> list[Array]:
    """Every tensor of the TFLite model after a run."""
    runtime = LiteRT(data, kernels=Kernels.BUILTIN, keep_all=True)
    runtime.invoke(feed)
    found: list[Array] = []
    for activation in runtime.activations():
        try:
            found.append(np.array(runtime.tensor(activation.index)))
        except ModelError:  # a tensor that no kernel filled has no memory to show
            continue
    return found


def versions(*modules: Any) -> dict[str, str]:
    """Names and versions of imported modules."""
    return {module.__name__: str(module.__version__) for module in modules}
