"""Random convolutional nets: legal by construction, small, with branches that join and parts, and LiteRT runs them.

@given(models())
def test_a_step_keeps_the_promise(model: Model) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from edgekit.graph.model import Model, Tensor
from tests.unit.compress.net import NONE, RELU, RELU6, Net
from tests.unit.compress.small import options

Draw = Callable[[st.SearchStrategy], int]
Growth = Callable[[Draw, Net, list[Tensor]], list[Tensor]]

_MOST_CHANNELS, _MOST_PIXELS = 16, 256
_UNARY = ("RELU", "RELU6", "TANH", "LOGISTIC", "HARD_SWISH", "LEAKY_RELU", "ABS", "NEG")


class RandomModel(Model):
    """A model that hypothesis can print: its operators and shapes, not its weights."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "; ".join(f"{op.kind} {[list(t.shape) for t in op.outputs]}" for op in self.main.ops)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@st.composite
def models(draw: Draw, least: int = 2, most: int = 9) -> Model:
    """A net of one image, up to `most` random growths, and a small reader on each loose end."""
    net = Net(draw(st.integers(0, 1000)))
    size = draw(st.sampled_from([4, 5, 8]))
    live = [net.input("image", 1, size, size, draw(st.integers(1, 4)))]
    live.append(net.conv(live[0], draw(st.integers(2, 8)), size=draw(st.sampled_from([1, 3]))))
    for _ in range(draw(st.integers(least, most))):
        live += draw(st.sampled_from(GROWTHS))(draw, net, live)
    read = {t for op in net.graph.ops for t in op.inputs}
    made = net.model(*(_end(draw, net, t) for t in live if t not in read))
    return RandomModel(graphs=made.graphs, buffers=made.buffers)


def _end(draw: Draw, net: Net, x: Tensor) -> Tensor:
    if draw(st.booleans()):
        return net.dense(x, 3)
    return net.dense(net.reduce(net.conv(x, 4, size=1), (1, 2)), 3)


def _some(draw: Draw, live: list[Tensor]) -> Tensor:
    """One of the tensors, the last ones rather."""
    return live[-1 - draw(st.integers(0, min(3, len(live) - 1)))]


