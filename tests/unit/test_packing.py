"""Nothing is shipped that computes something else here than the golden samples say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgekit.bundle.golden import Golden, make_golden, make_tflm_golden
from edgekit.bundle.manifest import GoldenSpec
from edgekit.bundle.mcu import pack_c
from edgekit.bundle.packed import PackJob, Part
from edgekit.codegen.call import Rounding
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.packing import checked
from edgekit.targets.load import load_target
from edgekit.targets.target import RuntimeKind
from tests.tools import package, tool
from tests.unit.verify.small_models import Sample, float_chain, int8_chain

WEIGHTS = np.random.default_rng(0).normal(0, 1, (2, 24, 24))
MODEL = int8_chain((1 / 127, 1 / 30, 1 / 10), *WEIGHTS)
FEEDS = [Sample({"x": np.random.default_rng(i).uniform(-1, 1, (1, 24)).astype(np.float32)}) for i in range(8)]


def packed(rounding: Rounding = Rounding.LITERT) -> tuple[Part, PackJob, tuple[Golden, GoldenSpec]]:
    tool("cc", "sudo apt-get install gcc libc6-dev")
    golden = make_golden(MODEL, float_chain(*WEIGHTS), FEEDS, len(FEEDS))
    if rounding is Rounding.TFLM:
        golden = make_tflm_golden(MODEL, golden[0])
    job = PackJob("m", read(MODEL), MODEL, load_target("nucleo-l4r5zi"), rounding=rounding, golden=golden[0])
    return pack_c(job), job, golden


def test_c_that_computes_the_golden_outputs_is_marked_so() -> None:
    part, job, golden = packed()
    found = checked(part, job, golden)
    assert found.files == part.files
    assert found.record["host_check"] | {"compiler": ""} == {
        "state": "passed", "samples": 8, "worst": 0.0, "compiler": "",
    }  # fmt: skip
    assert found.facts[-1][1].startswith("bit-exact on 8 golden samples, compiled by ")


def test_c_with_one_value_that_is_off_is_left_out_and_the_build_fails() -> None:
    part, job, (golden, spec) = packed()
    wrong = golden.outputs["layer1"].copy()
    wrong[3, 0, 5] ^= 1
    altered = dataclasses.replace(golden, outputs={"layer1": wrong})
    found = checked(part, job, (altered, spec))
    start = "the C for nucleo-l4r5zi, run on this machine, computes something else: sample 3, output layer1[0, 5] is "
    assert isinstance(found.error, ModelError) and found.error.message.startswith(start)
    assert found.files == {} and found.record == {}
    assert found.notes == (f"The bundle has no c/: {found.error.message}",)
    only_c = dataclasses.replace(job, target=dataclasses.replace(job.target, runtime=RuntimeKind.C))
    with pytest.raises(ModelError, match="computes something else"):
        checked(part, only_c, (altered, spec))


def test_c_that_does_not_compile_is_left_out() -> None:
    part, job, golden = packed()
    broken = dataclasses.replace(part, files={**part.files, "c/ek_model.c": b"int main;\n"})
    found = checked(broken, job, golden)
    assert found.files == {} and found.error is not None
    assert "the generated C" in found.error.message


def test_without_golden_samples_it_is_not_checked() -> None:
    part, job, _ = packed()
    assert checked(part, job, None).record["host_check"] == {"state": "not checked on this machine"}


def test_c_that_rounds_as_tflm_does_gives_tflms_outputs() -> None:
    package("tflite_micro", "tflm")
    part, job, golden = packed(Rounding.TFLM)
    assert golden[1].kernels == "tflm"
    assert checked(part, job, golden).record["host_check"]["worst"] == 0.0
    once, _, _ = packed()
    assert not np.array_equal(golden[0].outputs["layer1"], make_golden(MODEL, None, FEEDS, 8)[0].outputs["layer1"])
    twice = checked(once, job, golden).error
    assert twice is not None and "computes something else" in twice.message
