"""Generated C whose tensors are watched one by one, where AddressSanitizer by itself sees a single arena.

Each block gets a place apart, but for outputs, which lie over their inputs exactly as far as the kernels allow: a kernel
that reads too late what it has written over computes something else. While a layer runs, all of the arena is poisoned
that is not its inputs, outputs, states, scratch or line buffers.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.generate import Generated, generate
from edgekit.codegen.plan.demand import Demand, Layout, layout_of, round_up
from edgekit.codegen.plan.place import Placement
from edgekit.codegen.plan.plan import Plan
from edgekit.graph.codec import read
from tests.unit.codegen.host import SANITIZERS, WARNINGS

_GAP_BYTES, _BASE_BYTES = 64, 16

_MAIN = """\
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include "ek_model.c"

typedef struct {{ uint32_t layer, offset, bytes; }} region;
static const region regions[] = {{{regions}{{~0u, 0, 0}}}};

void ek_layer_hook(uint32_t layer, uint32_t is_end) {{
    if (is_end) {{
        ASAN_UNPOISON_MEMORY_REGION(ek_arena.bytes, sizeof ek_arena.bytes);
        return;
    }}
    ASAN_POISON_MEMORY_REGION(ek_arena.bytes, sizeof ek_arena.bytes);
    for (const region *r = regions; r->layer != ~0u; r++) {{
        if (r->layer == layer) ASAN_UNPOISON_MEMORY_REGION(ek_arena.bytes + r->offset, r->bytes);
    }}
}}

int main(void) {{
    ek_model_init();
    for (;;) {{
        for (uint32_t i = 0; i < EK_MODEL_INPUTS; i++) {{
            const ek_tensor *t = ek_model_input(i);
            if (fread(t->data, 1, t->bytes, stdin) != t->bytes) return 0;
        }}
        ek_model_run();
        for (uint32_t i = 0; i < EK_MODEL_OUTPUTS; i++) {{
            const ek_tensor *t = ek_model_output(i);
            if (fwrite(t->data, 1, t->bytes, stdout) != t->bytes) return 1;
        }}
    }}
}}
"""


def guarded(model: bytes, settings: Settings, folder: Path, compiler: str = "gcc", grain: int = 4) -> Path:
    """A program that runs the model and stops at the first byte outside of a layer's own.

    `grain` is 1 where all tensors are of bytes: then outputs lie over inputs to the byte.
    """
    with _placed_tight(grain):
        made = generate(read(model), settings)
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    (folder / "main.c").write_text(_MAIN.format(regions="".join(_regions(made))))
    words = [compiler, *WARNINGS, *SANITIZERS, "-O1", "-DEK_LAYER_HOOK", "-o", folder / "program", folder / "main.c"]
    done = subprocess.run([*map(str, words), "-lm"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder / "program"


@contextmanager
def _placed_tight(grain: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgekit.codegen.plan.plan.place", lambda demand, *_: Placement(_tight(demand, grain), 0))
        yield


def _tight(demand: Demand, grain: int) -> Layout:
    """Every block apart; an input over which an output may be written starts exactly `ahead` above it."""
    offsets = [-1] * len(demand.blocks)
    top = 0
    for over in demand.overs:
        if offsets[over.high] >= 0 or offsets[over.low] >= 0:
            continue
        offsets[over.low], offsets[over.high] = top, top + round_up(over.ahead, grain)
        top = max(offsets[i] + demand.blocks[i].nbytes for i in (over.low, over.high))
        top = round_up(top + _GAP_BYTES, _BASE_BYTES)
    for i, block in enumerate(demand.blocks):
        if offsets[i] < 0:
            offsets[i] = top
            top = round_up(top + block.nbytes + _GAP_BYTES, _BASE_BYTES)
    return layout_of(demand, tuple(offsets))


def _regions(made: Generated) -> Iterator[str]:
    for number, call in enumerate(made.plan.calls):
        for offset, nbytes in _of(call, made.plan):
            yield f"{{{number}u, {offset}u, {nbytes}u}}, "


def _of(call: Call, plan: Plan) -> Iterator[tuple[int, int]]:
    lines = {
        lines.tensor: (offset, lines.nbytes)
        for placed in plan.streams if call in placed.stream.calls
        for lines, offset in zip(placed.stream.lines, placed.offsets, strict=True)
    }  # fmt: skip
    for tensor in (*call.inputs, *call.outputs, *call.states):
        yield lines[tensor] if tensor in lines else (plan.offsets[tensor], tensor.nbytes)
    if call.scratch_bytes:
        yield plan.scratch[call], call.scratch_bytes
