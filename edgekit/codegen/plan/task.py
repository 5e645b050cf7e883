"""What runs in one step of the plan: a call, or a stream of calls, as the arena sees it."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.codegen.call import Call
from edgekit.codegen.plan.stream import Stream
from edgekit.graph.model import Tensor

LIFT = "ek_lift"
"""The C function that moves a tensor; its input and output may overlap in any way."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One step.

    Attributes:
        calls: the call, or those of the stream.
        inputs, outputs, states: whole tensors that it reads, writes, keeps.
        ahead: for each input, as Call.ahead; None where it must lie apart from the output.
        scratch_bytes: of the call that wants most, for they run one at a time.
        stream: how the calls take turns; its line buffers are alive in this step alone.
    """

    calls: tuple[Call, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    states: tuple[Tensor, ...] = ()
    ahead: tuple[int | None, ...] = ()
    scratch_bytes: int = 0
    stream: Stream | None = None


def task_of(call: Call) -> Task:
    """A call by itself. Only one output may lie over an input: of several, the first would spoil it for the rest."""
    ahead: tuple[int | None, ...] = (None,) * len(call.inputs)
    if len(call.outputs) == 1 and len(call.ahead) == len(call.inputs):
        ahead = call.ahead
    return Task((call,), call.inputs, call.outputs, call.states, ahead, call.scratch_bytes)


def streamed_task(stream: Stream) -> Task:
    """A stream as one step."""
    calls = stream.calls
    scratch_bytes = max(call.scratch_bytes for call in calls)
    return Task(calls, stream.inputs, calls[-1].outputs, (), stream.ahead, scratch_bytes, stream)
