"""Activation ranges chosen by what they do to the model's output, not to the tensor alone.

Each way to choose a range (the extremes, the least squared error, two percentiles) gives a candidate. For each tensor
in turn the float model goes on from there with the tensor rounded to the candidate's grid; the candidate with the least
error at the output is taken. Only what lies behind the tensor runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit.compress.calibrate import CalibrateOptions, RangeMethod
from edgekit.compress.ranges import Ranges, TensorRange
from edgekit.compress.repair.walk import Walk, needed
from edgekit.compress.sensitivity import relative_error, scores
from edgekit.compress.step import Setting
from edgekit.compress.watching import watched
from edgekit.core.progress import tracked
from edgekit.graph.codec import write
from edgekit.graph.cut import cut
from edgekit.graph.model import Graph, Model, Tensor
from edgekit.runtime.affine import dequantize, quantize
from edgekit.runtime.litert import LiteRT

Calibrate = Callable[[CalibrateOptions], Ranges]
Floats = npt.NDArray[np.float32]

_SAMPLES = 32  # on which candidates are compared: each tensor has thousands of values in a sample


def ranges_by_output(model: Model, options: CalibrateOptions, setting: Setting, calibrate: Calibrate) -> Ranges:
    """The best of the candidates' ranges for each tensor.

    Args:
        model: its tensor names must differ.
        calibrate: gives the ranges by one of the other methods.
    """
    assert setting.samples is not None
    found = [calibrate(candidate) for candidate in _candidates(options)]
    rows = dict(found[0].by_tensor)
    followers = _followers(model.main)
    count = min(_SAMPLES, setting.samples.count)
    with tempfile.TemporaryDirectory(prefix="ranges-") as folder:
        walk = Walk(model, Path(folder), count)
        walk.begin(setting.samples.feeds(count), [port.name for port in model.inputs()])
        tensors = _in_order(model.main, found[0].by_tensor)
        for place, tensor in tracked(tensors, "choosing ranges", len(tensors), setting.progress):
            walk.advance(place)
            best = _best(model, walk, place, tensor, [f.by_tensor[tensor.name] for f in found], options.bits)
            for other in (tensor, *followers.get(tensor, ())):
                rows[other.name] = found[best].by_tensor[other.name]
    return Ranges(rows, found[0].samples, RangeMethod.OUTPUT.value, found[0].hessians)


def _candidates(options: CalibrateOptions) -> tuple[CalibrateOptions, ...]:
    """The other methods, the extremes first: they win where nothing is better."""
    ways = [replace(options, method=method) for method in (RangeMethod.MINMAX, RangeMethod.MSE)]
    share = [replace(options, method=RangeMethod.PERCENTILE, percentile=p) for p in (99.99, 99.9)]
    return (*ways, *share)


def _followers(graph: Graph) -> dict[Tensor, list[Tensor]]:
    """By each observed tensor, those that take its range, through others too."""
    heads: dict[Tensor, Tensor] = {}
    found: dict[Tensor, list[Tensor]] = {}
    for tensor, source in watched(graph).follows:
        heads[tensor] = heads.get(source, source)
        found.setdefault(heads[tensor], []).append(tensor)
    return found


def _in_order(graph: Graph, known: Mapping[str, TensorRange]) -> list[tuple[int, Tensor]]:
    """The observed tensors that an operator reads, each with the place of the first that does."""
    readers = graph.readers()
    places = {op: place for place, op in enumerate(graph.ops)}
    found = [(places[readers[t][0]], t) for t in watched(graph).tensors if t in readers and t.name in known]
    return sorted(found, key=lambda pair: pair[0])


def _best(model: Model, walk: Walk, place: int, tensor: Tensor, ranges: list[TensorRange], bits: int) -> int:
    """The number of the range with which the outputs are closest; the first where all are alike."""
    if len({(r.min, r.max) for r in ranges}) == 1:
        return 0
    outputs, sources = scores(model), needed(model.main, place)
    if any(t in sources for t in outputs):
        return 0
    runtime = LiteRT(write(cut(model, sources, outputs)))
    wanted = walk.outputs(runtime, sources, outputs)
    errors = []
    for one in ranges:
        changed = walk.outputs(runtime, sources, outputs, {tensor: partial(on_grid, found=one, bits=bits)})
        errors.append(relative_error(changed, wanted))
    return int(np.argmin(errors))


def on_grid(values: Floats, found: TensorRange, bits: int) -> Floats:
    """Values rounded to the grid of a range: with a zero point at 8 bits, symmetric at 16."""
    if bits == 16:
        scale, zero = max(-found.min, found.max, 1e-9) / 32767, 0
    else:
        scale = max(found.max - found.min, 1e-9) / 255
        zero = round(-128 - found.min / scale)
    return dequantize(quantize(values, scale, zero, np.int16 if bits == 16 else np.int8), scale, zero)
