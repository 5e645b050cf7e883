"""Operators of two operands, element by element, either of them repeated along some axes: csource/ek_binary.h."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Rows
from edgekit.codegen.kernels.typed import shifted, source_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor

_AXES = 4


@dataclass(frozen=True, slots=True)
class Operands:
    """Both operands in the kernel's order: `b` is the constant one where there is one."""

    a: Tensor
    b: Tensor
    swapped: bool


def operands_of(op: Op) -> Operands:
    """The operands, the constant one last. Raises ModelError where both are constants."""
    a, b = source_of(op, 0), source_of(op, 1)
    if a.is_constant and b.is_constant:
        raise ModelError(f"{op.label} '{op.name}' has nothing but constants; fold it before C is generated.")
    return Operands(b, a, True) if a.is_constant else Operands(a, b, False)


def binary_call(op: Op, function: str, header: str, operands: Operands, fields: Mapping[str, Field]) -> Call:
    """The call of the variant of `function` that fits the operands' shapes."""
    a, b, output = operands.a, operands.b, op.outputs[0]
    if b.is_constant:
        values = Constant(np.asarray(b.data).reshape(-1))
        return _call(op, f"{function}_constant", header, (a,), {**_repeated(op, a, b), "constant": values, **fields})
    if a.shape != output.shape or b.shape != output.shape:
        return _call(op, f"{function}_broadcast", header, (a, b), {**_repeated(op, a, b), **fields})
    if len(output.shape) == 4 and output.shape[0] == 1:
        row = output.size // output.shape[1]
        return _call(op, f"{function}_rows", header, (a, b), {"pairs.count": row, **fields}, Rows())
    return _call(op, function, header, (a, b), {"pairs.count": output.size, **fields})


def _call(
    op: Op, function: str, header: str, inputs: tuple[Tensor, ...], fields: Mapping[str, Field],
    rows: Rows | None = None,
) -> Call:  # fmt: skip
    output = op.outputs[0]
    ahead = tuple(_ahead(tensor, output) for tensor in inputs)
    return Call(op, function, header, fields, inputs, (output,), ahead=ahead, rows=rows)


def _ahead(source: Tensor, output: Tensor) -> int | None:
    """In place, unless elements are read again."""
    return shifted(source, output) if source.size == output.size else None


def _repeated(op: Op, a: Tensor, b: Tensor) -> dict[str, Field]:
    """Sizes and steps over as few axes as there can be: neighbours along which both operands move alike are one."""
    output = op.outputs[0].shape
    merged: list[tuple[int, bool, bool]] = []
    for size, moves_a, moves_b in zip(output, _moves(a, output), _moves(b, output), strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1:] == (moves_a, moves_b):
            merged[-1] = (merged[-1][0] * size, moves_a, moves_b)
        else:
            merged.append((size, moves_a, moves_b))
    if len(merged) > _AXES:
        raise ModelError(f"{op.label} '{op.name}' repeats its operands along more axes than C is generated for.")
    axes = [(1, False, False)] * (_AXES - len(merged)) + merged
    sizes = [size for size, _, _ in axes]
    return {
        "pairs.sizes": tuple(sizes),
        "pairs.a_steps": _steps(sizes, [moves for _, moves, _ in axes]),
        "pairs.b_steps": _steps(sizes, [moves for _, _, moves in axes]),
    }


def _moves(operand: Tensor, output: tuple[int, ...]) -> list[bool]:
    shape = (1,) * (len(output) - len(operand.shape)) + operand.shape
    return [size != 1 for size in shape]


def _steps(sizes: list[int], moves: list[bool]) -> tuple[int, ...]:
    steps, step = [], 1
    for size, moving in zip(reversed(sizes), reversed(moves), strict=True):
        steps.append(step if moving else 0)
        step *= size if moving else 1
    return tuple(reversed(steps))
