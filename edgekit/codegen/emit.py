"""A planned network as C: `ek_model.h`, which applications include, and `ek_model.c`."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Optimize, Settings
from edgekit.codegen.emit_stream import STREAM_HEADER, emit_stream, streamed_arguments, streamed_parameters
from edgekit.codegen.emit_tensor import C_TYPES, at, c_type
from edgekit.codegen.plan.plan import Plan
from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Tensor
from edgekit.graph.types import DType

_PER_LINE = 16
_LONGEST_NAME = 200
_OWN_FROM_SHARE = 0.08
"""A call with this share of all multiply-accumulates gets a copy of its kernel of its own where speed is the goal."""


def emit_header(graph: Graph, plan: Plan) -> str:
    """`ek_model.h`: the API of a page."""
    return _HEADER.format(
        arena=plan.arena_bytes, inputs=len(graph.inputs), outputs=len(graph.outputs), layers=len(plan.calls)
    )


def emit_source(graph: Graph, plan: Plan, settings: Settings) -> str:
    """`ek_model.c`: constants, the arena, the calls in order."""
    headers = sorted({"ek.h", *(call.header for call in plan.calls), *([STREAM_HEADER] if plan.streams else [])})
    parts = ['#include "ek_model.h"\n', *(f'#include "{header}"\n' for header in headers), "\n"]
    parts += [_constants(number, call) for number, call in enumerate(plan.calls)]
    size = max(plan.arena_bytes, 1)
    parts.append(f"static union {{\n    int64_t aligned;\n    uint8_t bytes[{size}];\n}} ek_arena EK_ALIGNED(16);\n\n")
    total = sum(call.macs for call in plan.calls)
    parts += [_layer(number, call, plan, _is_own(call, settings, total)) for number, call in enumerate(plan.calls)]
    parts.append(_HOOKS)
    parts += [emit_stream(number, placed, plan) for number, placed in enumerate(plan.streams)]
    parts += [_tensors("inputs", graph.inputs, plan), _tensors("outputs", graph.outputs, plan)]
    parts += [_init(plan), _run(plan), _names(plan)]
    return "".join(parts)


def _is_own(call: Call, settings: Settings, total_macs: int) -> bool:
    return call.own and settings.optimize is Optimize.SPEED and call.macs >= _OWN_FROM_SHARE * max(total_macs, 1)


def _constants(number: int, call: Call) -> str:
    """The arrays of a call, and its parameters."""
    arrays = "".join(
        _array(_array_name(number, name), value) for name, value in call.fields.items() if isinstance(value, Constant)
    )
    members = "".join(f"    .{name} = {_value(number, name, value)},\n" for name, value in call.fields.items())
    return f"{arrays}static const {call.function}_params ek_{number} = {{\n{members}}};\n\n"


def _array_name(number: int, field: str) -> str:
    """Of a member's array; members of a struct inside the parameters are "scale.bias"."""
    return f"ek_{number}_{field.replace('.', '_')}"


def _array(name: str, constant: Constant) -> str:
    values = np.asarray(constant.values).reshape(-1)
    ctype = C_TYPES[DType.of(values.dtype)]
    texts = [literal(value) for value in values.tolist()]
    lines = (", ".join(texts[i : i + _PER_LINE]) for i in range(0, len(texts), _PER_LINE))
    body = "".join(f"    {line},\n" for line in lines)
    return f"static const {ctype} {name}[{max(len(texts), 1)}] EK_ALIGNED({constant.align}) = {{\n{body}}};\n"


def literal(value: Any) -> str:
    """A number as C; floats exactly, in hexadecimal.

    >>> literal(0.5), literal(-2147483648)
    ('0x1.0000000000000p-1f', '(-2147483647 - 1)')
    """
    if isinstance(value, float):
        if not np.isfinite(value):
            raise ModelError(f"A constant of the model is {value}, which C has no number for.")
        return value.hex() + "f"
    if value == -(1 << 31):
        return "(-2147483647 - 1)"
    return str(int(value))


def _value(number: int, name: str, value: Field) -> str:
    if isinstance(value, Constant):
        return _array_name(number, name)
    if isinstance(value, tuple):
        return "{" + ", ".join(literal(item) for item in value) + "}"
    return value if isinstance(value, str) else literal(value)


def _layer(number: int, call: Call, plan: Plan, own: bool) -> str:
    """The function that runs a call."""
    function = f"{call.function}_body" if own else call.function
    is_streamed = any(call in placed.stream.calls for placed in plan.streams)
    arguments = ", ".join(streamed_arguments(number, call, plan) if is_streamed else _arguments(number, call, plan))
    parameters = streamed_parameters(call) if is_streamed else "void"
    return f"static void ek_layer_{number}({parameters}) {{\n    {function}({arguments});\n}}\n\n"


def _arguments(number: int, call: Call, plan: Plan) -> list[str]:
    found = [f"&ek_{number}"]
    found += [f"(const {c_type(tensor)} *){at(plan.offsets[tensor])}" for tensor in call.inputs]
    found += [f"({c_type(tensor)} *){at(plan.offsets[tensor])}" for tensor in (*call.outputs, *call.states)]
    if call.rows is not None:
        found.append(f"(ek_rows){{0, 0, {call.outputs[0].shape[1]}}}")
    if call.scratch_bytes:
        found.append(at(plan.scratch[call]))
    return found


