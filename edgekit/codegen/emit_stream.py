"""Calls that take turns, as C: a table of turns and a loop that hands each layer its rows."""

from __future__ import annotations

from edgekit.codegen.call import Call, Rows
from edgekit.codegen.emit_tensor import at, c_type
from edgekit.codegen.plan.plan import PlacedStream, Plan
from edgekit.codegen.plan.rounds import Round, rounds
from edgekit.codegen.plan.stream import Turn, height

STREAM_HEADER = "ek_stream.h"
_PER_LINE = 16


def streamed_parameters(call: Call) -> str:
    """What the function of a streamed layer takes: its inputs, its output, the rows."""
    inputs = "".join(f"const void *in_{i}, " for i in range(len(call.inputs)))
    return f"{inputs}void *out, ek_rows rows"


def streamed_arguments(number: int, call: Call, plan: Plan) -> list[str]:
    """What it hands to the kernel."""
    found = [f"&ek_{number}"]
    found += [f"(const {c_type(tensor)} *)in_{i}" for i, tensor in enumerate(call.inputs)]
    found += [f"({c_type(call.outputs[0])} *)out", "rows"]
    if call.scratch_bytes:
        found.append(at(plan.scratch[call]))
    return found


def emit_stream(number: int, placed: PlacedStream, plan: Plan) -> str:
    """The tables and the function of a stream."""
    stream = placed.stream
    turns, repeated = rounds(stream.turns)
    first = plan.calls.index(stream.calls[0])
    cases = "".join(_case(i, first + i, placed, plan, f"ek_stream_{number}_calls") for i in range(len(stream.calls)))
    return _STREAM.format(
        number=number,
        calls="".join(f"    {_call(i, placed, plan)},\n" for i in range(len(stream.calls))),
        count=len(stream.calls),
        turns=_turns(turns),
        rounds=", ".join(_round(one) for one in repeated),
        first=first,
        strip=stream.strip,
        cases=cases,
    )


def _call(i: int, placed: PlacedStream, plan: Plan) -> str:
    call = placed.stream.calls[i]
    output, rows = call.outputs[0], call.rows or Rows()
    offset = placed.offsets[i] if i < len(placed.offsets) else plan.offsets[output]
    row_bytes = output.nbytes // height(output)
    return f"{{{at(offset)}, {row_bytes}, {height(output)}, {rows.stride}, {rows.before}}}"


def _turns(turns: list[Turn]) -> str:
    texts = [f"{{{turn.call}, {turn.drop}}}" for turn in turns]
    lines = (", ".join(texts[i : i + _PER_LINE]) for i in range(0, len(texts), _PER_LINE))
    return "".join(f"    {line},\n" for line in lines)


def _round(one: Round) -> str:
    return f"{{{one.first}, {one.end}, {one.times}}}"


def _case(i: int, layer: int, placed: PlacedStream, plan: Plan, calls: str) -> str:
    call = placed.stream.calls[i]
    makers = {made.outputs[0]: k for k, made in enumerate(placed.stream.calls)}
    inputs = ""
    for source in call.inputs:
        if source in makers:
            k = makers[source]
            inputs += f"ek_stream_row(&{calls}[{k}], &state[{k}], rows.in_first), "
        else:
            row_bytes = source.nbytes // height(source)
            inputs += f"&ek_arena.bytes[{plan.offsets[source]} + rows.in_first * {row_bytes}], "
    return f"            case {i}:\n                ek_layer_{layer}({inputs}out, rows);\n                break;\n"


_STREAM = """\
static const ek_stream_call ek_stream_{number}_calls[] = {{
{calls}}};

static const ek_stream_turn ek_stream_{number}_turns[] = {{
{turns}}};

static const ek_stream_round ek_stream_{number}_rounds[] = {{{rounds}}};

static void ek_stream_{number}_turn(ek_stream_turn turn, ek_stream_state *state) {{
    const ek_stream_call *call = &ek_stream_{number}_calls[turn.call];
    const ek_rows rows = ek_stream_next(call, &state[turn.call], turn.drop, {strip});
    uint8_t *out = ek_stream_row(call, &state[turn.call], rows.out_first);
    EK_LAYER_BEGIN({first}u + turn.call);
    switch (turn.call) {{
{cases}            default:
                break;
    }}
    EK_LAYER_END({first}u + turn.call);
}}

static void ek_stream_{number}(void) {{
    ek_stream_state state[{count}] = {{{{0, 0}}}};
    const ek_stream_round *round = ek_stream_{number}_rounds;
    const ek_stream_round *end = round + sizeof ek_stream_{number}_rounds / sizeof *round;
    for (; round < end; round++) {{
        for (uint32_t times = 0; times < round->times; times++) {{
            for (uint32_t i = round->first; i < round->end; i++) {{
                ek_stream_{number}_turn(ek_stream_{number}_turns[i], state);
            }}
        }}
    }}
}}

"""
