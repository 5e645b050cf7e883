"""Golden samples of a model that remembers: every sample finds it as it is at the beginning."""

from __future__ import annotations

import numpy as np

from edgekit.bundle.golden import make_golden
from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.data.feed import Feed
from edgekit.graph.codec import read
from edgekit.verify.host_c import run_on_host
from tests.tools import tool
from tests.unit.codegen.recurrent import lstm

LSTM = lstm(np.random.default_rng(11), 0)


def test_samples_do_not_depend_on_their_order() -> None:
    model = read(LSTM)
    name, shape = model.inputs()[0].name, model.main.inputs[0].shape
    first, second = np.random.default_rng(2).integers(-128, 128, (2, *shape)).astype(np.int8)
    golden, _ = make_golden(LSTM, None, [Feed({name: array}, None) for array in (first, second, first)])
    (outputs,) = golden.outputs.values()
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert np.any(outputs[0] != outputs[1])


def test_c_on_this_machine_begins_anew_as_well() -> None:
    tool("cc", "sudo apt-get install gcc libc6-dev")
    model = read(LSTM)
    sample = np.random.default_rng(3).integers(-128, 128, model.main.inputs[0].shape).astype(np.int8)
    found = run_on_host(generate(model, Settings()).files, (np.stack([sample] * 3),), model.main.outputs)
    np.testing.assert_array_equal(found.outputs[0][0], found.outputs[0][2])
