from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.codegen.call import Build, Call, Optimize, Rows, Settings, View
from edgekit.codegen.plan.plan import plan, planned
from edgekit.codegen.plan.segment import STRIPS, Segments
from edgekit.codegen.plan.task import LIFT
from edgekit.codegen.plan.views import shared_memory
from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Op
from edgekit.graph.tensor import Tensor
from edgekit.graph.types import DType
from tests.unit.codegen.plan.played import Player


@dataclass
class Network:
    """Calls that compute nothing, under construction."""

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    count: int = 0

    def tensor(self, shape: tuple[int, ...]) -> Tensor:
        self.count += 1
        return Tensor(f"t{self.count}", shape, DType.INT8)

    def input(self, shape: tuple[int, ...]) -> Tensor:
        self.inputs.append(self.tensor(shape))
        return self.inputs[-1]

    def add(self, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], call: Call) -> Tensor:
        self.calls.append(call)
        return outputs[0]

    def op(self, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Op:
        return Op("ABS", list(inputs), list(outputs))

    def windowed(self, source: Tensor, kernel: int, stride: int, before: int, channels: int, scratch: int) -> Tensor:
        """A convolution: row by row, or `fine` enough to be in place where it is pointwise."""
        _, height, width, _ = source.shape
        rows_out = max((height + 2 * before - kernel) // stride + 1, 1)
        output = self.tensor((1, rows_out, width, channels))
        row_in, row_out = source.nbytes // height, output.nbytes // rows_out
        ahead = max(0, *((r + 1) * row_out - max(0, r * stride - before) * row_in for r in range(rows_out)))
        call = Call(
            self.op((source,), (output,)), "f", "f.h", inputs=(source,), outputs=(output,), scratch_bytes=scratch,
            ahead=(ahead,), rows=Rows(stride, before, kernel),
        )  # fmt: skip
        return self.add((source,), (output,), call)

    def sum(self, a: Tensor, b: Tensor, ahead: tuple[int | None, int | None] = (0, 0)) -> Tensor:
        output = self.tensor(a.shape)
        rows = Rows() if len(a.shape) == 4 else None
        call = Call(self.op((a, b), (output,)), "f", "f.h", inputs=(a, b), outputs=(output,), ahead=ahead, rows=rows)
        return self.add((a, b), (output,), call)

    def reshape(self, source: Tensor) -> Tensor:
        output = self.tensor((source.nbytes,))
        call = Call(
            self.op((source,), (output,)), "", inputs=(source,), outputs=(output,), views=(View(output, source),)
        )
        return self.add((source,), (output,), call)

    def concat(self, parts: tuple[Tensor, ...]) -> Tensor:
        output = self.tensor((sum(part.nbytes for part in parts),))
        views, offset = [], 0
        for part in parts:
            views.append(View(part, output, offset))
            offset += part.nbytes
        call = Call(
            self.op(parts, (output,)), "f", "f.h", inputs=parts, outputs=(output,), ahead=(None,) * len(parts),
            views=tuple(views),
        )  # fmt: skip
        return self.add(parts, (output,), call)

    def split(self, source: Tensor, at: int) -> tuple[Tensor, Tensor]:
        a, b = self.tensor((at,)), self.tensor((source.nbytes - at,))
        call = Call(
            self.op((source,), (a, b)), "f", "f.h", inputs=(source,), outputs=(a, b), ahead=(None,),
            views=(View(a, source, 0), View(b, source, at)),
        )  # fmt: skip
        self.add((source,), (a, b), call)
        return a, b

    def dense(self, source: Tensor, size: int, ahead: int | None, state: int) -> Tensor:
        output = self.tensor((size,))
        states = (self.tensor((state,)),) if state else ()
        call = Call(
            self.op((source,), (output,)),
            "f",
            "f.h",
            inputs=(source,),
            outputs=(output,),
            states=states,
            ahead=(ahead,),
        )
        return self.add((source,), (output,), call)

    def graph(self) -> Graph:
        return Graph("main", [], self.inputs, self.outputs, [call.op for call in self.calls])


@st.composite
def networks(draw: st.DrawFn) -> Network:
    net = Network()
    pool = [net.input((1, draw(st.integers(1, 9)), draw(st.integers(1, 3)), draw(st.integers(1, 3))))]
    if draw(st.booleans()):
        pool.append(net.input((draw(st.integers(1, 20)),)))
    for _ in range(draw(st.integers(1, 9))):
        # Newer tensors are likelier, so that there are chains.
        source = pool[-1 - min(draw(st.integers(0, 4)) // 2, len(pool) - 1)]
        alike = [t for t in pool if t.shape == source.shape]
        kind = draw(
            st.sampled_from(["window", "window", "window", "sum", "sum", "reshape", "concat", "split", "dense"])
        )
        if kind == "window" and len(source.shape) == 4:
            kernel = draw(st.integers(1, 4))
            before = draw(st.integers(0, kernel - 1))
            stride, channels, scratch = (
                draw(st.integers(1, 3)),
                draw(st.integers(1, 3)),
                draw(st.sampled_from([0, 0, 5])),
            )
            pool.append(net.windowed(source, kernel, stride, before, channels, scratch))
        elif kind == "sum":
            pool.append(net.sum(source, draw(st.sampled_from(alike))))
        elif kind == "reshape":
            pool.append(net.reshape(source))
        elif kind == "concat":
            pool.append(net.concat((source, draw(st.sampled_from(pool)))))
        elif kind == "split" and source.nbytes > 1:
            pool += net.split(source, draw(st.integers(1, source.nbytes - 1)))
        else:
            ahead = draw(st.sampled_from([None, 0, 3]))
            pool.append(net.dense(source, draw(st.integers(1, 20)), ahead, draw(st.sampled_from([0, 0, 4]))))
    net.outputs = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True))
    if pool[-1] not in net.outputs:
        net.outputs.append(pool[-1])
    return net


def test_what_is_never_computed_is_named() -> None:
    net = Network()
    source = net.input((4,))
    constant = net.tensor((4,))
    constant.set_data(np.zeros(4, np.int8))
    net.outputs = [net.sum(source, constant)]
    with pytest.raises(ModelError, match=r"ABS 't3' reads 't2', which is a constant; fold it before C is generated\."):
        plan(net.graph(), tuple(net.calls))
    net.calls.clear()
    with pytest.raises(ModelError, match=r"The model's output 't3' is never computed\."):
        plan(net.graph(), ())


def test_a_concatenation_of_what_is_computed_once_copies_nothing() -> None:
    net = Network()
    source = net.input((4,))
    a, b = net.dense(source, 6, None, 0), net.dense(source, 10, None, 0)
    whole = net.concat((a, b))
    net.outputs = [whole]
    found = plan(net.graph(), tuple(net.calls))
    assert len(found.calls) == 2
    assert found.offsets[a] == found.offsets[whole] and found.offsets[b] == found.offsets[whole] + 6


def test_a_tensor_that_would_be_twice_in_a_concatenation_is_copied() -> None:
    net = Network()
    a = net.dense(net.input((4,)), 6, None, 0)
    net.outputs = [net.concat((a, a))]
    assert len(plan(net.graph(), tuple(net.calls)).calls) == 2


def test_a_tensor_between_two_others_is_part_of_two_concatenations() -> None:
    net = Network()
    source = net.input((4,))
    a, b, c = (net.dense(source, size, None, 0) for size in (3, 5, 7))
    net.outputs = [net.concat((a, b)), net.concat((b, c))]
    found = plan(net.graph(), tuple(net.calls))
    assert len(found.calls) == 3
    assert [found.offsets[t] - found.offsets[a] for t in (b, c)] == [3, 8]


def chain_of_shifts() -> Network:
    """Eight windows of three rows, which each shift their output by two rows and cost much by themselves."""
    net = Network()
    last = net.input((1, 12, 2, 1))
    for _ in range(8):
        last = net.windowed(last, 3, 1, 1, 10, 0)
    net.outputs = [net.dense(last, 1, None, 0)]
    net.calls = [replace(call, rows=None, macs=10_000) for call in net.calls]
    return net


def test_a_tensor_is_lifted_where_shifts_have_added_up() -> None:
    net = chain_of_shifts()
    whole, lifted = plan(net.graph(), tuple(net.calls)), plan(net.graph(), tuple(net.calls), Settings())
    assert (whole.arena_bytes, whole.moved_bytes) == (2 * 240, 0)  # apart, which is less than all shifts
    assert whole.is_optimal
    assert lifted.moved_bytes == 240 * sum(call.function == LIFT for call in lifted.calls) > 0
    assert lifted.arena_bytes < whole.arena_bytes * 0.8
    player = Player(net.graph(), net.calls, lifted)
    for turn in range(2):
        player.assert_runs(turn)


@settings(max_examples=150, deadline=None)
@given(networks(), st.sampled_from([None, *Optimize]), st.sampled_from(list(Build)))
def test_every_read_finds_what_was_written(net: Network, optimize: Optimize | None, build: Build) -> None:
    calls = tuple(net.calls)
    chosen = None if optimize is None else Settings(build, optimize)
    try:
        planned = plan(net.graph(), calls, chosen)
    except ModelError as error:
        assert "share memory" in str(error)
        return
    assert planned.lower_bound_bytes <= planned.arena_bytes <= planned.naive_bytes + 16 * len(planned.lifetimes)
    player = Player(net.graph(), calls, planned)
    for turn in range(2):
        player.assert_runs(turn)


@st.composite
def residual_blocks(draw: st.DrawFn) -> Network:
    """Windows that keep the height, one after the other, and then a sum with what they began with."""
    net = Network()
    channels = draw(st.integers(1, 5))
    source = net.input((1, draw(st.integers(2, 12)), draw(st.integers(1, 3)), channels))
    for _ in range(draw(st.integers(1, 2))):
        last = source
        for _ in range(draw(st.integers(1, 3))):
            before = draw(st.integers(0, 2))
            last = net.windowed(last, 2 * before + 1, 1, before, channels, draw(st.sampled_from([0, 0, 7])))
        ahead = draw(st.sampled_from([(0, 0), (0, 0), (9, 1), (33, 0), (None, 0)]))
        source = net.sum(source, last, ahead)
    net.outputs = [source]
    return net


@settings(max_examples=150, deadline=None)
@given(networks() | residual_blocks(), st.data())
def test_any_stream_computes_every_row_once(net: Network, data: st.DataObject) -> None:
    graph = net.graph()
    try:
        shared = shared_memory(graph.inputs, net.calls)
    except ModelError:
        return
    segments = Segments(shared, graph.inputs, graph.outputs)
    choices = segments.single() + [
        s for first, last in segments.spans() for strip in STRIPS for s in [segments.streamed(first, last, *strip)]
    ]
    tasks = []
    i = 0
    while i < len(shared.calls):
        segment = data.draw(st.sampled_from([s for s in choices if s.first == i][::-1]), label="segment")
        tasks.append(segment.task)
        i = segment.last + 1
    found = planned(graph, shared, tasks)
    player = Player(graph, net.calls, found)
    for turn in range(2):
        player.assert_runs(turn)
