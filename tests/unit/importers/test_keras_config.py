"""Reading a Keras configuration for what it would run."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.importers.keras_config import modernised, objections


def layer(kind: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "module": module, "config": {"name": "x", **config}, "registered_name": None}


def model(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "module": "keras", "config": {"name": "m", "layers": list(layers)}}


def test_plain_layers_have_nothing_against_them() -> None:
    relu = {"module": "keras.activations", "class_name": "function", "config": "relu", "registered_name": "relu"}
    assert objections(model(layer("Dense", activation=relu), layer("Conv2D", None))) == []


@pytest.mark.parametrize("kind", ["Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer"])
def test_layers_that_are_code_are_found_at_any_depth(kind: str) -> None:
    found = objections(model(layer("TimeDistributed", layer=layer(kind))))
    assert len(found) == 1
    assert found[0].reason.startswith("layer 'x' is a ")
    assert found[0].curable


def test_a_marshalled_lambda_anywhere_is_found() -> None:
    hidden = {"class_name": "__lambda__", "config": {"value": "4wEA"}}
    assert [o.curable for o in objections(model(layer("Dense", activation=hidden)))] == [True]


def test_custom_classes_and_functions_cannot_be_allowed() -> None:
    custom = layer("Swish") | {"registered_name": "mine>Swish"}
    foreign = layer("System", "os")
    download = {"module": "keras.utils", "class_name": "function", "config": "get_file"}
    found = objections(model(custom, foreign, layer("Dense", activation=download)))
    assert [o.curable for o in found] == [False, False, False]
    assert [o.reason.rpartition(" is of the class ")[2] for o in found[:2]] == [
        "mine>Swish, whose code is not in the file",
        "os.System, whose code is not in the file",
    ]
    assert "keras.utils.get_file" in found[2].reason


def test_hostile_nesting_does_not_exhaust_the_stack() -> None:
    config: Any = layer("Lambda")
    for _ in range(100_000):
        config = [config]
    assert len(objections(config)) == 1
    while isinstance(config, list):  # taken apart here: freeing it nested would recurse
        config = config.pop()


def test_what_keras_2_wrote_goes_only_where_it_meant_nothing() -> None:
    depthwise = layer("DepthwiseConv2D", groups=1, strides=[1, 1])
    old = model(depthwise, layer("LSTM", time_major=True), layer("Conv2D", groups=1))
    new = modernised(old)["config"]["layers"]
    assert "groups" not in new[0]["config"]
    assert new[0]["config"]["strides"] == [1, 1]
    assert new[1]["config"]["time_major"] is True
    assert new[2]["config"]["groups"] == 1
    assert old["config"]["layers"][0]["config"]["groups"] == 1
