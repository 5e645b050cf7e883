from __future__ import annotations

from collections.abc import Sequence

from edgekit.codegen.call import Settings
from edgekit.codegen.plan.task import Task, task_of
from edgekit.codegen.plan.views import Shared
from edgekit.graph.model import Tensor


def tasks_of(
    shared: Shared, inputs: Sequence[Tensor], outputs: Sequence[Tensor], settings: Settings | None
) -> tuple[Task, ...]:
    """Each call by itself."""
    return tuple(task_of(call) for call in shared.calls)
