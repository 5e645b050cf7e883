"""What each runtime's kernels take: operators, versions, types, ranks, and where they compute wrongly.

Every table says beside it where it comes from. Nothing here knows a model: `rules.py` asks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.graph.types import DType
from edgekit.targets import kernel_rows, kernel_rows_more
from edgekit.targets.target import RuntimeKind

_SHORT = {
    "f32": DType.FLOAT32,
    "f16": DType.FLOAT16,
    "i4": DType.INT4,
    "i8": DType.INT8,
    "u8": DType.UINT8,
    "i16": DType.INT16,
    "i32": DType.INT32,
    "i64": DType.INT64,
    "b": DType.BOOL,
}


@dataclass(frozen=True, slots=True)
class Types:
    """The type of an operator's activations and of its weights; equal where it has no weights of their own type."""

    activation: DType
    weights: DType

    @property
    def were_probed(self) -> bool:
        """Whether the probes asked for these types at all."""
        return {self.activation, self.weights} <= set(_SHORT.values())

    def __str__(self) -> str:
        if self.activation is self.weights:
            return self.activation.label
        return f"{self.activation.label} activations with {self.weights.label} weights"


@dataclass(frozen=True, slots=True)
class Kernel:
    """One operator of a runtime; `version` is the highest it reads (None: ignored), `types` None: not tested."""

    kind: str
    version: int | None
    types: frozenset[Types] | None

    def takes(self, types: Types) -> bool:
        """Whether the kernel runs with `types`; a kernel or a type that was not tested is taken to."""
        return self.types is None or types in self.types or not types.were_probed


@functools.cache
def kernels(runtime: RuntimeKind) -> Mapping[str, Kernel]:
    """The kernels of a runtime by operator kind."""
    return _parse(_ROWS[runtime])


@functools.cache
def xnnpack() -> Mapping[str, Kernel]:
    """The operators that XNNPACK takes over in LiteRT."""
    return _parse(kernel_rows_more.XNNPACK)


def _parse(rows: str) -> dict[str, Kernel]:
    return {kernel.kind: kernel for kernel in map(_row, rows.strip().splitlines())}


def _row(line: str) -> Kernel:
    head, _, types = line.partition(":")
    kind, _, version = head.partition(" ")
    names = types.split()
    known = None if names == ["*"] else frozenset(map(_types, names))
    return Kernel(kind, int(version) if version else None, known)


def _types(text: str) -> Types:
    activation, _, weights = text.partition("/")
    return Types(_SHORT[activation], _SHORT[weights or activation])


_ROWS = {
    RuntimeKind.LITERT: kernel_rows.LITERT,
    RuntimeKind.TFLITE_RUNTIME: kernel_rows_more.TFLITE_RUNTIME,
    RuntimeKind.TFLM: kernel_rows.TFLM,
    # edgekit's own C generator is not built yet; until it is, its bundles carry a model for TFLite Micro.
    RuntimeKind.C: kernel_rows.TFLM,
}

# Which input is the activation, where it is not the first (the order of inputs in tflite's op documentation).
ACTIVATION_INPUT = {
    "TRANSPOSE_CONV": 2,
    "CONV_3D_TRANSPOSE": 2,
    "SPLIT": 1,
    "SELECT": 1,
    "SELECT_V2": 1,
    "ONE_HOT": 2,
    "FILL": 1,
}
# These are named by what they produce: their input is indices, or a type that they convert from.
ACTIVATION_IS_OUTPUT = frozenset({"EMBEDDING_LOOKUP", "QUANTIZE", "RANGE"})
WEIGHTS_INPUT = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
    "CONV_3D": 1,
    "CONV_3D_TRANSPOSE": 1,
    "BATCH_MATMUL": 1,
    "EMBEDDING_LOOKUP": 1,
    "SVDF": 1,
}
# Where nearly all multiply-accumulates are, so where a slow kernel is felt.
HEAVY = frozenset(WEIGHTS_INPUT) - {"EMBEDDING_LOOKUP"}

_DYNAMIC8, _DYNAMIC4 = Types(DType.FLOAT32, DType.INT8), Types(DType.FLOAT32, DType.INT4)
_INT8, _INT4 = Types(DType.INT8, DType.INT8), Types(DType.INT8, DType.INT4)
_UINT8, _INT16 = Types(DType.UINT8, DType.UINT8), Types(DType.INT16, DType.INT16)

