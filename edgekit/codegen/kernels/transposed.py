"""The geometry of transposed convolutions, seen from the output."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.codegen.kernels.window import Axis, Padding, axis_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Transposed:
    """A transposed convolution's shapes; `rows` and `columns` are those of the convolution from output to input."""

    source: Tensor
    output: Tensor
    rows: Axis
    columns: Axis

    def fields(self) -> dict[str, int]:
        """The members of `ek_transposed` (ek_transposed.h), in a parameter struct that calls it `shape`."""
        rows, columns = self.rows, self.columns
        members = {
            "in_height": self.source.shape[1], "in_width": self.source.shape[2], "in_channels": self.source.shape[3],
            "out_height": self.output.shape[1], "out_width": self.output.shape[2],
            "out_channels": self.output.shape[3], "kernel_height": rows.kernel, "kernel_width": columns.kernel,
            "stride_y": rows.stride, "stride_x": columns.stride, "pad_top": rows.before, "pad_left": columns.before,
        }  # fmt: skip
        return {f"shape.{name}": value for name, value in members.items()}

    def ahead(self) -> int:
        """`Call.ahead` of a kernel that writes rows in order and reads for row r the input rows that reach it."""
        input_row_bytes = self.source.nbytes // self.source.shape[1]
        output_row_bytes = self.output.nbytes // self.output.shape[1]
        need = (
            (row + 1) * output_row_bytes - self._first_input_row(row) * input_row_bytes
            for row in range(self.output.shape[1])
        )
        return max(0, *need)

    def _first_input_row(self, row: int) -> int:
        return max(0, -((self.rows.kernel - 1 - row - self.rows.before) // self.rows.stride))

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those that fall outside of the output too."""
        return self.source.size * self.rows.kernel * self.columns.kernel * self.output.shape[3]


def transposed_of(op: Op, source: Tensor, kernel: tuple[int, int]) -> Transposed:
    """From an operator with the options strideH, strideW and padding; kernel is (height, width).

    Padding is that of the convolution which maps the output to the input, as transpose_conv.cc of TFLite takes it.
    """
    output = op.outputs[0]
    if len(source.shape) != 4 or source.shape[0] != 1:
        raise ModelError(f"{op.label} '{op.name}' has an input of shape {list(source.shape)}: C takes one image, NHWC.")
    padding = Padding(op.options.padding)
    axes = [
        axis_of(output.shape[1 + i], -(-output.shape[1 + i] // stride), kernel[i], stride, 1, padding)
        for i, stride in enumerate((int(op.options.strideH), int(op.options.strideW)))
    ]
    return Transposed(source, output, *axes)
