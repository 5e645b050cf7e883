"""Models of one operator each, for asking a real runtime which types its kernels take."""

from __future__ import annotations

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {
    "float32": (schema.TensorType.FLOAT32, np.float32),
    "float16": (schema.TensorType.FLOAT16, np.float16),
    "int8": (schema.TensorType.INT8, np.int8),
    "uint8": (schema.TensorType.UINT8, np.uint8),
    "int16": (schema.TensorType.INT16, np.int16),
    "int32": (schema.TensorType.INT32, np.int32),
    "int64": (schema.TensorType.INT64, np.int64),
    "bool": (schema.TensorType.BOOL, np.bool_),
    "int4": (schema.TensorType.INT4, np.int8),
}
QUANTIZED = ("int8", "uint8", "int16", "int4")
_FULL_SCALE = {  # outputs whose scale the kernels prescribe
    "SOFTMAX": {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)},
    "LOGISTIC": {"int8": (1 / 256, -128), "uint8": (1 / 256, 0), "int16": (1 / 32768, 0)},
    "TANH": {"int8": (1 / 128, 0), "uint8": (1 / 128, 128), "int16": (1 / 32768, 0)},
    "L2_NORMALIZATION": {"int8": (1 / 128, 0), "uint8": (1 / 128, 128)},
    "LOG_SOFTMAX": {"int8": (16 / 256, 127), "uint8": (16 / 256, 255)},
}


@dataclass(frozen=True, slots=True)
class Arg:
    """A tensor of the model: `kind` is `act` (the activation's type), `weights`, `bias`, or a fixed type's name."""

    shape: tuple[int, ...]
    kind: str = "act"
    values: tuple[float, ...] | None = None  # a constant; weights and bias are always constant


@dataclass(frozen=True, slots=True)
class Spec:
    """One operator: its inputs, its outputs, its options and a constructor for them."""

    inputs: tuple[Arg, ...]
    outputs: tuple[Arg, ...]
    options: tuple[tuple[str, object], ...] = ()
    options_type: str = ""
    extra: tuple[str, ...] = field(default=())


A = Arg((1, 4, 4, 4))
V = Arg((1, 4))


def _ints(*values: int) -> Arg:
    return Arg((len(values),), "int32", values)


def _scalar(value: int) -> Arg:
    return Arg((), "int32", (value,))


def _unary(*options: tuple[str, object], of: str = "") -> Spec:
    return Spec((A,), (A,), options, of)


def _binary(of: str = "", out: str = "act") -> Spec:
    return Spec((A, A), (Arg(A.shape, out),), (), of)


_POOL = (("padding", 1), ("strideW", 2), ("strideH", 2), ("filterWidth", 2), ("filterHeight", 2))
_STRIDES = (("padding", 0), ("strideW", 1), ("strideH", 1))
_DILATION = (("dilationWFactor", 1), ("dilationHFactor", 1))
_REDUCED = Spec((A, _ints(1, 2)), (Arg((1, 4)),), (), "ReducerOptions")

