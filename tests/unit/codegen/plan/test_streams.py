"""Streamed calls compute in C what they compute by themselves, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Optimize, Settings
from edgekit.codegen.generate import calls_of, generate, the_graph, written
from edgekit.codegen.plan.plan import plan, planned
from edgekit.codegen.plan.segment import STRIPS, Segments
from edgekit.codegen.plan.views import shared_memory
from edgekit.graph.codec import read
from tests.shared_data import shared
from tests.unit.codegen.host import built, random_samples, reference, run
from tests.unit.codegen.plan.chains import random_chain

MODELS = ("pretrainedResnet_quant", "kws_ref_model", "vww_96_int8", "str_ww_ref_model")


def assert_streamed_exactly(content: bytes, settings: Settings, folder: Path, seed: int, count: int) -> int:
    """Cuts the calls at random, as many as can be streamed together; returns how many streams there are."""
    model = read(content)
    graph, calls = the_graph(model), calls_of(model, settings)
    memory = shared_memory(graph.inputs, calls)
    segments = Segments(memory, graph.inputs, graph.outputs)
    rng = np.random.default_rng(seed)
    tasks, i = [], 0
    while i < len(memory.calls):
        ends = [last for first, last in segments.spans() if first == i]
        if ends:
            segment = segments.streamed(i, ends[int(rng.integers(len(ends)))], *STRIPS[int(rng.integers(len(STRIPS)))])
        else:
            segment = segments.single()[i]
        tasks.append(segment.task)
        i = segment.last + 1
    found = planned(graph, memory, tasks)
    samples = random_samples(graph, count, seed)
    outputs = run(built(written(graph, found, settings).files, folder), graph, samples)
    for ours, theirs in zip(outputs, reference(content, samples), strict=True):
        for mine, wanted in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, wanted.reshape(mine.shape))
    return len(found.streams)


@pytest.mark.parametrize("build", list(Build))
def test_random_chains(tmp_path: Path, build: Build) -> None:
    streams = 0
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        streams += assert_streamed_exactly(random_chain(seed), Settings(build), folder, seed, 4)
    assert streams >= 4


@pytest.mark.parametrize("name", MODELS)
def test_models(tmp_path: Path, name: str) -> None:
    content = shared(f"models/mlperf_tiny/{name}.tflite").read_bytes()
    assert assert_streamed_exactly(content, Settings(Build.DSP), tmp_path, 1, 2) >= 1


def test_streams_are_told_in_the_plan() -> None:
    model = read(shared("models/mlperf_tiny/pretrainedResnet_quant.tflite").read_bytes())
    whole = plan(the_graph(model), calls_of(model, Settings()))
    streamed = generate(model, Settings(optimize=Optimize.RAM)).plan
    assert not whole.streams and whole.moved_bytes == 0
    assert streamed.streams and streamed.moved_bytes > 0
    assert streamed.arena_bytes < whole.arena_bytes / 2
