"""Zeros: the best ones of small layers, the path of sparse kernels, and who does not gain by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.sparsity.path import sparse_path
from edgekit.compress.sparsity.prune import prune, refit
from edgekit.compress.sparsity.rewrite import encode, mirror
from edgekit.compress.sparsity.step import SPARSIFY
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Model, Tensor
from edgekit.graph.sparse import dense_data
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from edgekit.targets.load import load_target
from tests.unit.compress.small import Builder, conv_net, options, samples, two_inputs


def mobile_net(size: int = 16, pool: bool = False, kernel: int = 3) -> Model:
    """Image -> conv 3x3/2 -> 1x1 -> depthwise /2 -> 1x1 -> mean -> dense; what sparse kernels take, but for paddings."""
    b = Builder(7)
    x = b.input("image", 1, size, size, 3)
    half, quarter = (size + 1) // 2, (size + 3) // 4

    def conv(name: str, data: Tensor, weights: Tensor, shape: tuple[int, ...], step: int) -> Tensor:
        made = options("Conv2DOptions", strideW=step, strideH=step, padding=0, fusedActivationFunction=3,
                       dilationWFactor=1, dilationHFactor=1)  # fmt: skip
        return b.op("CONV_2D", [data, weights, b.weights(f"{name}/b", shape[-1])], name, shape, made)

    y = conv("first", x, b.weights("first/w", 8, 3, 3, 3), (1, half, half, 8), 2)
    y = conv("wide", y, b.weights("wide/w", 32, 1, 1, 8), (1, half, half, 32), 1)
    depth = options("DepthwiseConv2DOptions", strideW=2, strideH=2, padding=0, depthMultiplier=1,
                    fusedActivationFunction=1, dilationWFactor=1, dilationHFactor=1)  # fmt: skip
    y = b.op("DEPTHWISE_CONV_2D", [y, b.weights("depth/w", 1, kernel, kernel, 32), b.weights("depth/b", 32)], "depth",
             (1, quarter, quarter, 32), depth)  # fmt: skip
    y = conv("narrow", y, b.weights("narrow/w", 16, 1, 1, 32), (1, quarter, quarter, 16), 1)
    if pool:
        made = options("Pool2DOptions", strideW=1, strideH=1, filterWidth=quarter, filterHeight=quarter, padding=1)
        y = b.op("AVERAGE_POOL_2D", [y], "pooled", (1, 1, 1, 16), made)
        y = conv("last", y, b.weights("last/w", 4, 1, 1, 16), (1, 1, 1, 4), 1)
    else:
        axes = b.constant("axes", [1, 2], DType.INT32)
        y = b.op("MEAN", [y, axes], "pooled", (1, 16), options("ReducerOptions", keepDims=False))
    return b.model(y)


def _hessian(taps: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, taps)) @ rng.normal(size=(taps, taps))
    return x.T @ x / 200 + 0.01 * np.eye(taps)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 50))
def test_a_refit_is_the_least_squares_solution(taps: int, outputs: int, seed: int) -> None:
    rng, hessian = np.random.default_rng(seed), _hessian(taps, seed)
    target, kept = rng.normal(size=(taps, outputs)), rng.random((taps, outputs)) > 0.5
    found = refit(target, hessian, kept, target)
    for column in range(outputs):
        mask = kept[:, column]
        exact = np.linalg.solve(hessian[np.ix_(mask, mask)], (hessian @ target[:, column])[mask])
        # conjugate gradients end in as many steps as there are unknowns, up to rounding by the condition of H
        assert np.allclose(found[mask, column], exact, rtol=1e-4, atol=1e-5) and not found[~mask, column].any()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([0.25, 0.5, 0.75]), st.sampled_from([1, 2, 4]), st.integers(0, 50))
def test_pruning_keeps_its_share_and_its_blocks(share: float, block: int, seed: int) -> None:
    target = np.random.default_rng(seed).normal(size=(16, 8))
    found = prune(target, _hessian(16, seed), share, block)
    zero = (found == 0).reshape(16 // block, block, 8)
    assert (zero.all(axis=1) == zero.any(axis=1)).all() and zero.mean() == share


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_pruning_loses_less_than_a_refit_of_the_largest_weights(share: float) -> None:
    """Greedy choices may lose now and then: twenty layers together."""
    ours = theirs = 0.0
    for seed in range(20):
        target, hessian = np.random.default_rng(seed).normal(size=(16, 8)), _hessian(16, seed)
        ours += _error(prune(target, hessian, share), target, hessian)
        largest = np.abs(target) >= np.quantile(np.abs(target), share)
        theirs += _error(refit(target, hessian, largest, target), target, hessian)
    assert ours < theirs


def _error(found: Any, target: Any, hessian: Any) -> float:
    return float(np.einsum("to,ts,so->", found - target, hessian, found - target))


@pytest.mark.parametrize("size", [16, 17, 18, 19])
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_mirrored_model_computes_the_same(size: int, pool: bool, kernel: int) -> None:
    model = mobile_net(size, pool, kernel)
    changed = model.clone()
    path = sparse_path(changed.main)
    assert [op.name for op in path.pointwise] == ["wide", "narrow"]
    mirror(changed.main, path)
    for op in path.pointwise:
        encode(changed.main, op, 1)
    check(changed)
    assert all(op.options.padding == 1 for op in path.strided)
    _equal(model, changed)


def _equal(model: Model, changed: Model) -> None:
    first, second = LiteRT(write(model)), LiteRT(write(changed))
    for feed in samples(model, 4).arrays:
        for name, values in first.run(feed).items():
            # sums of float32 in another order
            assert np.allclose(second.run(feed)[name], values, atol=1e-5)


def test_what_sparse_kernels_do_not_take_is_named() -> None:
    assert "no 3x3 convolution of stride 2" in sparse_path(conv_net().main).why_not
    model = mobile_net()
    model.main.ops[2].options.dilationHFactor = 2
    assert "DEPTHWISE_CONV_2D 'depth' has another padding" in sparse_path(model.main).why_not
    model = mobile_net()
    model.main.outputs.append(model.main.ops[1].outputs[0])
    assert "gives out 'wide'" in sparse_path(model.main).why_not


def _plan(model: Model, target: str | None = None, **chosen: Any) -> Any:
    aim = load_target(target) if target else None
    return SPARSIFY.plan(model, SPARSIFY.options(chosen), Setting(samples=samples(model), target=aim))


@pytest.mark.parametrize(
    ("target", "chosen", "reason"),
    [
        ("stm32f746g-discovery", {}, "has no kernels that skip zeros"),
        ("raspberry-pi-5", {}, "nothing here can time them"),
        ("local", {"share": 0.5}, "only above 67% zeros"),
    ],
)
def test_where_zeros_do_not_pay_the_model_stays(target: str, chosen: dict[str, Any], reason: str) -> None:
    model = mobile_net()
    plan = _plan(model, target, **chosen)
    assert reason in plan.explain()[0] and "left as it is" in plan.explain()[0]
    assert write(SPARSIFY.apply(model, plan)) == write(model)


def test_kernels_without_a_path_are_told_of_on_this_machine() -> None:
    model = conv_net()
    plan = _plan(model, "local")
    assert not plan.layers and "no 3x3 convolution" in plan.explain()[0]


def test_on_this_machine_the_clock_decides() -> None:
    """Whether sparse kernels are faster depends on the processor: either way the plan says what was measured."""
    model = mobile_net()
    plan = _plan(model, "local", share=0.8)
    assert "times as long" in " ".join(plan.explain()) and bool(plan.layers) == plan.mirrored


def test_a_target_that_cannot_be_timed_gets_sparse_weights_when_asked() -> None:
    model = mobile_net()
    plan = _plan(model, "raspberry-pi-5", share=0.75, unmeasured=True)
    result = SPARSIFY.apply(model, plan)
    zeros = [dense_data(t) == 0 for t in result.main.tensors if t.sparsity is not None]  # type: ignore[attr-defined]
    assert len(zeros) == 2 and np.mean(np.concatenate([z.reshape(-1) for z in zeros])) >= 0.75
    assert [op.kind for op in result.main.ops[:2]] == ["DENSIFY", "DENSIFY"]
    assert write(read(write(result))) == write(result)


@pytest.mark.parametrize("encoding", ["sparse", "zeros"])
def test_a_download_says_what_it_packs_to(encoding: str) -> None:
    model = mobile_net()
    plan = _plan(model, goal="download", share=0.8, encoding=encoding)
    assert plan.layers and plan.after.deflated < plan.before.deflated
    assert (plan.after.file < plan.before.file) == (encoding == "sparse") or plan.after.file > plan.before.file
    dense = SPARSIFY.apply(model, replace(plan, encoding=type(plan.encoding)("zeros")))
    _equal(dense, SPARSIFY.apply(model, plan))


def test_quantize_says_what_to_do_with_sparse_constants() -> None:
    model = mobile_net()
    result = SPARSIFY.apply(model, _plan(model, goal="download", share=0.8))
    with pytest.raises(ModelError, match="is sparse") as caught:
        QUANTIZE.plan(result, QUANTIZE.default_options(), Setting(samples=samples(model)))
    assert "encoding=zeros" in caught.value.hint


def test_layers_too_small_to_matter_stay() -> None:
    plan = _plan(two_inputs(), goal="download", share=0.5, exclude=["dense"])
    assert [c.why for c in plan.left] == ["it is excluded"]


def test_options_and_samples_are_checked() -> None:
    with pytest.raises(UsageError, match="share is 1"):
        SPARSIFY.options({"share": 1})
    with pytest.raises(UsageError, match="calibration samples"):
        SPARSIFY.plan(mobile_net(), SPARSIFY.default_options(), Setting())
