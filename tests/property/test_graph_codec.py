"""Whatever the bytes: a model or a ModelError, soon. Whatever the edits: a graph that survives the way to bytes and back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.errors import ModelError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.cost import activation_peak_bytes, model_macs
from edgekit.graph.model import Model, Op
from edgekit.graph.packing import pack, packed_size, unpack
from edgekit.graph.text import dump
from tests.shared_data import shared
from tests.small_models import activation, control_flow_model, conv_model, depthwise_model, two_inputs_model
from tests.unit.graph.every_field import every_field

LONGEST_SECONDS = 5.0  # a mutation takes milliseconds; the bound is loose for a loaded machine and catches loops
SOURCES: dict[str, Callable[[], bytes]] = {
    "conv": lambda: write(conv_model()),
    "control flow": lambda: write(control_flow_model()),
    "every field": every_field,
    "kws": lambda: shared("models/mlperf_tiny/kws_ref_model.tflite").read_bytes(),
    "resnet": lambda: shared("models/mlperf_tiny/pretrainedResnet_quant.tflite").read_bytes(),
}


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Flipped bits, extreme bytes and extreme words, most of them in the tables, and cut-off files."""
    rng = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 1, 4, 16])):
            near = rng.randrange(min(len(data), 4096))
            at = rng.choice([rng.randrange(len(data)), near, len(data) - 1 - near])
            word = rng.choice(
                [bytes([changed[at] ^ 1 << rng.randrange(8)]), b"\xff", b"\xff\xff\xff\x7f", rng.randbytes(2)]
            )
            changed[at : at + len(word)] = word
        yield bytes(changed[: rng.randrange(len(data))]) if rng.random() < 0.1 else bytes(changed)


@pytest.mark.parametrize("source", SOURCES)
def test_damaged_files_give_a_model_or_a_model_error(source: str) -> None:
    refused = 0
    for data in mutations(SOURCES[source](), 400, seed=len(source)):
        begin = time.monotonic()
        try:
            examine(read(data))
        except ModelError:
            refused += 1
        assert time.monotonic() - begin < LONGEST_SECONDS
    assert refused > 20


def examine(model: Model) -> None:
    """All that the room does with a model that could be read."""
    written = write(model)
    assert write(read(written)) == written
    dump(model)
    check(model)
    model_macs(model)
    activation_peak_bytes(model.main)


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_cut_off_anywhere_in_its_tables_is_refused_or_read(source: str) -> None:
    data = SOURCES[source]()
    lengths = [*range(0, 64), *np.linspace(64, len(data) - 1, 60, dtype=int)]
    for length in lengths:
        with pytest.raises(ModelError):
            read(data[:length])


@given(st.binary(max_size=200))
def test_random_bytes_behind_the_identifier(noise: bytes) -> None:
    try:
        model = read(b"\x10\0\0\0TFL3" + noise)
    except ModelError:
        return
    assert write(read(write(model))) == write(model)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12), st.sampled_from([0, 1, 2]))
def test_edits_keep_a_graph_legal_and_refused_ones_change_nothing(edits: list[tuple[int, int]], which: int) -> None:
    model = (conv_model, two_inputs_model, depthwise_model)[which]()
    for number, (edit, place) in enumerate(edits):
        before = write(model)
        try:
            apply(model, edit, place, number)
        except ModelError:
            assert write(model) == before
        check(model)
    assert write(read(write(model))) == write(model)
    assert write(model.clone()) == write(model)


def apply(model: Model, edit: int, place: int, number: int) -> None:
    """One of: insert behind an operator and use it, insert anywhere, remove, replace one tensor by another."""
    main = model.main
    op = main.ops[place % len(main.ops)]
    source = op.outputs[0]
    new = Op("RELU", [source], [activation(f"r{number}", *source.shape)])
    if edit == 0:
        main.insert(new, after=op)
        main.replace_uses(source, new.outputs[0])
    elif edit == 1:
        main.insert(new, after=main.ops[number % len(main.ops)])
    elif edit == 2:
        main.remove(op)
    else:
        main.replace_uses(source, main.ops[number % len(main.ops)].outputs[0])


@given(st.lists(st.integers(-8, 7), max_size=50))
def test_packing_loses_nothing(values: list[int]) -> None:
    array = np.array(values, np.int8)
    packed = pack(array, 4)
    assert packed.size == packed_size(array.size, 4)
    assert np.array_equal(unpack(packed, array.size, 4, signed=True), array)
