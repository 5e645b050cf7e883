"""A tensor that moves up between two steps, where the shifts of outputs over inputs have added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgekit.codegen.call import Call
from edgekit.codegen.plan.stream import stream
from edgekit.codegen.plan.task import LIFT, Task, streamed_task, task_of
from edgekit.codegen.plan.views import Place, Shared
from edgekit.graph.model import Op, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Lifted:
    """The tasks with one lift more, and the bytes that it moves."""

    shared: Shared
    tasks: tuple[Task, ...]
    moved_bytes: int


def lifts(shared: Shared, tasks: Sequence[Task], kept: Sequence[Tensor], least_bytes: int) -> Iterator[Lifted]:
    """Ways to lift one tensor of at least `least_bytes`: from a step on it is read at its new place.

    Only tensors that share memory with none, and that are not `kept` (the network's outputs).
    """
    for step in range(1, len(tasks)):
        for tensor in dict.fromkeys(tasks[step].inputs):
            alone = len(shared.root_tensors[shared.places[tensor].root]) == 1
            if (
                alone
                and tensor.nbytes >= least_bytes
                and tensor not in kept
                and tasks[step - 1].calls[0].function != LIFT
            ):
                yield _lifted(shared, tasks, step, tensor)


def _lifted(shared: Shared, tasks: Sequence[Task], step: int, tensor: Tensor) -> Lifted:
    copy = Tensor(tensor.name, tensor.shape, tensor.dtype, quantization=tensor.quantization)
    op = Op("MOVE", [tensor], [copy])
    call = Call(op, LIFT, "ek_lift.h", {"bytes": tensor.nbytes}, inputs=(tensor,), outputs=(copy,), ahead=(0,))
    later = (_reading(task, tensor, copy) for task in tasks[step:])
    more = replace(
        shared,
        places={**shared.places, copy: Place(len(shared.root_bytes), 0)},
        root_bytes=(*shared.root_bytes, tensor.nbytes),
        root_tensors=(*shared.root_tensors, (copy,)),
    )
    return Lifted(more, (*tasks[:step], task_of(call), *later), tensor.nbytes)


def _reading(task: Task, tensor: Tensor, copy: Tensor) -> Task:
    """The task with the copy in the tensor's place."""
    if tensor not in task.inputs:
        return task
    calls = tuple(replace(call, inputs=tuple(copy if t is tensor else t for t in call.inputs)) for call in task.calls)
    if task.stream is None:
        return task_of(calls[0])
    return streamed_task(stream(calls, task.stream.strip, task.stream.spare))
