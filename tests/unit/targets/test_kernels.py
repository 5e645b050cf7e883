"""The kernel tables: well formed, and LiteRT's asked again of the LiteRT that is installed."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgekit.graph.types import DType
from edgekit.targets.kernels import ETHOS_U55_KINDS, HEAVY, WEIGHTS_INPUT, Types, kernels, xnnpack
from edgekit.targets.target import RuntimeKind
from tests.unit.targets import one_op

# In what one operator is given, weights have a type of their own for these.
WEIGHTED = frozenset(one_op.SPECS) & frozenset(WEIGHTS_INPUT) - {"BATCH_MATMUL"}
# These are right with per-channel scales only, and that is what the models of this test have.
PER_CHANNEL = frozenset(one_op.CHANNEL_AXIS) - {"EMBEDDING_LOOKUP"}
ACTIVATIONS = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool")
# Types with which the kernel runs and computes nonsense; the tables leave them out.
RUNS_WRONGLY = {("DEPTHWISE_CONV_2D", "int16", "int4"), ("EMBEDDING_LOOKUP", "int8", "int4")} | {
    ("EMBEDDING_LOOKUP", "int16", "int8"),
    ("EMBEDDING_LOOKUP", "int16", "int4"),
    ("CONV_2D", "float32", "float16"),
}
PAIRS = (
    *(("float32", weights) for weights in ("float32", "int8", "int4")),
    *(("int8", weights) for weights in ("int8", "int4")),
    *(("int16", weights) for weights in ("int8", "int4")),
)


def _types(activation: str, weights: str) -> Types:
    return Types(DType[activation.upper()], DType[weights.upper()])


def _outputs(model: bytes) -> list[np.ndarray] | None:
    """What a model gives with all inputs 1, or None where LiteRT refuses it."""
    try:
        interpreter = Interpreter(
            model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], np.ones(detail["shape"], detail["dtype"]))
        interpreter.invoke()
    except (RuntimeError, ValueError):
        return None
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


@pytest.mark.parametrize("kind", sorted(set(one_op.SPECS) - WEIGHTED - {"BROADCAST_TO", "WHERE", "DEQUANTIZE"}))
def test_litert_runs_what_the_table_says(kind: str) -> None:
    kernel = kernels(RuntimeKind.LITERT)[kind]
    assert kernel.types is not None
    for activation in ACTIVATIONS:
        runs = _outputs(one_op.build(kind, activation)) is not None
        assert runs == (_types(activation, activation) in kernel.types), f"{kind} {activation}"


@pytest.mark.parametrize("kind", sorted(WEIGHTED))
def test_litert_runs_weights_as_the_table_says(kind: str) -> None:
    kernel = kernels(RuntimeKind.LITERT)[kind]
    assert kernel.types is not None
    for activation, weights in PAIRS:
        model = one_op.build(kind, activation, weights, per_channel=kind in PER_CHANNEL)
        runs = _outputs(model) is not None and (kind, activation, weights) not in RUNS_WRONGLY
        assert runs == (_types(activation, weights) in kernel.types), f"{kind} {activation} {weights}"


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"])
def test_what_runs_is_right(kind: str) -> None:
    reference = _outputs(one_op.build(kind, "float32", per_channel=True))
    assert reference is not None
    for types in kernels(RuntimeKind.LITERT)[kind].types or ():
        if types.activation is not DType.FLOAT32:
            continue
        outputs = _outputs(one_op.build(kind, "float32", types.weights.label, per_channel=True))
        assert outputs is not None
        # int8 weights have the values exactly; the activations are rounded to 127 steps inside the hybrid kernel
        assert np.abs(outputs[0] - reference[0]).max() <= 0.02 * np.abs(reference[0]).max()


def test_litert_refuses_the_version_above_the_highest() -> None:
    for kind in ("CONV_2D", "FULLY_CONNECTED", "ADD"):
        version = kernels(RuntimeKind.LITERT)[kind].version
        assert version is not None
        assert _outputs(one_op.build(kind, "float32", version=version)) is not None
        assert _outputs(one_op.build(kind, "float32", version=version + 1)) is None


@pytest.mark.parametrize("runtime", list(RuntimeKind))
def test_tables_are_well_formed(runtime: RuntimeKind) -> None:
    table = kernels(runtime)
    assert len(table) >= 100
    assert HEAVY - set(table) <= {"CONV_3D", "CONV_3D_TRANSPOSE"}
    for kernel in table.values():
        assert kernel.types is None or kernel.types
        assert (kernel.version is None) == (runtime in {RuntimeKind.TFLM, RuntimeKind.C})


def test_xnnpack_and_the_accelerator_take_part_of_what_there_is() -> None:
    litert = kernels(RuntimeKind.LITERT)
    assert len(xnnpack()) > 40
    assert set(xnnpack()) <= set(litert)
    assert set(litert) >= ETHOS_U55_KINDS
    assert len(ETHOS_U55_KINDS) == 55
