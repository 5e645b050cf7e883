"""FULLY_CONNECTED rounds once as LiteRT does, exact halves and what is next to them included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Settings
from edgekit.codegen.generate import the_graph
from edgekit.codegen.kernels.once import once_multiplier
from edgekit.graph.codec import read
from tests.unit.codegen.host import compiled, reference, run
from tests.unit.codegen.one_op import Spec, one_op

ALMOST_ONE, JUST_ABOVE_ONE = 1 - 2.0**-23, 1 + 2.0**-23
"""float32 whose product is below one by 2^-46, which a factor of 31 bits cannot tell from one."""
LEVELS = np.arange(-128, 127)


@pytest.mark.parametrize("build", list(Build))
def test_every_input(tmp_path: Path, build: Build) -> None:
    scales = (1.0, 0.5, 0.25, 0.75, 0.1, 0.03125, ALMOST_ONE * 0.5, JUST_ABOVE_ONE, JUST_ABOVE_ONE * 0.5)
    weights = np.full((len(scales), 1), 3, np.int8)
    samples = [[np.arange(-128, 128).astype(np.int8).reshape(256, 1)]]
    for number, source in enumerate((1.0, ALMOST_ONE)):
        inputs = [Spec((256, 1), scale=source, zero_point=5), Spec(weights.shape, scale=scales, data=weights), None]
        model = one_op("FULLY_CONNECTED", inputs, [Spec((256, len(scales)), scale=2.0, zero_point=-3)])
        folder = tmp_path / str(number)
        folder.mkdir()
        found = run(compiled(model, Settings(build), folder), the_graph(read(model)), samples)
        np.testing.assert_array_equal(found[0][0], reference(model, samples)[0][0])


def test_most_factors_have_a_multiplier() -> None:
    """Of 2000 factors all but a few in ten thousand; for the others one step is one sum away."""
    rng = np.random.default_rng(7)
    for factor in np.exp(rng.uniform(np.log(1e-5), np.log(0.4), 2000)):
        one = once_multiplier(float(factor), LEVELS)
        sums = rng.integers(-(2**17), 2**17, 1000)
        products = sums * factor
        wanted = np.copysign(np.floor(np.abs(products) + 0.5), products)
        shift = 31 - one.shift
        found = (sums * one.mantissa + (1 << (shift - 1))) >> shift
        np.testing.assert_array_equal(np.clip(found, -128, 127), np.clip(wanted, -128, 127))
