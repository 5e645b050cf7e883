"""Whatever the net: the generated C computes what LiteRT's reference kernels do, and touches nothing but its tensors.

Set EDGEKIT_DEEP to a number of examples to look further than CI does.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from edgekit.codegen.call import Build, Optimize, Settings
from edgekit.codegen.generate import the_graph
from edgekit.core.errors import EdgekitError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.property.quantized_graphs import StoredNet, nets
from tests.unit.codegen.guarded import guarded
from tests.unit.codegen.host import Array, compiled, random_samples, reference, run

EXAMPLES = int(os.environ.get("EDGEKIT_DEEP", "4"))
few = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
builds = st.builds(Settings, st.sampled_from(list(Build)), st.sampled_from(list(Optimize)))
compilers = st.sampled_from(["gcc", "clang"])


def outputs(net: StoredNet, made: Settings, compiler: str, is_guarded: bool, grain: int) -> tuple[list[Array], ...]:
    """The C's and the reference's, of four inferences in a row; a net that either refuses in a sentence is passed."""
    graph = the_graph(read(net.data))
    samples = random_samples(graph, 4)
    with tempfile.TemporaryDirectory() as name:
        try:
            wanted = reference(net.data, samples)
            if is_guarded:
                program = guarded(net.data, made, Path(name), compiler, grain)
            else:
                program = compiled(net.data, made, Path(name), compiler)
        except EdgekitError as error:
            event(str(error).splitlines()[0][:60])
            assume(False)
            raise
        found = run(program, graph, samples)
    flat = [[array.reshape(-1) for sample in side for array in sample] for side in (found, wanted)]
    return flat[0], flat[1]


@pytest.mark.parametrize(("dtype", "grain"), [(DType.INT8, 1), (DType.INT16, 4)])
@pytest.mark.parametrize("is_guarded", [False, True])
def test_stored_values_are_exact(dtype: DType, grain: int, is_guarded: bool) -> None:
    @few
    @given(net=nets(dtype), made=builds, compiler=compilers)
    def hold(net: StoredNet, made: Settings, compiler: str) -> None:
        found, wanted = outputs(net, made, compiler, is_guarded, grain)
        for mine, theirs in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(mine, theirs)

    hold()


@few
@given(net=nets(DType.FLOAT32), made=builds, compiler=compilers)
def test_floats_are_near(net: StoredNet, made: Settings, compiler: str) -> None:
    """The order of sums is the reference's; functions from libm and our own are a few units of the last place apart,
    which up to six layers make larger."""
    found, wanted = outputs(net, made, compiler, True, 4)
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)
