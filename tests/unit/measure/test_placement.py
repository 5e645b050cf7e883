"""Which operators a delegate took, from the interpreter that really ran them; and what gives emulation away."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgekit.core.errors import DeviceError
from edgekit.graph.codec import write
from edgekit.measure import worker
from edgekit.measure.answer import placement
from edgekit.measure.measurement import Placement
from edgekit.measure.visit import Answer
from tests.small_models import control_flow_model, conv_model

XNNPACK = OpResolverType.BUILTIN
NONE = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def placed(model: bytes, resolver: OpResolverType, kernels: str) -> Placement:
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return placement(Answer("here", {"placement": worker.placement(interpreter)}), model, kernels)


def test_a_float_network_is_taken_whole() -> None:
    found = placed(write(conv_model()), XNNPACK, "xnnpack")
    assert (found.delegate, found.operators_taken, found.fallback) == ("XNNPACK", found.operators_total, ())
    assert found.operators_total == 4


def test_what_the_delegate_leaves_is_named() -> None:
    model = Path(worker.__file__).parents[1].joinpath("demo", "digits.tflite").read_bytes()
    found = placed(model, XNNPACK, "xnnpack")
    assert found.operators_total == 19
    assert found.operators_taken == 19 - len(found.fallback)
    assert "part" in found.note


def test_without_a_delegate_all_run_on_the_builtin_kernels() -> None:
    found = placed(write(conv_model()), NONE, "builtin")
    assert (found.delegate, found.operators_taken, found.operators_total) == ("", 0, 4)
    assert found.note == "no delegate with builtin kernels"


def test_a_graph_of_control_flow_has_operators_that_no_delegate_takes() -> None:
    found = placed(write(control_flow_model()), XNNPACK, "xnnpack")
    assert found.operators_taken is not None
    assert found.operators_taken < found.operators_total


def test_a_runtime_that_does_not_tell_is_not_guessed_at() -> None:
    answer = Answer(
        "old", {"placement": {"taken": None, "kernels": 0, "note": "this runtime has no list of its nodes"}}
    )
    found = placement(answer, write(conv_model()), "xnnpack")
    assert (found.delegate, found.operators_taken) == ("XNNPACK", None)


def test_names_that_are_no_text_stop_nothing() -> None:
    def broken(self: object) -> None:
        b"\xf4".decode()

    odd = type("Odd", (), {"_get_ops_details": broken, "_get_full_signature_list": broken})()
    assert worker.placement(odd)["taken"] is None
    assert worker._scope(odd) == "the main graph; its signatures cannot be read"
    assert worker.placement(object())["note"] == "this runtime cannot list its nodes"


def test_a_device_that_tells_nonsense_is_an_error() -> None:
    with pytest.raises(DeviceError, match="placement"):
        placement(Answer("bad", {"placement": 7}), write(conv_model()), "xnnpack")


def test_one_signature_is_the_whole_model_and_of_several_it_is_said() -> None:
    def scope(*names: str) -> str:
        signatures = {name: {"inputs": [], "outputs": []} for name in names}
        return worker._scope(type("Signed", (), {"_get_full_signature_list": lambda self: signatures})())

    assert scope("serving_default") == ""
    assert scope("encode", "decode") == "the main graph, of the signatures decode, encode"


def test_this_machine_is_real_or_says_what_it_is() -> None:
    said = worker.emulated()
    assert said == "" or said.startswith("emulated")


def test_health_has_a_load_and_plausible_clocks() -> None:
    found = worker.health()
    assert set(found) == {"clock_mhz", "temperature_c", "throttled", "load"}
    assert all(10 < mhz < 10_000 for mhz in found["clock_mhz"])
