"""A file, built with the schema's own objects, that holds a value in every field of the schema's inner tables."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def made(table: str, **fields: Any) -> Any:
    """An object of the schema with these fields."""
    result = getattr(schema, f"{table}T")()
    for name, value in fields.items():
        assert hasattr(result, name), f"{table} has no {name}"
        setattr(result, name, value)
    return result


def every_field() -> bytes:
    """The bytes: two graphs, two versions of one operator, shared and unused buffers, all kinds of quantization."""
    model = made(
        "Model", version=3, description=b"all", operatorCodes=_codes(), subgraphs=[_main(), _callee()],
        buffers=[made("Buffer"), made("Buffer", data=_u8(b"weights!" * 2)), made("Buffer", data=_u8(b"unused")),
                 made("Buffer", data=_u8(b"")), made("Buffer", data=_u8(b"meta"))],
        metadataBuffer=_i32(4, 2), metadata=[made("Metadata", name=b"min_runtime_version", buffer=4)],
        signatureDefs=[_signature()], externalBufferGroups=[made("ExternalBufferGroup", name=b"side.bin")],
        externalBuffers=[made("ExternalBuffer", id=5, group=0, offset=64, length=16, packing=b"none")],
    )  # fmt: skip
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def normal(value: Any) -> Any:
    """A schema object as plain values, to compare."""
    if isinstance(value, list | np.ndarray):
        return [normal(v) for v in value] if isinstance(value, list) else value.tolist()
    return {k: normal(v) for k, v in vars(value).items()} if hasattr(value, "__dict__") else value


def parsed(data: bytes) -> Any:
    """A file through the schema's own reader, as plain values."""
    return normal(schema.ModelT.InitFromPackedBuf(data))


def _codes() -> list[Any]:
    codes = schema.BuiltinOperator
    return [
        made("OperatorCode", deprecatedBuiltinCode=3, builtinCode=3, version=1),
        made("OperatorCode", deprecatedBuiltinCode=3, builtinCode=0, version=5),
        made(
            "OperatorCode", deprecatedBuiltinCode=codes.CUSTOM, builtinCode=codes.CUSTOM, customCode=b"Mine", version=2
        ),
        made("OperatorCode", deprecatedBuiltinCode=9, builtinCode=9, version=4),
        made("OperatorCode", deprecatedBuiltinCode=127, builtinCode=codes.STABLEHLO_CASE),
        made("OperatorCode", deprecatedBuiltinCode=codes.WHILE, builtinCode=codes.WHILE),
    ]


def _main() -> Any:
    conv = made("Conv2DOptions", strideW=2, strideH=3, fusedActivationFunction=1)
    options, options2 = schema.BuiltinOptions, schema.BuiltinOptions2
    case = made("StablehloCaseOptions", branchSubgraphIndices=_i32(1, 1))
    loop = made("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=1)
    ops = [
        made("Operator", opcodeIndex=0, inputs=_i32(0, 1, -1), outputs=_i32(2), builtinOptions=conv,
             builtinOptionsType=options.Conv2DOptions, debugMetadataIndex=4),
        made("Operator", opcodeIndex=1, inputs=_i32(2, 1), outputs=_i32(3), builtinOptionsType=options.Conv2DOptions),
        made("Operator", opcodeIndex=2, inputs=_i32(3), outputs=_i32(4), customOptions=_u8(b"abc"),
             mutatingVariableInputs=np.array([True]), intermediates=_i32(6)),
        made("Operator", opcodeIndex=4, inputs=_i32(4), outputs=_i32(7), builtinOptions2=case,
             builtinOptions2Type=options2.StablehloCaseOptions),
        made("Operator", opcodeIndex=5, inputs=_i32(7), outputs=_i32(8), builtinOptions=loop,
             builtinOptionsType=options.WhileOptions),
    ]  # fmt: skip
    return made("SubGraph", name=b"main", tensors=_tensors(), inputs=_i32(0), outputs=_i32(8), operators=ops,
                debugMetadataIndex=6)  # fmt: skip


def _tensors() -> list[Any]:
    details = schema.QuantizationDetails
    block = made("BlockwiseQuantization", scales=5, zeroPoints=0, blockSize=4)
    quantized = made(
        "QuantizationParameters", min=_f32(-1), max=_f32(1), scale=_f32(0.5, 0.25), zeroPoint=np.array([1, 2], np.int64),
        quantizedDimension=1,
    )  # fmt: skip
    blockwise = made("QuantizationParameters", detailsType=details.BlockwiseQuantization, details=block)
    custom = made("QuantizationParameters", detailsType=details.CustomQuantization,
                  details=made("CustomQuantization", custom=_u8(b"q")))  # fmt: skip
    variant = made("VariantSubType", shape=_i32(1, 2), type=2, hasRank=True)
    return [
        _tensor("x", 0, shapeSignature=_i32(-1, 4), hasRank=True),
        _tensor("shared", 1, type=9, quantization=blockwise, sparsity=_sparsity()),
        _tensor("shared again", 1, quantization=quantized),
        _tensor("state", 0, isVariable=True, quantization=custom),
        _tensor("variants", 0, variantTensors=[variant], externalBuffer=5),
        _tensor("scales", 3, quantization=made("QuantizationParameters")),
        _tensor("alone", 0),
        made("Tensor", buffer=0),
        _tensor("\udcff not utf-8", 0, shape=_i32()),
    ]


def _tensor(name: str, buffer: int, **fields: Any) -> Any:
    return made(
        "Tensor", **{"name": name.encode("utf-8", "surrogateescape"), "shape": _i32(1, 4), "buffer": buffer, **fields}
    )


def _sparsity() -> Any:
    indices = made("Uint8Vector", values=_u8(b"\0\1"))
    dimensions = [
        made("DimensionMetadata", format=0, denseSize=1),
        made("DimensionMetadata", format=1, arraySegmentsType=3, arraySegments=indices, arrayIndicesType=3,
             arrayIndices=indices),
    ]  # fmt: skip
    return made("SparsityParameters", traversalOrder=_i32(0, 1), blockMap=_i32(0), dimMetadata=dimensions)


def _callee() -> Any:
    return made("SubGraph", name=b"callee", tensors=[_tensor("c", 0)], inputs=_i32(0), outputs=_i32(0), operators=[])


def _signature() -> Any:
    ends = [[made("TensorMap", name=name, tensorIndex=i)] for name, i in ((b"in", 0), (b"out", 8))]
    return made("SignatureDef", signatureKey=b"serve", subgraphIndex=0, inputs=ends[0], outputs=ends[1])


def _i32(*values: int) -> Any:
    return np.array(values, np.int32)


def _f32(*values: float) -> Any:
    return np.array(values, np.float32)


def _u8(data: bytes) -> Any:
    return np.frombuffer(data, np.uint8)
