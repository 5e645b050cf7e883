from __future__ import annotations

import subprocess
from importlib.resources import files
from pathlib import Path

from tests.unit.codegen.host import WARNINGS

_STEP = 1009
"""Every 1009th of all 2^32 float32 numbers, infinities and what is no number among them."""

_MAIN = """\
#include <math.h>
#include <stdio.h>

#include "ek_math_f32.h"

static double ulps(float got, double exact) {
    const float wanted = (float)exact;
    if (isnan(exact) || isinf(wanted)) return (isnan(exact) ? isnan(got) : got == wanted) ? 0.0 : 1e9;
    return fabs((double)got - exact) / ((double)nextafterf(fabsf(wanted), INFINITY) - fabs((double)wanted));
}

static double worst[4];

static void note(int function, float got, double exact) { worst[function] = fmax(worst[function], ulps(got, exact)); }

int main(void) {
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STEP) {
        const float x = ek_from_bits_f32((uint32_t)bits);
        note(0, ek_exp_f32(x), exp((double)x));
        note(1, ek_expm1_f32(x), expm1((double)x));
        note(2, ek_tanh_f32(x), tanh((double)x));
        if (!(x < -9.0f)) note(3, ek_logistic_f32(x), 1.0 / (1.0 + exp(-(double)x)));
    }
    printf("%g %g %g %g", worst[0], worst[1], worst[2], worst[3]);
    return 0;
}
"""


def test_errors_are_below_what_the_header_states(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(_MAIN)
    folder = files("edgekit.codegen") / "csource"
    flags = [*WARNINGS, "-O2", "-fsanitize=undefined,float-cast-overflow", "-fno-sanitize-recover=all"]
    command = ["gcc", *flags, f"-DSTEP={_STEP}", f"-I{folder}", "-o", tmp_path / "program", tmp_path / "main.c", "-lm"]
    subprocess.run([str(word) for word in command], check=True, timeout=120)
    done = subprocess.run([str(tmp_path / "program")], check=True, capture_output=True, text=True, timeout=120)
    exp, expm1, tanh, logistic = (float(word) for word in done.stdout.split())
    assert exp < 1.1
    assert expm1 < 2
    assert tanh < 3
    assert logistic < 3
