"""Old files mended on request, on a copy."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from edgekit.graph.codec import read, write
from edgekit.graph.model import Model
from edgekit.graph.repair import with_builtin_codes, with_signature
from tests.small_models import activation, two_inputs_model


def old() -> Model:
    model = two_inputs_model()
    model.signatures.clear()
    for op in model.ops():
        op.stored_codes = ((op.kind == "MUL" and 18) or 0, 0)
    return read(write(model))


def test_a_file_without_signature_gets_one_with_its_tensors_names() -> None:
    model = old()
    mended = with_signature(model)
    assert not model.signatures and [p.name for p in model.inputs()] == ["a", "b"]
    assert [p.name for p in (*mended.inputs(), *mended.outputs())] == ["a", "b", "c", "d"]
    assert len(with_signature(mended).signatures) == 1


def test_two_tensors_of_one_name_get_two() -> None:
    model = old()
    model.main.inputs.append(model.main.add_tensor(activation("a", 1, 4)))
    assert list(with_signature(model).signatures[0].inputs) == ["a", "b", "a_1"]


def test_old_operator_codes_are_kept_until_mended() -> None:
    model = old()
    codes = schema.ModelT.InitFromPackedBuf(write(model)).operatorCodes
    assert [(c.deprecatedBuiltinCode, c.builtinCode) for c in codes] == [(0, 0), (18, 0)]
    assert [op.kind for op in model.ops()] == ["ADD", "MUL"]
    codes = schema.ModelT.InitFromPackedBuf(write(with_builtin_codes(model))).operatorCodes
    assert [(c.deprecatedBuiltinCode, c.builtinCode) for c in codes] == [(0, 0), (18, 18)]
