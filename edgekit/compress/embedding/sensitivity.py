"""What an error of a looked-up row does to the model's outputs, by small changes of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.compress.closeness import End, centred, ends
from edgekit.compress.embedding.tables import Table
from edgekit.compress.probe import Probe
from edgekit.compress.step import Samples
from edgekit.core.progress import Progress, tracked
from edgekit.graph.cut import cut
from edgekit.graph.model import Model

Doubles = npt.NDArray[np.float64]

_RUNS = 25_600  # of the part behind the table, in all: two for each number of a row and each sample
_CHANGE = 0.5  # of the table's standard deviation: about what a reduction does, not a derivative
_SEED = 11


def sensitivity(model: Model, table: Table, samples: Samples, progress: Progress) -> Doubles:
    """E[J'J], (width, width), J being how the outputs change with each number of a row, all places together.

    Each place has a sign of its own, drawn for each sample: on the average the places do not mix.
    """
    rows, compared = table.op.outputs[0], ends(model)
    width = table.table.shape[1]
    total = np.zeros((width, width))
    if rows in [end.tensor for end in compared]:
        return total
    part = cut(model, [rows, *model.main.inputs], [end.tensor for end in compared])
    names = {port.tensor: port.name for port in model.inputs()}
    for there, here in zip(model.main.inputs, part.main.inputs[1:], strict=True):
        here.name = names[there]
    behind, before = Probe(part, part.main.outputs), Probe(model, [rows])
    values = table.table.data
    assert values is not None
    step, rng = _CHANGE * float(values.std()), np.random.default_rng(_SEED)
    count = min(max(_RUNS // (2 * width), 4), samples.count)
    for feed in tracked(samples.feeds(count), "what rows do", count, progress):
        looked_up = before.see(feed)[0]
        signs = rng.choice([-step, step], looked_up.shape[:-1]).astype(np.float32)
        slopes = []
        for number in range(width):
            change = np.zeros_like(looked_up)
            change[..., number] = signs
            feeds = ({**feed, part.main.inputs[0].name: looked_up + c} for c in (change, -change))
            more, less = (_compared(compared, behind.see(f)) for f in feeds)
            slopes.append((more - less) / (2 * step))
        matrix = np.stack(slopes)
        total += matrix @ matrix.T / count
    return total


def _compared(compared: list[End], values: list[npt.NDArray[np.generic]]) -> Doubles:
    return np.concatenate([centred(end, v).reshape(-1) for end, v in zip(compared, values, strict=True)])
