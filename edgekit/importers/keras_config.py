"""What a Keras model's configuration would do when it is loaded. Pure: JSON values in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]

_RUNS_CODE = {
    "Lambda": "a Lambda layer, which is Python code",
    "__lambda__": "a lambda, which is Python code",
    "TorchModuleWrapper": "a TorchModuleWrapper layer, which is a pickle",
    "TFSMLayer": "a TFSMLayer, which runs another model from a path",
    "JaxLayer": "a JaxLayer, which is Python code",
    "FlaxLayer": "a FlaxLayer, which is Python code",
}
_PURE_MODULES = ("activations", "initializers", "regularizers", "constraints", "losses", "metrics", "ops", "layers")
_OBSOLETE: dict[str, dict[str, object]] = {  # of Keras 2, refused by Keras 3: key, and the value that means nothing
    "DepthwiseConv2D": {"groups": 1},
    "DepthwiseConv1D": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "Conv1DTranspose": {"groups": 1},
    "SeparableConv2D": {"groups": 1},
    "SeparableConv1D": {"groups": 1},
    "LSTM": {"time_major": False},
    "GRU": {"time_major": False},
    "SimpleRNN": {"time_major": False},
}
_SEPARABLE_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")


@dataclass(frozen=True, slots=True)
class Objection:
    """A part of a model that is code, or whose code is missing.

    Attributes:
        reason: such as "layer 'scale' is a Lambda layer, which is Python code".
        curable: whether it is the person's to allow; False where the code is simply not in the file.
    """

    reason: str
    curable: bool


def objections(config: object) -> list[Objection]:
    """All parts of the configuration that would run code of their own on loading, and those whose code is missing."""
    found: list[Objection] = []
    for item in _objects(config):
        if objection := _objection(item):
            found.append(objection)
    return found


def _objects(value: object) -> Iterator[Config]:
    """Every serialised object in a configuration, outer ones first, without recursion (nesting may be hostile)."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            if isinstance(item.get("class_name"), str):
                yield item
            waiting.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            waiting.extend(reversed(item))


def _objection(item: Config) -> Objection | None:
    kind, module = item["class_name"], item.get("module")
    label = _label(item)
    if reason := _RUNS_CODE.get(kind):
        return Objection(f"{label} is {reason}", True)
    if kind == "function":
        return _function_objection(item, label)
    registered = item.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        return Objection(f"{label} is of the class {registered}, whose code is not in the file", False)
    if isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins"):
        return Objection(f"{label} is of the class {module}.{kind}, whose code is not in the file", False)
    return None


def _function_objection(item: Config, label: str) -> Objection | None:
    """Functions of Keras that only compute are harmless; keras.utils has one that downloads files."""
    parts = str(item.get("module")).split(".")
    inner = parts[2:] if parts[1:2] == ["src"] else parts[1:]
    if parts[0] == "keras" and inner[:1] and inner[0] in _PURE_MODULES:
        return None
    return Objection(f"{label} calls the function {item.get('module')}.{item.get('config')}, which is code", False)


def _label(item: Config) -> str:
    config = item.get("config")
    name = config.get("name") if isinstance(config, Mapping) else item.get("name")
    return f"layer {name!r}" if isinstance(name, str) else "a part of it"


def modernised(config: Any) -> Any:
    """A copy of the configuration without what Keras 2 wrote and Keras 3 refuses, where that meant nothing."""
    if isinstance(config, list):
        return [modernised(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    copy: dict[str, Any] = {key: modernised(value) for key, value in config.items()}
    kind, inner = copy.get("class_name"), copy.get("config")
    if isinstance(kind, str) and isinstance(inner, dict):
        obsolete = _OBSOLETE.get(kind, {})
        for key, harmless in obsolete.items():
            if key in inner and inner[key] == harmless:
                del inner[key]
        if kind.startswith("SeparableConv"):
            for key in _SEPARABLE_KERNEL:  # of the base class; the layer itself has depthwise_ and pointwise_ ones
                inner.pop(key, None)
    return copy
