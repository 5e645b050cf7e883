"""Convolutions that gather the inputs of an output pixel, on int16 and float32: csource/ek_patch.h."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.codegen.call import Call, Field
from edgekit.codegen.kernels.window import Window
from edgekit.graph.model import Op, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Where a convolution finds what an output pixel is made of.

    Attributes:
        source, output: of one type.
        groups: of channels; in depthwise layers the output channels for each input channel.
        is_depthwise: nothing is gathered.
        step: elements of a patch are padded to a multiple of this.
    """

    source: Tensor
    output: Tensor
    window: Window
    groups: int = 1
    is_depthwise: bool = False
    step: int = 1

    @property
    def taps(self) -> int:
        """Elements of a window in one channel."""
        return self.window.rows.kernel * self.window.columns.kernel

    @property
    def size(self) -> int:
        """Elements of a patch in a group, padded."""
        return -(-self.taps * self.source.shape[3] // self.groups // self.step) * self.step

    @property
    def is_direct(self) -> bool:
        """Whether a patch lies in the input as it is."""
        depth = self.source.shape[3]
        return self.taps == 1 and self.groups == 1 and self.size == depth and not self.is_depthwise

    def fields(self) -> dict[str, Field]:
        """The members of `ek_patch`, in a parameter struct that calls it `shape`."""
        rows, columns = self.window.rows, self.window.columns
        members = {
            "batches": self.source.shape[0],
            "in_height": rows.input, "in_width": columns.input, "in_channels": self.source.shape[3],
            "out_height": rows.output, "out_width": columns.output, "out_channels": self.output.shape[3],
            "kernel_height": rows.kernel, "kernel_width": columns.kernel, "stride_y": rows.stride,
            "stride_x": columns.stride, "dilation_y": rows.dilation, "dilation_x": columns.dilation,
            "pad_top": rows.before, "pad_left": columns.before, "groups": self.groups,
            "is_direct": int(self.is_direct),
        }  # fmt: skip
        return {f"shape.{name}": value for name, value in members.items()}

    def call(self, op: Op, function: str, header: str, fields: Mapping[str, Field]) -> Call:
        """The call of `function`_rows, for several images of `function`_batched."""
        by_rows = self.source.shape[0] == 1
        return Call(
            op,
            f"{function}_rows" if by_rows else f"{function}_batched",
            header,
            {**self.fields(), **fields},
            inputs=(self.source,),
            outputs=(self.output,),
            scratch_bytes=self._scratch_bytes(),
            ahead=(self._ahead() if by_rows else None,),
            rows=self.window.access() if by_rows else None,
            own=by_rows,
            macs=self.output.size * self.taps * (1 if self.is_depthwise else self.source.shape[3] // self.groups),
        )

    def _scratch_bytes(self) -> int:
        if self.is_depthwise:
            return 0
        return 4 if self.is_direct else self.size * self._element_bytes

    @property
    def _element_bytes(self) -> int:
        return self.source.dtype.bits // 8

    def _ahead(self) -> int:
        """A pixel's inputs are read group by group, or while its outputs are written."""
        inputs, outputs = self.source.shape[3], self.output.shape[3]
        reads_while_writing = self.groups > 1 or self.is_direct or self.is_depthwise
        return self._element_bytes * self.window.ahead_by_pixel(inputs, outputs, reads_while_writing)
