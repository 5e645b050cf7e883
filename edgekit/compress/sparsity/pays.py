"""Whether zeros pay on a target, before anything is spent on choosing them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.compress.sparsity.options import SparsifyOptions
from edgekit.compress.sparsity.path import LEAST_ZEROS, SparsePath, sparse_path
from edgekit.compress.sparsity.rewrite import encode, mirror
from edgekit.compress.sparsity.timing import time_ratio
from edgekit.compress.step import Setting
from edgekit.graph.model import Model, Op
from edgekit.graph.ops import weights_of
from edgekit.targets.target import Kind, RuntimeKind


@dataclass(frozen=True, slots=True)
class Finding:
    """Why sparse kernels bring nothing, or "", and what was measured."""

    why_not: str
    note: str = ""


def kernels_pay(model: Model, path: SparsePath, options: SparsifyOptions, setting: Setting) -> Finding:
    """Whether a target's kernels gain by zeros: it has such kernels, they take the model, and they are faster."""
    target = setting.target
    if target is not None and target.kind is Kind.MCU:
        return Finding(f"{target.name} has no kernels that skip zeros, so that they cost as much as other weights")
    if target is not None and target.runtime not in (RuntimeKind.LITERT, RuntimeKind.TFLITE_RUNTIME):
        return Finding(f"the kernels of {target.runtime.value} on {target.name} skip no zeros in convolutions")
    if path.why_not:
        return Finding(path.why_not)
    if options.share <= LEAST_ZEROS:
        return Finding(f"XNNPACK takes sparse kernels only above {LEAST_ZEROS:.0%} zeros, not at {options.share:.0%}")
    if target is not None and target.kind is not Kind.LOCAL:
        return _elsewhere(target.name, options)
    assert setting.samples is not None
    ratio = time_ratio(model, _trial(model, options), next(iter(setting.samples.feeds(1))))
    note = f"with {options.share:.0%} zeros, written sparsely, an inference takes {ratio} on this machine"
    return Finding("" if ratio.is_faster else f"sparse kernels are not faster here: {note}", note)


def _elsewhere(name: str, options: SparsifyOptions) -> Finding:
    if options.unmeasured:
        return Finding("", f"nothing here tells whether it is faster on {name}: measure it there")
    return Finding(f"{name} has sparse kernels, and nothing here can time them: to try, set sparsify.unmeasured=true "
                   "and give --device, so that the build measures it there")  # fmt: skip


def _trial(model: Model, options: SparsifyOptions) -> Model:
    """The model with its smallest weights at zero: as fast as with the best choice of zeros."""
    changed = model.clone()
    there = sparse_path(changed.main)
    for op in there.pointwise:
        held = weights_of(op)
        assert held is not None and held.data is not None
        size = np.abs(held.data)
        held.set_data(np.where(size < np.quantile(size, options.share), 0, held.data).astype(np.float32))
    mirror(changed.main, there)
    for op in there.pointwise:
        encode(changed.main, op, 1)
    return changed


def block_of(op: Op, options: SparsifyOptions) -> int:
    """The block that divides a layer's input channels: the wanted one, or 1."""
    held = weights_of(op)
    return options.block if held is not None and held.shape[-1] % options.block == 0 else 1