# Probed with one-operator models whose channels have different scales: these are refused by the kernel, or run and give
# wrong values (marked). The per-channel DEQUANTIZE of TFLite Micro is behind the silently wrong weight-only models.
PER_CHANNEL_FAILS: Mapping[RuntimeKind, frozenset[tuple[str, Types]]] = {
    RuntimeKind.LITERT: frozenset(
        {("EMBEDDING_LOOKUP", _INT8), ("EMBEDDING_LOOKUP", _UINT8), ("DEQUANTIZE", _INT16), ("CONV_2D", _UINT8)}
        | {("DEPTHWISE_CONV_2D", _UINT8), ("FULLY_CONNECTED", _UINT8), ("TRANSPOSE_CONV", _UINT8)}
    ),
    RuntimeKind.TFLITE_RUNTIME: frozenset(
        {
            ("FULLY_CONNECTED", _DYNAMIC8),  # wrong
            ("FULLY_CONNECTED", _DYNAMIC4),  # wrong
            ("FULLY_CONNECTED", _INT4),
            ("CONV_2D", _DYNAMIC4),  # not a number
            ("EMBEDDING_LOOKUP", _DYNAMIC8),  # wrong
            ("EMBEDDING_LOOKUP", _INT8),  # wrong
            ("EMBEDDING_LOOKUP", _UINT8),  # wrong
            ("DEQUANTIZE", _INT16),
            ("CONV_2D", _UINT8),
            ("DEPTHWISE_CONV_2D", _UINT8),
            ("FULLY_CONNECTED", _UINT8),
            ("TRANSPOSE_CONV", _UINT8),
        }
    ),
    RuntimeKind.TFLM: frozenset(
        {
            ("DEQUANTIZE", _INT8),  # wrong
            ("DEQUANTIZE", _INT16),  # wrong
            ("FULLY_CONNECTED", _INT4),
            ("EMBEDDING_LOOKUP", _DYNAMIC8),  # wrong
            ("EMBEDDING_LOOKUP", _INT8),  # wrong
        }
    ),
}
# The other way round: hybrid depthwise convolutions are computed per channel only ("failed to prepare" otherwise).
PER_TENSOR_FAILS: Mapping[RuntimeKind, frozenset[tuple[str, Types]]] = {
    RuntimeKind.LITERT: frozenset({("DEPTHWISE_CONV_2D", _DYNAMIC8)}),
    RuntimeKind.TFLITE_RUNTIME: frozenset({("DEPTHWISE_CONV_2D", _DYNAMIC8)}),
    RuntimeKind.TFLM: frozenset(),
}

# The highest rank that runs and is right, probed with rank 4 to 9 in float32 and int8 (the lower counts); the ranks of
# MINIMUM and PADV2 are taken from MAXIMUM and PAD. Operators that are not here took rank 9.
MAX_RANK: Mapping[RuntimeKind, Mapping[str, int]] = {
    RuntimeKind.LITERT: {"BATCH_MATMUL": 5, "PAD": 5, "PADV2": 5, "TRANSPOSE": 8},
    RuntimeKind.TFLITE_RUNTIME: {
        "BATCH_MATMUL": 5,
        "PAD": 5,
        "PADV2": 5,
        "SLICE": 5,
        "STRIDED_SLICE": 5,
        "TRANSPOSE": 6,
    },
    RuntimeKind.TFLM: {
        "BATCH_MATMUL": 5,
        "CONCATENATION": 6,
        "PAD": 5,
        "PADV2": 5,
        "SLICE": 5,  # above it the runtime aborts
        "STRIDED_SLICE": 4,
        "TRANSPOSE": 5,
    },
}
# The same for element-wise operators whose inputs differ in shape.
MAX_BROADCAST_RANK: Mapping[RuntimeKind, Mapping[str, int]] = {
    RuntimeKind.LITERT: dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"), 8),
    RuntimeKind.TFLITE_RUNTIME: {"ADD": 6, "SUB": 5, "MUL": 4, "DIV": 6, "MAXIMUM": 5, "MINIMUM": 5},
    RuntimeKind.TFLM: dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"), 7),  # 8 runs and is wrong
}

# Custom operators that come with the runtime: LiteRT's and tflite-runtime's register.cc (AddCustom), and TFLite Micro's
# python_ops_resolver.cc; "ethos-u" is what Vela leaves in a model.
_CUSTOM_OF_LITERT = frozenset({"TFLite_Detection_PostProcess", "NumericVerify", "Mfcc", "AudioSpectrogram"})
CUSTOM_KERNELS: Mapping[RuntimeKind, frozenset[str]] = {
    RuntimeKind.LITERT: _CUSTOM_OF_LITERT,
    RuntimeKind.TFLITE_RUNTIME: _CUSTOM_OF_LITERT,
    RuntimeKind.TFLM: frozenset({"TFLite_Detection_PostProcess", "CIRCULAR_BUFFER", "ethos-u"}),
}

# ethos-u-vela 5.2.0, `vela --supported-ops-report`, table "Ethos-U55 and Ethos-U65 TFLite": its generic constraints
# want 8- or 16-bit quantized feature maps, and its weighted operators "8-bit precision" weights.
ETHOS_U55_KINDS = frozenset(kernel_rows_more.ETHOS_U55.split())
ETHOS_U55_ACTIVATIONS = frozenset({DType.INT8, DType.UINT8, DType.INT16})
ETHOS_U55_WEIGHTS = frozenset({DType.INT8, DType.UINT8})


def table_runtime(runtime: RuntimeKind) -> RuntimeKind:
    """The runtime under which the tables above list `runtime`."""
    return RuntimeKind.TFLM if runtime is RuntimeKind.C else runtime