SPECS = {
    "CONV_2D": Spec(
        (A, Arg((4, 3, 3, 4), "weights"), Arg((4,), "bias")), (A,), (*_STRIDES, *_DILATION), "Conv2DOptions"
    ),
    "DEPTHWISE_CONV_2D": Spec(
        (A, Arg((1, 3, 3, 4), "weights"), Arg((4,), "bias")),
        (A,),
        (*_STRIDES, *_DILATION, ("depthMultiplier", 1)),
        "DepthwiseConv2DOptions",
    ),
    "FULLY_CONNECTED": Spec((V, Arg((4, 4), "weights"), Arg((4,), "bias")), (V,), (), "FullyConnectedOptions"),
    "TRANSPOSE_CONV": Spec(
        (_ints(1, 4, 4, 4), Arg((4, 3, 3, 4), "weights"), A, Arg((4,), "bias")), (A,), _STRIDES, "TransposeConvOptions"
    ),
    "CONV_3D": Spec(
        (Arg((1, 4, 4, 4, 4)), Arg((3, 3, 3, 4, 4), "weights"), Arg((4,), "bias")),
        (Arg((1, 4, 4, 4, 4)),),
        (*_STRIDES, ("strideD", 1), *_DILATION, ("dilationDFactor", 1)),
        "Conv3DOptions",
    ),
    "BATCH_MATMUL": Spec((Arg((1, 4, 4)), Arg((1, 4, 4))), (Arg((1, 4, 4)),), (), "BatchMatMulOptions"),
    "EMBEDDING_LOOKUP": Spec((Arg((2,), "int32", (0, 1)), Arg((4, 4), "weights")), (Arg((2, 4)),)),
    "SVDF": Spec(
        (V, Arg((4, 4), "weights"), Arg((4, 2), "weights"), Arg((4,), "bias"), Arg((1, 8), "state")),
        (V,),
        (("rank", 1),),
        "SVDFOptions",
    ),
    "ADD": _binary("AddOptions"),
    "SUB": _binary("SubOptions"),
    "MUL": _binary("MulOptions"),
    "DIV": _binary("DivOptions"),
    "MAXIMUM": _binary("MaximumMinimumOptions"),
    "MINIMUM": _binary("MaximumMinimumOptions"),
    "SQUARED_DIFFERENCE": _binary("SquaredDifferenceOptions"),
    "POW": _binary("PowOptions"),
    "FLOOR_DIV": _binary("FloorDivOptions"),
    "FLOOR_MOD": _binary("FloorModOptions"),
    "ADD_N": _binary("AddNOptions"),
    "ATAN2": _binary(),
    "RIGHT_SHIFT": _binary(),
    "BITWISE_XOR": _binary(),
    "EQUAL": _binary("EqualOptions", "bool"),
    "NOT_EQUAL": _binary("NotEqualOptions", "bool"),
    "LESS": _binary("LessOptions", "bool"),
    "LESS_EQUAL": _binary("LessEqualOptions", "bool"),
    "GREATER": _binary("GreaterOptions", "bool"),
    "GREATER_EQUAL": _binary("GreaterEqualOptions", "bool"),
    "LOGICAL_AND": _binary("LogicalAndOptions"),
    "LOGICAL_OR": _binary("LogicalOrOptions"),
    "LOGICAL_NOT": _unary(of="LogicalNotOptions"),
    "AVERAGE_POOL_2D": Spec((A,), (Arg((1, 2, 2, 4)),), _POOL, "Pool2DOptions"),
    "MAX_POOL_2D": Spec((A,), (Arg((1, 2, 2, 4)),), _POOL, "Pool2DOptions"),
    "L2_POOL_2D": Spec((A,), (Arg((1, 2, 2, 4)),), _POOL, "Pool2DOptions"),
    "RELU": _unary(),
    "RELU6": _unary(),
    "RELU_N1_TO_1": _unary(),
    "RELU_0_TO_1": _unary(),
    "LEAKY_RELU": _unary(("alpha", 0.1), of="LeakyReluOptions"),
    "PRELU": Spec((A, Arg((1, 1, 4), "act", (1, 1, 1, 1))), (A,)),
    "ELU": _unary(),
    "GELU": _unary(of="GeluOptions"),
    "HARD_SWISH": _unary(of="HardSwishOptions"),
    "LOGISTIC": _unary(),
    "TANH": _unary(),
    "SOFTMAX": Spec((V,), (V,), (("beta", 1.0),), "SoftmaxOptions"),
    "LOG_SOFTMAX": Spec((V,), (V,), (), "LogSoftmaxOptions"),
    "L2_NORMALIZATION": _unary(of="L2NormOptions"),
    "LOCAL_RESPONSE_NORMALIZATION": _unary(("radius", 2), of="LocalResponseNormalizationOptions"),
    "ABS": _unary(of="AbsOptions"),
    "NEG": _unary(of="NegOptions"),
    "EXP": _unary(of="ExpOptions"),
    "LOG": _unary(),
    "SIN": _unary(),
    "COS": _unary(of="CosOptions"),
    "SQRT": _unary(),
    "RSQRT": _unary(),
    "SQUARE": _unary(of="SquareOptions"),
    "CEIL": _unary(),
    "FLOOR": _unary(),
    "ROUND": _unary(),
    "SIGN": _unary(),
    "ZEROS_LIKE": _unary(of="ZerosLikeOptions"),
    "CUMSUM": Spec((A, _scalar(1)), (A,), (), "CumsumOptions"),
    "MEAN": _REDUCED,
    "SUM": _REDUCED,
    "REDUCE_MAX": _REDUCED,
    "REDUCE_MIN": _REDUCED,
    "REDUCE_PROD": _REDUCED,
    "REDUCE_ANY": _REDUCED,
    "REDUCE_ALL": _REDUCED,
    "ARG_MAX": Spec((A, _scalar(3)), (Arg((1, 4, 4), "int32"),), (("outputType", 2),), "ArgMaxOptions"),
    "ARG_MIN": Spec((A, _scalar(3)), (Arg((1, 4, 4), "int32"),), (("outputType", 2),), "ArgMinOptions"),
    "TOPK_V2": Spec((V, _scalar(2)), (Arg((1, 2)), Arg((1, 2), "int32")), (), "TopKV2Options"),
    "RESHAPE": Spec((A, _ints(1, 64)), (Arg((1, 64)),), (("newShape", [1, 64]),), "ReshapeOptions"),
    "SQUEEZE": Spec((Arg((1, 1, 1, 4)),), (V,), (("squeezeDims", [1, 2]),), "SqueezeOptions"),
    "EXPAND_DIMS": Spec((V, _scalar(1)), (Arg((1, 1, 4)),), (), "ExpandDimsOptions"),
    "TRANSPOSE": Spec((A, _ints(0, 3, 1, 2)), (A,), (), "TransposeOptions"),
    "CONCATENATION": Spec((A, A), (Arg((1, 4, 4, 8)),), (("axis", 3),), "ConcatenationOptions"),
    "SPLIT": Spec((_scalar(3), A), (Arg((1, 4, 4, 2)),) * 2, (("numSplits", 2),), "SplitOptions"),
    "SPLIT_V": Spec(
        (A, _ints(1, 3), _scalar(3)), (Arg((1, 4, 4, 1)), Arg((1, 4, 4, 3))), (("numSplits", 2),), "SplitVOptions"
    ),
    "SLICE": Spec((A, _ints(0, 0, 0, 0), _ints(1, 2, 2, 4)), (Arg((1, 2, 2, 4)),), (), "SliceOptions"),
    "STRIDED_SLICE": Spec(
        (A, _ints(0, 0, 0, 0), _ints(1, 2, 2, 4), _ints(1, 1, 1, 1)), (Arg((1, 2, 2, 4)),), (), "StridedSliceOptions"
    ),
    "PACK": Spec((V, V), (Arg((1, 2, 4)),), (("valuesCount", 2), ("axis", 1)), "PackOptions"),
    "UNPACK": Spec((Arg((1, 2, 4)),), (V, V), (("num", 2), ("axis", 1)), "UnpackOptions"),
    "PAD": Spec((A, Arg((4, 2), "int32", (0, 0, 1, 1, 1, 1, 0, 0))), (Arg((1, 6, 6, 4)),), (), "PadOptions"),
    "PADV2": Spec(
        (A, Arg((4, 2), "int32", (0, 0, 1, 1, 1, 1, 0, 0)), Arg((), "act", (0,))),
        (Arg((1, 6, 6, 4)),),
        (),
        "PadV2Options",
    ),
    "MIRROR_PAD": Spec(
        (A, Arg((4, 2), "int32", (0, 0, 1, 1, 1, 1, 0, 0))), (Arg((1, 6, 6, 4)),), (), "MirrorPadOptions"
    ),
    "TILE": Spec((A, _ints(1, 2, 1, 1)), (Arg((1, 8, 4, 4)),), (), "TileOptions"),
    "BROADCAST_TO": Spec((V, _ints(2, 4)), (Arg((2, 4)),), (), "BroadcastToOptions"),
    "GATHER": Spec((A, _ints(0, 1)), (Arg((1, 2, 4, 4)),), (("axis", 1),), "GatherOptions"),
    "GATHER_ND": Spec((V, Arg((1, 1), "int32", (0,))), (V,), (), "GatherNdOptions"),
    "REVERSE_V2": Spec((A, _ints(1)), (A,), (), "ReverseV2Options"),
    "SELECT": Spec((Arg(A.shape, "bool"), A, A), (A,), (), "SelectOptions"),
    "SELECT_V2": Spec((Arg(A.shape, "bool"), A, A), (A,), (), "SelectV2Options"),
    "WHERE": Spec((A,), (Arg((-1, 4), "int64"),), (), "WhereOptions"),
    "ONE_HOT": Spec(
        (_ints(0, 1), _scalar(4), Arg((), "act", (1,)), Arg((), "act", (0,))),
        (Arg((2, 4)),),
        (("axis", -1),),
        "OneHotOptions",
    ),
    "FILL": Spec((_ints(1, 4), Arg((), "act")), (V,), (), "FillOptions"),
    "SHAPE": Spec((A,), (Arg((4,), "int32"),), (("outType", 2),), "ShapeOptions"),
    "RESIZE_BILINEAR": Spec((A, _ints(8, 8)), (Arg((1, 8, 8, 4)),), (), "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": Spec((A, _ints(8, 8)), (Arg((1, 8, 8, 4)),), (), "ResizeNearestNeighborOptions"),
    "DEPTH_TO_SPACE": Spec((A,), (Arg((1, 8, 8, 1)),), (("blockSize", 2),), "DepthToSpaceOptions"),
    "SPACE_TO_DEPTH": Spec((A,), (Arg((1, 2, 2, 16)),), (("blockSize", 2),), "SpaceToDepthOptions"),
    "SPACE_TO_BATCH_ND": Spec(
        (A, _ints(2, 2), Arg((2, 2), "int32", (0, 0, 0, 0))), (Arg((4, 2, 2, 4)),), (), "SpaceToBatchNDOptions"
    ),
    "BATCH_TO_SPACE_ND": Spec(
        (Arg((4, 2, 2, 4)), _ints(2, 2), Arg((2, 2), "int32", (0, 0, 0, 0))), (A,), (), "BatchToSpaceNDOptions"
    ),
    "CAST": Spec((A,), (Arg(A.shape, "float32"),), (), "CastOptions"),
    "QUANTIZE": Spec((Arg(A.shape, "float32"),), (A,), (), "QuantizeOptions"),
    "DEQUANTIZE": Spec((A,), (Arg(A.shape, "float32"),), (), "DequantizeOptions"),
    "DYNAMIC_UPDATE_SLICE": Spec((A, Arg((1, 1, 4, 4)), _ints(0, 1, 0, 0)), (A,)),
}


CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0, "EMBEDDING_LOOKUP": 0}


