"""The oracle of pruning: a model without some units computes what the model with those units at zero computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.compress.prune.coupling import Group, Role, couple
from edgekit.compress.prune.remove import without_units
from edgekit.compress.prune.silence import with_zero_units
from edgekit.graph.codec import read, write
from edgekit.graph.model import Model
from edgekit.runtime.litert import Kernels, LiteRT


def free(model: Model) -> list[Group]:
    """The groups of which something can go."""
    return [g for g in couple(model) if not g.pinned and g.units > 1]


def some_units(groups: list[Group], seed: int) -> dict[str, list[int]]:
    """One to all but one unit of each group."""
    rng = np.random.default_rng(seed)
    return {g.name: rng.choice(g.units, rng.integers(1, g.units), replace=False).tolist() for g in groups}


def assert_cut_is_silence(model: Model, seed: int = 0, kernels: Kernels = Kernels.REFERENCE) -> Model:
    """Cuts random units, compares outputs, interface and bytes, and returns the cut model, written and read."""
    before = write(model)
    gone = some_units(free(model), seed)
    assert gone, "nothing to cut"
    small = assert_same(model, with_zero_units, gone, kernels, seed + 1)
    assert write(model) == before, "the model was changed"
    assert small == write(without_units(model, gone)), "not deterministic"
    result = read(small)
    assert sum(t.nbytes for t in result.main.tensors) < sum(t.nbytes for t in model.main.tensors)
    return result


def assert_same(
    model: Model,
    oracle: Callable[[Model, dict[str, list[int]]], Model],
    gone: dict[str, list[int]],
    kernels: Kernels,
    seed: int = 1,
) -> bytes:
    """The cut model, written, after it computed on random inputs what the oracle does.

    The sums of the cut model have fewer terms, and those left out are exact zeros. In reference kernels, which add in
    one order, they change nothing but the sign of zero; optimized ones add in an order that depends on the size:
    1e-5 of the largest output is about a hundred roundings of float32.
    """
    small = write(without_units(model, gone))
    cut, whole = LiteRT(small, kernels=kernels), LiteRT(write(oracle(model, gone)), kernels=kernels)
    assert [(i.name, i.shape) for i in cut.outputs] == [(i.name, i.shape) for i in whole.outputs]
    rng = np.random.default_rng(seed)
    for _ in range(3):
        feed = {i.name: _random(rng, i.shape, i.dtype) for i in cut.inputs}
        got, expected = cut.run(feed), whole.run(feed)
        for name, values in expected.items():
            assert np.isfinite(values).all()
            slack = 0.0 if kernels is Kernels.REFERENCE else 1e-5 * max(1.0, float(np.abs(values).max()))
            np.testing.assert_allclose(got[name], values, rtol=0, atol=slack)
    return small


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "iu":
        return rng.integers(0, 10, shape).astype(dtype)
    return rng.normal(0, 1, shape).astype(dtype)


def zero_at_origin(model: Model, gone: dict[str, list[int]]) -> Model:
    """The model with the weights and the bias that make these units at zero: the same as long as zero stays zero."""
    clone = model.clone()
    tensors = {t.name: t for t in clone.main.tensors}
    for group in couple(clone):
        for part in group.parts:
            if part.role is Role.PRODUCES and group.name in gone:
                data = np.array(tensors[part.tensor].data)
                np.moveaxis(data, part.axis, 0)[part.places[gone[group.name]].ravel()] = 0
                tensors[part.tensor].set_data(data)
    return clone
