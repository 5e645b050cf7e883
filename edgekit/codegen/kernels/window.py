"""The geometry of a sliding window over rows and columns (NHWC)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from edgekit.codegen.call import Rows
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor


class Padding(enum.Enum):
    """The schema's Padding."""

    SAME = 0
    VALID = 1


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a window: sizes in elements; `before` are the padded elements in front of the input."""

    input: int
    output: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def extent(self) -> int:
        """Elements from the first tap to the last, with what lies between."""
        return (self.kernel - 1) * self.dilation + 1


@dataclass(frozen=True, slots=True)
class Window:
    """Both axes."""

    rows: Axis
    columns: Axis

    @property
    def is_pointwise(self) -> bool:
        """Whether output pixels are made of the input pixel at the same place and of nothing else."""
        return all(axis.kernel == axis.stride == 1 and axis.input == axis.output for axis in (self.rows, self.columns))

    def access(self) -> Rows:
        """Which input rows an output row needs."""
        return Rows(self.rows.stride, self.rows.before, self.rows.extent)

    def ahead(self, input_row_bytes: int, output_row_bytes: int) -> int:
        """`Call.ahead` of a kernel that writes whole rows in order, and while it writes row r reads no input row
        before the first that r needs."""
        need = (
            (row + 1) * output_row_bytes - max(0, row * self.rows.stride - self.rows.before) * input_row_bytes
            for row in range(self.rows.output)
        )
        return max(0, *need)

    def ahead_by_pixel(self, input_channels: int, output_channels: int, reads_while_writing: bool = False) -> int:
        """`Call.ahead` of a kernel on int8 that writes pixels in order, and has read all inputs of a pixel, or of a few
        next to each other, before it writes them; or else reads a pixel's own inputs while it writes that pixel."""
        rows, columns = self.rows, self.columns
        first_row = np.maximum(0, np.arange(rows.output) * rows.stride - rows.before)
        first_column = np.maximum(0, np.arange(columns.output) * columns.stride - columns.before)
        first = (first_row[:, None] * columns.input + first_column).reshape(-1) * input_channels
        needed = np.minimum.accumulate(first[::-1])[::-1]
        written = np.arange(1, first.size + 1) * output_channels
        gaps = written - needed if reads_while_writing else written[:-1] - needed[1:]
        return max(0, int(gaps.max(initial=0)))


def axis_of(source: int, output: int, kernel: int, stride: int, dilation: int, padding: Padding) -> Axis:
    """As ComputePaddingWithOffset of tensorflow/lite/kernels/padding.h."""
    extent = (kernel - 1) * dilation + 1
    total = max(0, (output - 1) * stride + extent - source) if padding is Padding.SAME else 0
    return Axis(source, output, kernel, stride, dilation, total // 2)


def window_of(op: Op, source: Tensor, kernel: tuple[int, int]) -> Window:
    """From an operator with the options strideH, strideW, padding and perhaps dilations; kernel is (height, width)."""
    options = op.options
    if len(source.shape) != 4 or options is None:
        raise ModelError(f"{op.label} '{op.name}' has an input of {len(source.shape)} axes instead of 4.")
    output = op.outputs[0]
    padding = Padding(options.padding)
    dilations = (int(getattr(options, "dilationHFactor", 1)), int(getattr(options, "dilationWFactor", 1)))
    axes = [
        axis_of(source.shape[1 + i], output.shape[1 + i], kernel[i], int(stride), dilations[i], padding)
        for i, stride in enumerate((options.strideH, options.strideW))
    ]
    return Window(*axes)