def build(
    kind: str, activation: str, weights: str | None = None, *, per_channel: bool = False, version: int = 1
) -> bytes:
    """A `.tflite` file with one operator `kind` whose activations and weights have the given types.

    Weights are whole numbers from -7 to 7 times 0.05, with `per_channel` times 0.1 in every second channel; the float
    file has the same values, so that its output is what every other file should give within its own step.
    """
    return _Builder(kind, activation, weights or activation, per_channel=per_channel).build(version)


class _Builder:
    def __init__(self, kind: str, activation: str, weights: str, *, per_channel: bool) -> None:
        self.kind, self.activation, self.weights = kind, activation, weights
        self.per_channel = per_channel
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.subgraphs, self.model.buffers = 3, [self.graph], [schema.BufferT()]
        self.graph.tensors, self.graph.inputs = [], []

    def build(self, version: int) -> bytes:
        spec, op, code = SPECS[self.kind], schema.OperatorT(), schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, self.kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        op.inputs = [self._tensor(arg, is_input=True) for arg in spec.inputs]
        op.outputs = self.graph.outputs = [self._tensor(arg, is_input=False) for arg in spec.outputs]
        self._options(op, spec)
        self.model.operatorCodes, self.graph.operators = [code], [op]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _options(self, op: schema.OperatorT, spec: Spec) -> None:
        if not spec.options_type:
            return
        op.builtinOptionsType = getattr(schema.BuiltinOptions, spec.options_type)
        op.builtinOptions = getattr(schema, f"{spec.options_type}T")()
        for name, value in spec.options:
            setattr(op.builtinOptions, name, value)

    def _tensor(self, arg: Arg, *, is_input: bool) -> int:
        tensor, index = schema.TensorT(), len(self.graph.tensors)
        dtype = self._dtype(arg.kind)
        tensor.name, tensor.shape, tensor.type = f"t{index}".encode(), list(arg.shape), TYPES[dtype][0]
        tensor.isVariable = arg.kind == "state"
        if dtype in QUANTIZED or (arg.kind == "bias" and dtype != "float32"):
            tensor.quantization = self._quantization(arg, dtype, is_input=is_input)
        constant = arg.values is not None or arg.kind in {"weights", "bias"}
        tensor.buffer = self._buffer(arg, dtype) if constant else 0
        if is_input and not constant and not tensor.isVariable:
            self.graph.inputs.append(index)
        self.graph.tensors.append(tensor)
        return index

    def _dtype(self, kind: str) -> str:
        if kind in {"act", "state"}:
            return self.activation
        if kind == "weights":
            return self.weights
        if kind == "bias":
            return {"float32": "float32", "int16": "int64"}.get(self.activation, "int32")
        return kind

    def _quantization(self, arg: Arg, dtype: str, *, is_input: bool) -> schema.QuantizationParametersT:
        scale, zero = (0.05, 128 if dtype == "uint8" else 0)
        if not is_input:
            scale, zero = _FULL_SCALE.get(self.kind, {}).get(dtype, (scale, zero))
        scales = [scale]
        if arg.kind in {"bias", "weights"}:
            scales, zero = self._weight_scales(arg), 128 if dtype == "uint8" else 0
        if arg.kind == "bias":
            scales = [0.05 * scale for scale in scales]
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = scales, [zero] * len(scales)
        quantization.quantizedDimension = 0 if arg.kind == "bias" else CHANNEL_AXIS.get(self.kind, 0)
        return quantization

    def _weight_scales(self, arg: Arg) -> list[float]:
        if not self.per_channel:
            return [0.05]
        axis = 0 if arg.kind == "bias" else CHANNEL_AXIS[self.kind]
        return [(0.05, 0.1)[i % 2] for i in range(arg.shape[axis])]

    def _weight_values(self, arg: Arg, dtype: str) -> np.ndarray:
        """Whole numbers; for a float type times the scale that the integer file has."""
        values = (np.arange(np.prod(arg.shape, dtype=np.int64)) * 7 % 15 - 7).reshape(arg.shape).astype(np.float64)
        if dtype not in {"float32", "float16"}:
            return values + (128 if dtype == "uint8" else 0)
        shape = [1] * len(arg.shape)
        shape[CHANNEL_AXIS.get(self.kind, 0) if self.per_channel else 0] = -1
        return values * np.array(self._weight_scales(arg)).reshape(shape)

    def _buffer(self, arg: Arg, dtype: str) -> int:
        values = np.zeros(arg.shape) if arg.values is None else np.array(arg.values)
        if arg.kind == "weights":
            values = self._weight_values(arg, dtype)
        data = values.astype(TYPES[dtype][1]).ravel()
        if dtype == "int4":
            data = (data[0::2] & 15) | (data[1::2] << 4)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1
