"""The generated C compiled and run on this machine: right outputs, and one sentence for each way to fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import MissingError, ModelError
from edgekit.graph.codec import read
from edgekit.runtime.litert import Kernels, LiteRT
from edgekit.verify.host_c import host_compiler, run_on_host
from tests.tools import tool
from tests.unit.verify.small_models import int8_chain

DENSE = int8_chain((1 / 127, 1 / 64, 1 / 32), *np.random.default_rng(0).normal(0, 1, (2, 6, 6)))
MODEL = read(DENSE)
FILES = generate(MODEL, Settings()).files
INPUTS = np.random.default_rng(1).integers(-128, 128, (5, 1, 6)).astype(np.int8)


@pytest.fixture(autouse=True)
def compiler() -> str:
    return tool("cc", "sudo apt-get install gcc libc6-dev")


def test_the_outputs_are_the_reference_kernels() -> None:
    found = run_on_host(FILES, (INPUTS,), MODEL.main.outputs)
    runner = LiteRT(DENSE, kernels=Kernels.REFERENCE)
    expected = np.stack([runner.run({"x": sample})["layer1"] for sample in INPUTS])
    np.testing.assert_array_equal(found.outputs[0], expected)
    assert found.outputs[0].dtype == np.int8
    assert found.compiler


def test_c_that_does_not_compile() -> None:
    broken = {**FILES, "ek_model.c": b'#include "ek_model.h"\nint broken(void) { return undeclared; }\n'}
    with pytest.raises(ModelError, match="the generated C does not compile here: ek_model.c:2:.*undeclared") as caught:
        run_on_host(broken, (INPUTS,), MODEL.main.outputs)
    assert "\n" not in caught.value.message


def test_c_that_crashes() -> None:
    source = FILES["ek_model.c"].replace(
        b"void ek_model_init(void) {", b"void ek_model_init(void) { *(volatile int *)0 = 1;"
    )
    with pytest.raises(ModelError, match="the generated C, compiled for this machine, crashed"):
        run_on_host({**FILES, "ek_model.c": source}, (INPUTS,), MODEL.main.outputs)


def test_c_that_gives_too_little() -> None:
    header = FILES["ek_model.h"].replace(b"EK_MODEL_OUTPUTS 1u", b"EK_MODEL_OUTPUTS 0u")
    with pytest.raises(ModelError, match="gave 0 bytes for 5 samples, not 30"):
        run_on_host({**FILES, "ek_model.h": header}, (INPUTS,), MODEL.main.outputs)


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert host_compiler() is None
    with pytest.raises(MissingError, match="there is no C compiler on this machine"):
        run_on_host(FILES, (INPUTS,), MODEL.main.outputs)


def test_a_compiler_without_its_library_is_none(tmp_path: Path) -> None:
    """As Debian's gcc is without libc6-dev."""
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'main.c:1:10: fatal error: stdio.h: No such file or directory' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(MissingError, match="cannot compile a program that prints"):
        run_on_host(FILES, (INPUTS,), MODEL.main.outputs, str(broken))