def _tensors(what: str, tensors: list[Tensor], plan: Plan) -> str:
    rows = "".join(_tensor(tensor, plan) for tensor in tensors)
    one = what.removesuffix("s")
    return (
        f"static const ek_tensor ek_{what}[] = {{\n{rows}}};\n\n"
        f"const ek_tensor *ek_model_{one}(uint32_t number) {{\n    return &ek_{what}[number];\n}}\n\n"
    )


def _tensor(tensor: Tensor, plan: Plan) -> str:
    c_type(tensor)
    quantization = tensor.quantization if tensor.is_quantized else None
    scale = float(quantization.scale[0]) if quantization else 0.0
    zero_point = int(quantization.zero_point[0]) if quantization else 0
    shape = ", ".join(str(size) for size in tensor.shape) or "1"
    place = at(plan.offsets[tensor])
    return (
        f"    {{{place}, {tensor.nbytes}u, EK_{tensor.dtype.name}, {len(tensor.shape)}u, {{{shape}}}, "
        f"{literal(scale)}, {zero_point}}},\n"
    )


def _init(plan: Plan) -> str:
    """Variable tensors start as zeros of their scale."""
    states = dict.fromkeys(state for call in plan.calls for state in call.states)
    lines = "".join(f"    memset({at(plan.offsets[s])}, {_zero_byte(s)}, {s.nbytes});\n" for s in states)
    return f"void ek_model_init(void) {{\n{lines}}}\n\n"


def _zero_byte(state: Tensor) -> int:
    quantized = state.dtype is DType.INT8 and state.quantization is not None and state.is_quantized
    return int(state.quantization.zero_point[0]) & 0xFF if quantized and state.quantization else 0


def _run(plan: Plan) -> str:
    streamed = {call: number for number, placed in enumerate(plan.streams) for call in placed.stream.calls}
    lines = []
    for number, call in enumerate(plan.calls):
        if call not in streamed:
            lines.append(f"    EK_LAYER_BEGIN({number});\n    ek_layer_{number}();\n    EK_LAYER_END({number});\n")
        elif call is plan.streams[streamed[call]].stream.calls[0]:
            lines.append(f"    ek_stream_{streamed[call]}();\n")
    return f"void ek_model_run(void) {{\n{''.join(lines)}}}\n\n"


def _names(plan: Plan) -> str:
    rows = "".join(f'    "{_c_text(f"{call.op.label} {call.op.name}")}",\n' for call in plan.calls)
    return (
        "#ifdef EK_LAYER_HOOK\nconst char *ek_model_layer_name(uint32_t layer) {\n"
        f"    static const char *const names[] = {{\n{rows or '0'}    }};\n    return names[layer];\n}}\n#endif\n"
    )


def _c_text(text: str) -> str:
    """`text` as it may stand between the quotes of a C string."""
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\?' else "_" for c in text)[:_LONGEST_NAME]


_HOOKS = """\
#ifdef EK_LAYER_HOOK
#define EK_LAYER_BEGIN(layer) ek_layer_hook((layer), 0)
#define EK_LAYER_END(layer) ek_layer_hook((layer), 1)
#else
#define EK_LAYER_BEGIN(layer) ((void)0)
#define EK_LAYER_END(layer) ((void)0)
#endif

"""

_HEADER = """\
/* A network as C: initialise once, write the inputs, run, read the outputs. Not reentrant: there is one arena.
 *
 * With EK_LAYER_HOOK defined the application provides ek_layer_hook(), which is called before and after each layer;
 * layers that take turns, some rows each, begin and end several times in a run.
 */
#ifndef EK_MODEL_H
#define EK_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define EK_MODEL_ARENA_BYTES {arena}u
#define EK_MODEL_INPUTS {inputs}u
#define EK_MODEL_OUTPUTS {outputs}u
#define EK_MODEL_LAYERS {layers}u

typedef enum {{
    EK_INT8,
    EK_UINT8,
    EK_INT16,
    EK_INT32,
    EK_INT64,
    EK_BOOL,
    EK_FLOAT32
}} ek_type;

/* An input or output: real value = scale * (data[i] - zero_point); scale is 0 where the values are themselves. */
typedef struct {{
    void *data;
    uint32_t bytes;
    ek_type type;
    uint32_t rank;
    int32_t shape[8];
    float scale;
    int32_t zero_point;
}} ek_tensor;

/* Sets what the network remembers from run to run to its beginning. */
void ek_model_init(void);

/* Input and output `number`, counted from 0. Inputs may be overwritten by a run, outputs by the next one's inputs. */
const ek_tensor *ek_model_input(uint32_t number);
const ek_tensor *ek_model_output(uint32_t number);

/* One inference. */
void ek_model_run(void);

#ifdef EK_LAYER_HOOK
void ek_layer_hook(uint32_t layer, uint32_t is_end);
const char *ek_model_layer_name(uint32_t layer);
#endif

#ifdef __cplusplus
}}
#endif

#endif
"""
