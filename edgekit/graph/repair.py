"""Changes that old files need before tools take them; each is made on a copy, and only by request."""

from __future__ import annotations

from edgekit.graph.model import Model, Signature, Tensor

DEFAULT_KEY = "serving_default"


def with_signature(model: Model) -> Model:
    """A clone whose main graph has a signature, with the tensors' names.

    Given: a file without SignatureDef (TOCO, early converters). Result: one more signature; a model that has one is
    cloned as it is.
    """
    clone = model.clone()
    if clone.default_signature is None:
        main = clone.main
        clone.signatures.append(Signature(DEFAULT_KEY, main, _named(main.inputs), _named(main.outputs)))
    return clone


def with_builtin_codes(model: Model) -> Model:
    """A clone whose operator codes have both numbers.

    Given: a file from before schema v3a, with only deprecated_builtin_code (and builtin_code 0, which reads as
    ADD). Result: both
    fields name the operator. Source: tensorflow/lite/schema/schema_utils.cc.
    """
    clone = model.clone()
    for op in clone.ops():
        op.stored_codes = None
    return clone


def _named(tensors: list[Tensor]) -> dict[str, Tensor]:
    """Tensors by their names, the second of a name with a number."""
    found: dict[str, Tensor] = {}
    for tensor in tensors:
        name, number = tensor.name, 0
        while name in found:
            number += 1
            name = f"{tensor.name}_{number}"
        found[name] = tensor
    return found
