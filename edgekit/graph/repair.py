"""Explicit mends for old files, each on a clone."""

from __future__ import annotations

from dataclasses import replace

from edgekit.graph.model import Model, Signature

SIGNATURE_KEY = "serving_default"


def with_signature(model: Model) -> Model:
    """Given a model without signatures / Result: a clone whose main graph has one, ports named like their tensors."""
    clone = model.clone()
    if not clone.signatures:
        inputs = {t.name: t for t in clone.main.inputs}
        outputs = {t.name: t for t in clone.main.outputs}
        clone.signatures = [Signature(SIGNATURE_KEY, clone.main, inputs, outputs)]
    return clone


def with_builtin_codes(model: Model) -> Model:
    """Given operator codes of before 2020 (only `deprecated_builtin_code`) / Result: a clone with both codes."""
    clone = model.clone()
    for op in clone.ops():
        op.code = replace(op.code, builtin_code=None, deprecated_code=None)
    return clone
