"""The kernels for Helium in their plain C version: the same layout of weights, with sanitizers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Rounding, Settings
from edgekit.codegen.generate import generate, the_graph
from edgekit.graph.codec import read
from tests.shared_data import shared
from tests.unit.codegen.host import assert_exact, compiled, random_samples, run
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.mve_cases import coarse_outputs, deep_conv, layers, pools, sums, wide_depthwise
from tests.unit.codegen.one_op import Spec, one_op

MVE = Settings(Build.MVE)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_exact(tmp_path: Path, compiler: str) -> None:
    models = [*deep_conv(), *wide_depthwise(), *coarse_outputs(), *sums(), *pools()]
    assert_exact(side_by_side(models), MVE, tmp_path, count=4, compiler=compiler)


@pytest.mark.parametrize("name", ["pretrainedResnet_quant", "kws_ref_model", "vww_96_int8", "str_ww_ref_model"])
def test_mlperf_tiny(tmp_path: Path, name: str) -> None:
    model = shared(f"models/mlperf_tiny/{name}.tflite").read_bytes()
    assert_exact(model, MVE, tmp_path, count=4)


def test_sums_that_leave_no_room_for_rounding_once_go_another_way(tmp_path: Path) -> None:
    weights = Spec((4, 40), scale=1.0, data=np.full((4, 40), 127, np.int8))
    inputs = [Spec((1, 40), scale=2.0**14), weights, None]
    model = one_op("FULLY_CONNECTED", inputs, [Spec((1, 4), scale=1.0)])
    (call,) = generate(read(model), MVE).plan.calls
    assert "mve" not in call.function
    assert_exact(model, MVE, tmp_path)


def test_rounding_twice_is_what_plain_c_does(tmp_path: Path) -> None:
    """LiteRT cannot say what TensorFlow Lite Micro computes; the portable kernel is held against it elsewhere."""
    model = side_by_side(layers("fully_connected", 12, seed=3))
    graph = the_graph(read(model))
    samples, outputs = random_samples(graph, 4), []
    for build in (Build.PORTABLE, Build.MVE):
        folder = tmp_path / build.value
        folder.mkdir()
        outputs.append(run(compiled(model, Settings(build, rounding=Rounding.TFLM), folder), graph, samples))
    for plain, fast in zip(*outputs, strict=True):
        for wanted, found in zip(plain, fast, strict=True):
            np.testing.assert_array_equal(found, wanted)