def _conv(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x, out = _some(draw, live), draw(st.integers(1, 8))
    act = draw(st.sampled_from([NONE, RELU, RELU6]))
    dilation = draw(st.sampled_from([1, 1, 2]))
    stride = 1 if dilation > 1 else draw(st.sampled_from([1, 1, 2]))
    return [net.conv(x, out, draw(st.sampled_from([1, 2, 3])), stride, dilation, act=act)]


def _grouped(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    groups = draw(st.sampled_from([g for g in range(1, x.shape[3] + 1) if x.shape[3] % g == 0]))
    return [net.conv(x, groups * draw(st.integers(1, 3)), groups=groups)]


def _depthwise(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    multiplier = draw(st.integers(1, max(1, min(3, _MOST_CHANNELS // x.shape[3]))))
    return [net.depthwise(x, multiplier, stride=draw(st.sampled_from([1, 1, 2])))]


def _transposed(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    stride = 2 if x.shape[1] * x.shape[2] * 4 <= _MOST_PIXELS else 1
    return [net.transposed(x, draw(st.integers(1, 6)), draw(st.sampled_from([2, 3])), stride)]


def _joined(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """By arithmetic, with a tensor of the same shape or with a convolution that makes it."""
    x = _some(draw, live)
    alike = [t for t in live if t.shape == x.shape and t is not x]
    other = draw(st.sampled_from(alike)) if alike else net.conv(x, x.shape[3])
    return [net.binary(draw(st.sampled_from(["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"])), x, other)]


def _with_constant(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    shape = draw(st.sampled_from([(), (x.shape[3],), (1, x.shape[1], x.shape[2], 1), x.shape]))
    constant = net.weights(net.graph.unique_name("constant"), *shape)
    return [net.binary(draw(st.sampled_from(["ADD", "SUB", "MUL"])), *draw(st.permutations([x, constant])))]


def _gated(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """By a gate for each channel, or for each pixel."""
    x = _some(draw, live)
    if draw(st.booleans()):
        gate = net.conv(net.reduce(x, (1, 2), keep=True), x.shape[3], size=1)
    else:
        gate = net.conv(x, 1, size=1)
    return [net.binary("MUL", x, net.unary("LOGISTIC", gate))]


def _concatenated(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    fitting = [t for t in live if t.shape[:3] == x.shape[:3] and t.shape[3] + x.shape[3] <= _MOST_CHANNELS]
    return [net.concat(3, x, draw(st.sampled_from(fitting)))] if fitting else []


def _stacked(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """In space."""
    x = _some(draw, live)
    alike = [t for t in live if t.shape == x.shape and 2 * x.shape[1] * x.shape[2] <= _MOST_PIXELS]
    return [net.concat(draw(st.sampled_from([1, 2])), x, draw(st.sampled_from(alike)))] if alike else []


def _split(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    channels = x.shape[3]
    if channels < 2:
        return []
    if channels % 2 == 0 and draw(st.booleans()):
        return net.split(x, 2, 3)
    first = draw(st.integers(1, channels - 1))
    return net.split_v(x, [first, channels - first], 3)


def _sliced(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    begin = draw(st.integers(0, x.shape[3] - 1))
    end = draw(st.integers(begin + 1, x.shape[3]))
    top = draw(st.integers(0, x.shape[1] - 1))
    shape = (1, x.shape[1] - top, x.shape[2], end - begin)
    if draw(st.booleans()):
        return [net.slice(x, (0, top, 0, begin), (1, -1, x.shape[2], end - begin))]
    return [net.strided(x, (0, top, 0, begin - x.shape[3]), (1, x.shape[1], 0, end), shape, endMask=4)]


def _picked(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    picks = draw(st.lists(st.integers(0, x.shape[3] - 1), min_size=1, max_size=6))
    made = net.plain("GATHER", [x, net.numbers("picks", picks)], (*x.shape[:3], len(picks)),
                     options("GatherOptions", axis=3))  # fmt: skip
    return [made]


def _padded(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    room = x.shape[3] + 4 <= _MOST_CHANNELS and x.shape[1] * x.shape[2] * 4 <= _MOST_PIXELS
    if not room:
        return []
    kind = draw(st.sampled_from(["PAD", "PADV2"]))
    amounts = [(0, 0), *((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(3))]
    return [net.pad(x, amounts, kind)]


def _pooled(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    return [net.pool(_some(draw, live), draw(st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"])))]


def _averaged(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    axes = draw(st.sampled_from([(1,), (2,), (1, 2), (3,)]))
    return [net.reduce(_some(draw, live), axes, draw(st.sampled_from(["MEAN", "SUM", "REDUCE_MAX"])), keep=True)]


def _resized(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    if x.shape[1] * x.shape[2] * 4 > _MOST_PIXELS:
        return []
    return [net.resize(x, draw(st.sampled_from(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])))]


def _reshaped(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """Rows and columns become one, or channels go into the columns, or every second column into the channels."""
    x = _some(draw, live)
    _, high, wide, deep = x.shape
    shapes = [(1, high * wide, 1, deep), (1, high, wide * deep, 1)]
    if wide % 2 == 0 and deep * 2 <= _MOST_CHANNELS:
        shapes.append((1, high, wide // 2, deep * 2))
    if deep % 2 == 0:
        shapes.append((1, high, wide * 2, deep // 2))
    return [net.reshape(x, *draw(st.sampled_from(shapes)))]


def _turned(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """To channels first and back, or rows for columns."""
    x = _some(draw, live)
    if draw(st.booleans()):
        return [net.transpose(x, 0, 2, 1, 3)]
    first = net.transpose(x, 0, 3, 1, 2)
    return [net.transpose(net.unary("TANH", first), 0, 2, 3, 1)]


def _shuffled(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    if x.shape[3] % 2:
        return []
    apart = net.reshape(x, *x.shape[:3], 2, x.shape[3] // 2)
    return [net.reshape(net.transpose(apart, 0, 1, 2, 4, 3), *x.shape)]


def _bent(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    kind = draw(st.sampled_from(_UNARY))
    named = {"HARD_SWISH": "HardSwish", "LEAKY_RELU": "LeakyRelu", "ABS": "Abs", "NEG": "Neg"}.get(kind)
    opts = options(f"{named}Options") if named else None
    return [net.unary(kind, _some(draw, live), opts)]


def _chosen(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    return [net.softmax(_some(draw, live))]


def _blocks(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    x = _some(draw, live)
    _, high, wide, deep = x.shape
    if high % 2 == 0 and wide % 2 == 0 and deep * 4 <= _MOST_CHANNELS:
        opts = options("SpaceToDepthOptions", blockSize=2)
        return [net.plain("SPACE_TO_DEPTH", [x], (1, high // 2, wide // 2, deep * 4), opts)]
    if deep % 4 == 0 and high * wide * 4 <= _MOST_PIXELS:
        opts = options("DepthToSpaceOptions", blockSize=2)
        return [net.plain("DEPTH_TO_SPACE", [x], (1, high * 2, wide * 2, deep // 4), opts)]
    return []


def _mixed(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """Attention of pixels to pixels, by heads where the channels allow it."""
    x = _some(draw, live)
    _, high, wide, deep = x.shape
    if high * wide > 64:
        return []
    heads = 2 if deep % 2 == 0 and draw(st.booleans()) else 1
    flat = net.reshape(x, 1, high * wide, deep)
    query, key, value = (
        net.transpose(net.reshape(net.dense(flat, deep, keep=True), 1, high * wide, heads, deep // heads), 0, 2, 1, 3)
        for _ in range(3)
    )
    mixed = net.matmul(net.softmax(net.matmul(query, key, adj_y=True)), value)
    return [net.reshape(net.transpose(mixed, 0, 2, 1, 3), 1, high, wide, deep)]


GROWTHS: tuple[Growth, ...] = (
    _conv, _conv, _conv, _grouped, _depthwise, _transposed, _joined, _joined, _with_constant, _gated, _concatenated,
    _stacked, _split, _sliced, _picked, _padded, _pooled, _averaged, _resized, _reshaped, _turned, _shuffled, _bent,
    _chosen, _blocks, _mixed,
)  # fmt: skip
