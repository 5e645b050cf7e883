"""The rules as a page of the manual: `python -m edgekit.targets.manual` writes `docs/rules.md`."""

from __future__ import annotations

import inspect
from pathlib import Path

from edgekit.core.files import write_atomic
from edgekit.targets.kernels import Kernel, Types, kernels, xnnpack
from edgekit.targets.rulebook import RULES, Rule, rule_name
from edgekit.targets.target import RuntimeKind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
_HEAD = """# What a target's kernels support

Generated from `edgekit/targets/rulebook.py` and `edgekit/targets/kernel_rows*.py` by
`python -m edgekit.targets.manual`; a test says whether it is current. Do not edit.

A rule that is broken makes an operator *slow* or one that the target *cannot* run; a build that would emit the latter
stops before it does, names the operator and the rule, and says what would help.

## Rules
"""
_TABLE = """
## Kernels

Types of the activations and, after a stroke, of the weights. **Bold**: XNNPACK takes it over in LiteRT. `any`: the
runtime knows the operator, its types were not tested.

| operator | LiteRT 2.3 | tflite-runtime 2.14 | TFLite Micro |
|---|---|---|---|
"""
_RUNTIMES = (RuntimeKind.LITERT, RuntimeKind.TFLITE_RUNTIME, RuntimeKind.TFLM)


def manual() -> str:
    """The whole page, in Markdown."""
    kinds = sorted(set().union(*(kernels(runtime) for runtime in _RUNTIMES)))
    return _HEAD + "".join(map(_section, RULES)) + _TABLE + "".join(map(_row, kinds))


def _section(rule: Rule) -> str:
    name = rule_name(rule)
    return f"\n### {name[0].upper()}{name[1:]}\n\n{inspect.cleandoc(rule.__doc__ or '')}\n"


def _row(kind: str) -> str:
    cells = (_cell(kernels(runtime).get(kind), runtime) for runtime in _RUNTIMES)
    return f"| {kind} | {' | '.join(cells)} |\n"


def _cell(kernel: Kernel | None, runtime: RuntimeKind) -> str:
    if kernel is None:
        return ""
    if kernel.types is None:
        return "any"
    return " ".join(_type(kernel.kind, types, runtime) for types in sorted(kernel.types, key=_order))


def _type(kind: str, types: Types, runtime: RuntimeKind) -> str:
    text = types.activation.label
    if types.weights is not types.activation:
        text += f"/{types.weights.label}"
    taken = xnnpack().get(kind) if runtime is RuntimeKind.LITERT else None
    return f"**{text}**" if taken is not None and taken.types is not None and types in taken.types else text


def _order(types: Types) -> tuple[bool, str, str]:
    return (types.activation is not types.weights, types.activation.label, types.weights.label)


if __name__ == "__main__":
    write_atomic(PAGE, manual().encode())
