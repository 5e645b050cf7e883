"""What TensorFlow Lite Micro needs to run the model: a C array and the operators to register."""

from __future__ import annotations

import numpy as np

from edgekit.bundle.packed import PackJob, Part, in_folder, sentence
from edgekit.codegen.call import Rounding
from edgekit.core.errors import MissingError, ModelError
from edgekit.core.files import sha256_bytes
from edgekit.core.units import format_bytes
from edgekit.graph.model import Model
from edgekit.runtime.tflm import TflmRun, run_tflm

FOLDER = "tflm"
_TITLE = "TensorFlow Lite Micro"
_BYTES_PER_LINE = 16
# The methods of MicroMutableOpResolver are the operators' names in camel case, but for these.
# Source: tflite-micro, tensorflow/lite/micro/micro_mutable_op_resolver.h
_IRREGULAR = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


def pack_tflm(job: PackJob) -> Part:
    """The model as an array, the operators to register, the arena's size and a minimal program."""
    found, notes = _tried(job)
    files = {
        "model.h": header(job.data),
        "model.c": array(job.data),
        "op_resolver.h": op_resolver(operators(job.model)),
        "arena.h": arena_header(found),
        "main.cc": _MAIN,
    }
    texts = {name: text.encode() for name, text in files.items()}
    return Part(FOLDER, _TITLE, in_folder(FOLDER, texts), _record(job, found), _facts(job, found), notes)


def _tried(job: PackJob) -> tuple[TflmRun | None, tuple[str, ...]]:
    """What TFLM needs for the model and gives for the golden samples, or the sentence on why that is not known."""
    try:
        return run_tflm(job.data, job.inputs), ()
    except (MissingError, ModelError) as error:
        return None, (f"The size of TFLM's arena is not known: {sentence(error)}",)


def _record(job: PackJob, found: TflmRun | None) -> dict[str, object]:
    if found is None:
        return {}
    record: dict[str, object] = {"arena_bytes": found.arena_bytes, "tflite_micro": found.version}
    return {**record, "samples": len(found.outputs[0]), "worst": _worst(job, found)} if found.outputs else record


def _facts(job: PackJob, found: TflmRun | None) -> tuple[tuple[str, str], ...]:
    if found is None:
        return ()
    arena = ("arena", f"{format_bytes(found.arena_bytes)} at most, with its reference kernels (found on x86-64)")
    if not found.outputs:
        return (arena,)
    worst, count = _worst(job, found), len(found.outputs[0])
    unit = " steps" if all(array.dtype.kind in "iu" for array in job.outputs) else ""
    words = f"up to {worst:.3g}{unit} from the {count} golden samples" if worst else f"equal to {count} golden samples"
    if worst and job.rounding is Rounding.LITERT and _rounds_twice(job.model):
        words += ": its FULLY_CONNECTED rounds twice (--rounding tflm makes samples and C that do)"
    return (arena, ("outputs", words))


def _rounds_twice(model: Model) -> bool:
    """Whether there is a layer that TFLM rounds twice and LiteRT once."""
    dense = (op.inputs[0] for op in model.ops() if op.kind == "FULLY_CONNECTED" and op.inputs)
    return any(source is not None and source.is_quantized for source in dense)


def _worst(job: PackJob, found: TflmRun) -> float:
    """The largest difference of TFLM's outputs from the golden ones; infinite where they cannot be compared."""
    if [array.size for array in job.outputs] != [array.size for array in found.outputs]:
        return float("inf")
    pairs = zip(job.outputs, found.outputs, strict=True)
    worst = (np.max(np.abs(a.astype(np.float64) - b.reshape(a.shape)), initial=0.0) for a, b in pairs)
    return float(np.nan_to_num(max(worst, default=0.0), nan=np.inf, posinf=np.inf))


def operators(model: Model) -> tuple[str, ...]:
    """The builtin operators that the model uses, in all its graphs, each once, sorted. Custom ones are not in it."""
    return tuple(sorted({op.kind for op in model.ops()} - {"CUSTOM"}))


def header(model: bytes, name: str = "edgekit_model") -> str:
    """The declaration of the array `name`."""
    guard = name.upper()
    return (
        "/* The model as a constant, SHA-256 " + sha256_bytes(model) + " */\n"
        f"#ifndef {guard}_H\n#define {guard}_H\n\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f"#define {guard}_SIZE {len(model)}u\n"
        f"extern const unsigned char {name}[{guard}_SIZE];\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def array(model: bytes, name: str = "edgekit_model", header_name: str = "model.h") -> str:
    """The array `name`, aligned to 16 bytes: TFLM reads weights in place, and the format promises that alignment."""
    lines = [model[i : i + _BYTES_PER_LINE] for i in range(0, len(model), _BYTES_PER_LINE)]
    body = "\n".join(f"    0x{line.hex(' ').replace(' ', ', 0x')}," for line in lines)
    return (
        f'#include "{header_name}"\n\n#include <stdalign.h>\n\n'
        f"alignas(16) const unsigned char {name}[{name.upper()}_SIZE] = {{\n{body}\n}};\n"
    )


def arena_header(found: TflmRun | None) -> str:
    """How large the arena is, or an error of the compiler where nobody knows."""
    guard = "#ifndef EDGEKIT_ARENA_BYTES\n{}#endif\n"
    if found is None:
        words = "tflite-micro was not installed, or refused the model, when this was made: define EDGEKIT_ARENA_BYTES"
        return guard.format(f'#error "{words}"\n')
    text = _ARENA_COMMENT.format(version=found.version)
    return text + guard.format(f"#define EDGEKIT_ARENA_BYTES {found.arena_bytes}u\n")


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


_ARENA_COMMENT = """\
/* The least arena with which TensorFlow Lite Micro ({version}) set this model up and ran it, to 16 bytes: its reference
 * kernels on x86-64. A microcontroller's pointers are half as wide, so its reference kernels need less than this.
 * Optimized kernels ask for scratch memory of their own: CMSIS-NN's on a Cortex-M4 or M7 stayed below this number on
 * all of MLPerf Tiny, on a Cortex-M55 they went up to 5 KiB beyond it. AllocateTensors() tells when it is too small.
 */
"""

_MAIN = """\
/* Runs the model once with TensorFlow Lite Micro. To check a port, copy an input of the bundle's golden.npz into the
 * input tensor and compare the output tensor with the output beside it; c/examples/golden.h has the first as C arrays.
 */
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "model.h"
#include "op_resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {
alignas(16) uint8_t arena[EDGEKIT_ARENA_BYTES];
}

int main() {
    tflite::InitializeTarget();
    const tflite::Model* model = tflite::GetModel(edgekit_model);
    if (model->version() != TFLITE_SCHEMA_VERSION) return 1;

    static tflite::MicroMutableOpResolver<kEdgekitOpCount> resolver;
    if (EdgekitAddOps(resolver) != kTfLiteOk) return 2;

    static tflite::MicroInterpreter interpreter(model, resolver, arena, sizeof(arena));
    if (interpreter.AllocateTensors() != kTfLiteOk) return 3;

    TfLiteTensor* input = interpreter.input(0);
    memset(input->data.raw, 0, input->bytes);
    if (interpreter.Invoke() != kTfLiteOk) return 4;

    const TfLiteTensor* output = interpreter.output(0);
    return output->data.raw != nullptr ? 0 : 5;
}
"""
