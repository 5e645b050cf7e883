"""How channels pass recurrent operators: a unit is one cell with all its gates, its state and its way back.

Source of the inputs' positions: tensorflow/lite/kernels/{lstm_shared.h,unidirectional_sequence_rnn.cc,basic_rnn.cc}
"""

from __future__ import annotations

from edgekit.compress.prune.trace import Role, Trace
from edgekit.compress.prune.units import Ids
from edgekit.graph.model import Op, Tensor

_INPUT_WEIGHTS, _RECURRENT, _PEEPHOLES, _BIASES = range(1, 5), range(5, 9), range(9, 12), range(12, 16)
_PROJECTION, _PROJECTION_BIAS, _OUTPUT_STATE, _CELL_STATE = 16, 17, 18, 19
_NORMS = range(20, 24)


def lstm(trace: Trace, op: Op) -> None:
    """With or without projection and peepholes; layer normalization inside pins its cells."""
    if any(_input(op, n) is not None for n in _NORMS) or len(op.inputs) <= _CELL_STATE:
        return trace.pin_inputs(op, f"{op.label} '{op.name}' is of a form that is not understood")
    shown = _input(op, _INPUT_WEIGHTS[1])
    if shown is None or not all(trace.is_constant(t) for n in range(1, 18) if (t := _input(op, n)) is not None):
        return trace.pin_inputs(op, f"the weights of {op.label} '{op.name}' are computed")
    cells = trace.units.fresh(shown.shape[0])
    projection = _input(op, _PROJECTION)
    made = cells if projection is None else trace.units.fresh(projection.shape[0])
    _read(trace, op, [_input(op, n) for n in _INPUT_WEIGHTS])
    _use(trace, op, (*_INPUT_WEIGHTS, *_RECURRENT, *_BIASES), 0, cells, Role.PRODUCES)
    _use(trace, op, _PEEPHOLES, 0, cells, Role.CARRIES)
    _use(trace, op, (_CELL_STATE,), 1, cells, Role.CARRIES)
    _use(trace, op, _RECURRENT, 1, made, Role.CONSUMES)
    _use(trace, op, (_OUTPUT_STATE,), 1, made, Role.CARRIES)
    if projection is not None:
        _use(trace, op, (_PROJECTION,), 1, cells, Role.CONSUMES)
        _use(trace, op, (_PROJECTION, _PROJECTION_BIAS), 0, made, Role.PRODUCES)
    return trace.carry(op.outputs[0], len(op.outputs[0].shape) - 1, made)


def rnn(trace: Trace, op: Op) -> None:
    """RNN and UNIDIRECTIONAL_SEQUENCE_RNN: input, weights, recurrent weights, bias, state."""
    weights = _input(op, 1)
    if weights is None or not all(trace.is_constant(_input(op, n)) for n in (1, 2, 3)):
        return trace.pin_inputs(op, f"the weights of {op.label} '{op.name}' are computed")
    made = trace.units.fresh(weights.shape[0])
    _read(trace, op, [weights])
    _use(trace, op, (1, 2, 3), 0, made, Role.PRODUCES)
    _use(trace, op, (2,), 1, made, Role.CONSUMES)
    _use(trace, op, (4,), 1, made, Role.CARRIES)
    return trace.carry(op.outputs[0], len(op.outputs[0].shape) - 1, made)


def _read(trace: Trace, op: Op, weights: list[Tensor | None]) -> None:
    """The last axis of the input meets the columns of the weights; batch and time stay."""
    data = op.inputs[0]
    if data is None:
        return
    last = len(data.shape) - 1
    trace.pin_inputs(op, f"{op.label} '{op.name}' steps along this axis", but=((data, last),))
    ids = trace.last(data)
    for tensor in weights:
        if ids is not None:
            trace.use(op, tensor, 1, ids, Role.CONSUMES)


def _use(trace: Trace, op: Op, positions: range | tuple[int, ...], axis: int, ids: Ids, role: Role) -> None:
    for position in positions:
        trace.use(op, _input(op, position), axis, ids, role)


def _input(op: Op, position: int) -> Tensor | None:
    return op.inputs[position] if position < len(op.inputs) else None
