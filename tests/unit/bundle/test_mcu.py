"""The folders of a microcontroller's bundle: what is in them, and what is said where something is missing."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

from edgekit.bundle.mcu import pack_c, pack_mcu, sources
from edgekit.bundle.packed import PackJob, Part
from edgekit.codegen.call import Optimize, Rounding
from edgekit.core.errors import MissingError, ModelError
from edgekit.graph.codec import read, write
from edgekit.graph.model import Op
from edgekit.targets.load import load_target
from edgekit.targets.target import RuntimeKind
from tests.small_models import activation, assemble, options, signed
from tests.unit.bundle.content import INTEGER, pack_job


def part_of(job: PackJob, folder: str) -> Part:
    return next(part for part in pack_mcu(job) if part.folder == folder)


def unsupported() -> bytes:
    """x -> an operator that there is no C for."""
    x, y = activation("x", 1, 4), activation("y", 1, 4)
    op = Op("CUMSUM", [x, y], [activation("sum", 1, 4)], options("CumsumOptions"))
    return write(signed(assemble([op], [x, y], op.outputs)))


def control_flow() -> bytes:
    """A model of two graphs."""
    x = activation("x", 1, 4)
    first = assemble([Op("RELU", [x], [activation("y", 1, 4)])], [x], [])
    first.outputs = first.ops[0].outputs
    z = activation("z", 1, 4)
    second = assemble([Op("RELU", [z], [activation("w", 1, 4)])], [z], [], name="other")
    second.outputs = second.ops[0].outputs
    return write(signed(first, second))


def job_of(data: bytes, target: str = "nucleo-l4r5zi") -> PackJob:
    return PackJob("model", read(data), data, load_target(target))


def test_the_c_lies_flat_with_its_wrappings_around_it() -> None:
    part = part_of(pack_job(), "c")
    flat = {path for path in part.files if path.count("/") == 1}
    assert {"c/ek_model.c", "c/ek_model.h", "c/ek.h", "c/README.md", "c/CMakeLists.txt", "c/Makefile"} <= flat
    assert {"c/library.properties", "c/zephyr/module.yml", "c/examples/main.c"} <= set(part.files)
    found = sources((part,))
    assert {"ek_model.c", "ek_model.h", "ek.h"} <= set(found)
    assert all("/" not in name and name.endswith((".c", ".h")) for name in found)


def test_the_manifest_gets_the_numbers_of_the_c() -> None:
    part = part_of(pack_job(), "c")
    record = dict(part.record)
    arena = record.pop("arena")
    assert record == {
        "build": "dsp",
        "optimize": "speed",
        "rounding": "litert",
        "arena_bytes": arena["arena_bytes"],
        "constant_bytes": record["constant_bytes"],
        "macs": 9,
        "layers": 1,
    }
    assert record["constant_bytes"] > 9
    assert arena["arena_bytes"] >= 6 and {block["name"] for block in arena["blocks"]} == {"x", "layer0"}
    assert part.picture is not None and part.picture.steps[0] == "inputs"
    assert dict(part.facts)["MACs"] == "9"


def test_options_reach_the_generator() -> None:
    job = dataclasses.replace(pack_job(), optimize=Optimize.SIZE, rounding=Rounding.TFLM)
    record = part_of(job, "c").record
    assert (record["optimize"], record["rounding"]) == ("size", "tflm")
    assert b".rounds_once = 0" in part_of(job, "c").files["c/ek_model.c"]
    assert b".rounds_once = 1" in part_of(pack_job(), "c").files["c/ek_model.c"]


@pytest.mark.parametrize(
    ("data", "why"),
    [(unsupported(), "CUMSUM"), (control_flow(), "control flow")],
    ids=["operator", "control flow"],
)
def test_a_model_without_c_still_has_a_bundle_that_says_why(data: bytes, why: str) -> None:
    part = pack_c(job_of(data))
    (note,) = part.notes
    assert part.files == {} and part.record == {} and part.error is None
    assert note.startswith("The bundle has no c/: ") and why in note and "\n" not in note


def test_where_c_is_the_targets_runtime_it_is_an_error() -> None:
    job = job_of(unsupported())
    only_c = dataclasses.replace(job, target=dataclasses.replace(job.target, runtime=RuntimeKind.C))
    with pytest.raises(ModelError, match="CUMSUM"):
        pack_c(only_c)


def test_without_tflm_the_bundle_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    part = part_of(pack_job(), "tflm")
    assert part.record == {} and part.error is None
    assert "pip install 'edgekit[tflm]'" in part.notes[0]
    assert b"#error" in part.files["tflm/arena.h"]


def test_without_vela_the_bundle_is_kept_and_the_build_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ethosu", None)
    part = part_of(pack_job(target="corstone-300-u55"), "ethosu")
    assert part.files == {} and isinstance(part.error, MissingError)
    assert part.error.hint == "pip install 'edgekit[vela]'"
    assert "has nothing for the Ethos-U55" in part.notes[0]


def test_only_targets_with_an_npu_have_its_folder() -> None:
    assert [part.folder for part in pack_mcu(pack_job())] == ["tflm", "c"]
    assert [part.folder for part in pack_mcu(pack_job(target="alif-ensemble-e7"))] == ["tflm", "c", "ethosu"]


def test_the_example_has_the_first_golden_sample() -> None:
    job = pack_job()
    assert job.golden is not None
    text = part_of(job, "c").files["c/examples/golden.h"].decode()
    first = np.ascontiguousarray(job.golden.inputs["x"][0]).tobytes()
    assert " ".join(f"0x{byte:02x}," for byte in first) in text
    assert part_of(dataclasses.replace(job, golden=None), "c").files.get("c/examples/golden.h") is None
    assert read(INTEGER).main.inputs[0].nbytes == len(first)
