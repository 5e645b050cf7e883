"""What TensorFlow Lite Micro needs to run the model: a C array and the operators to register."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.core.files import sha256_bytes
from edgekit.graph.codec import read

_BYTES_PER_LINE = 16
# The methods of MicroMutableOpResolver are the operators' names in camel case, but for these.
# Source: tflite-micro, tensorflow/lite/micro/micro_mutable_op_resolver.h
_IRREGULAR = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


def pack_tflm(model: bytes) -> Mapping[str, bytes]:
    """`tflm/model.c`, `model.h` and `op_resolver.h`, as plain text that depends on the model alone."""
    sources = {
        "model.h": header(model),
        "model.c": array(model),
        "op_resolver.h": op_resolver(operators(model)),
    }
    return {f"tflm/{name}": text.encode() for name, text in sources.items()}


def operators(model: bytes) -> tuple[str, ...]:
    """The builtin operators that the model uses, in all its graphs, each once, sorted. Custom ones are not in it."""
    return tuple(sorted({op.kind for graph in read(model).graphs for op in graph.ops} - {"CUSTOM"}))


def header(model: bytes) -> str:
    """The declaration of the array."""
    return (
        "/* The model as a constant, SHA-256 " + sha256_bytes(model) + " */\n"
        "#ifndef EDGEKIT_MODEL_H\n#define EDGEKIT_MODEL_H\n\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f"#define EDGEKIT_MODEL_SIZE {len(model)}u\n"
        "extern const unsigned char edgekit_model[EDGEKIT_MODEL_SIZE];\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def array(model: bytes) -> str:
    """The array, aligned to 16 bytes: TFLM reads weights in place, and the format promises that alignment."""
    lines = [model[i : i + _BYTES_PER_LINE] for i in range(0, len(model), _BYTES_PER_LINE)]
    body = "\n".join("    " + " ".join(f"0x{byte:02x}," for byte in line) for line in lines)
    return (
        '#include "model.h"\n\n#include <stdalign.h>\n\n'
        f"alignas(16) const unsigned char edgekit_model[EDGEKIT_MODEL_SIZE] = {{\n{body}\n}};\n"
    )


def op_resolver(kinds: tuple[str, ...]) -> str:
    """A C++ function that registers these operators and no other, so that no other is linked.

    >>> "resolver.AddConv2D()" in op_resolver(("CONV_2D",))
    True
    """
    calls = "".join(f"    if (status == kTfLiteOk) status = resolver.{method(kind)}();\n" for kind in kinds)
    listed = "".join(f" *   {kind}\n" for kind in kinds)
    return (
        f"/* The operators of the model:\n{listed} */\n"
        "#ifndef EDGEKIT_OP_RESOLVER_H\n#define EDGEKIT_OP_RESOLVER_H\n\n"
        '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n\n'
        f"constexpr unsigned int kEdgekitOpCount = {max(1, len(kinds))};\n\n"
        "inline TfLiteStatus EdgekitAddOps(tflite::MicroMutableOpResolver<kEdgekitOpCount>& resolver) {\n"
        "    TfLiteStatus status = kTfLiteOk;\n"
        f"{calls}    return status;\n}}\n\n#endif\n"
    )


def method(kind: str) -> str:
    """The resolver's method that registers an operator.

    >>> method("DEPTHWISE_CONV_2D"), method("PADV2")
    ('AddDepthwiseConv2D', 'AddPadV2')
    """
    return "Add" + (_IRREGULAR.get(kind) or "".join(word.title() for word in kind.split("_")))
