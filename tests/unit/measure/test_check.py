"""A bundle really runs in a child process, and what goes wrong there is an error of one line here."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekit.bundle.golden import make_golden
from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.progress import Silent
from edgekit.graph.codec import write
from edgekit.graph.types import DType
from edgekit.measure.check import check_bundle, check_open
from edgekit.measure.measurement import Measurement, Nearness
from edgekit.measure.options import CheckOptions
from edgekit.measure.visit import failure
from edgekit.runtime.litert import Kernels
from edgekit.transports.base import RunResult
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import LOCAL, parse_device
from tests.unit.bundle.content import content, without_golden
from tests.unit.compress.small import Builder
from tests.unit.verify.small_models import Sample

QUICK = CheckOptions(runs=20, warmup=2, profile=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    write_bundle(tmp_path / "b", content())
    return open_bundle(tmp_path / "b")


def test_local_measurement(bundle: Bundle) -> None:
    found = check_bundle(bundle, LOCAL, CheckOptions(runs=30, warmup=3), Silent())
    assert (found.device, found.target) == ("local", "board")
    assert (found.latency.count, found.latency.warmup_count) == (30, 3)
    assert 0 < found.latency.min_us <= found.latency.p50_us <= found.latency.p99_us <= found.latency.max_us
    assert found.init_us > 0
    assert found.first_inference_us > 0
    assert found.parity.passed
    assert found.conditions.runtime == "ai-edge-litert"
    assert found.memory is not None
    assert found.profile.operators
    assert Measurement.from_json(found.to_json()) == found


def test_reference_kernels_are_bit_exact_for_an_integer_model(bundle: Bundle) -> None:
    found = check_bundle(bundle, LOCAL, dataclasses.replace(QUICK, kernels=Kernels.REFERENCE), Silent())
    assert (found.parity.passed, found.parity.nearness) == (True, Nearness.EXACT)
    assert found.profile.operators == ()


def test_a_model_with_a_scalar_in_and_out(tmp_path: Path) -> None:
    build = Builder()
    x, s = build.input("x", 1, 3), build.input("s")
    scaled = build.op("MUL", [x, s], "scaled", (1, 3), schema.MulOptionsT())
    axes = build.constant("axes", [0, 1], DType.INT32)
    total = build.op("SUM", [scaled, axes], "total", (), schema.ReducerOptionsT())
    model = write(build.model(scaled, total))
    feeds = [Sample({"x": np.full((1, 3), i, np.float32), "s": np.array(2, np.float32)}) for i in range(3)]
    golden, spec = make_golden(model, None, feeds)
    assert golden.outputs["total"].tolist() == [0, 6, 12]
    write_bundle(tmp_path / "b", dataclasses.replace(content(), model=model, golden=(golden, spec)))
    found = check_bundle(open_bundle(tmp_path / "b"), LOCAL, CheckOptions(runs=5, warmup=0), Silent())
    assert found.parity.passed
    assert found.profile.operators


def test_it_runs_until_the_median_is_known(bundle: Bundle) -> None:
    found = check_bundle(bundle, LOCAL, CheckOptions(profile=False), Silent())
    assert 100 <= found.latency.count <= 1000


def test_a_fast_wrong_answer_fails_and_names_the_output(bundle: Bundle) -> None:
    assert bundle.golden is not None
    wrong = {name: np.bitwise_xor(a, np.int8(64)) for name, a in bundle.golden.outputs.items()}
    lying = dataclasses.replace(bundle, golden=dataclasses.replace(bundle.golden, outputs=wrong))
    found = check_bundle(lying, LOCAL, QUICK, Silent())
    assert not found.parity.passed
    assert found.parity.first_difference.startswith("sample 0, output layer0[0, 0] is ")


def test_a_model_that_the_runtime_refuses_is_one_sentence(bundle: Bundle) -> None:
    broken = dataclasses.replace(bundle, files=dict(bundle.files) | {"model.tflite": b"TFL3" * 8})
    with pytest.raises(DeviceError, match=r"^local: the runtime cannot run the model: ValueError: ") as caught:
        check_bundle(broken, LOCAL, QUICK, Silent())
    assert "\n" not in str(caught.value)


def test_without_golden_samples_there_is_nothing_to_compare(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", without_golden())
    with pytest.raises(UsageError, match="no golden samples"):
        check_bundle(open_bundle(tmp_path / "b"), LOCAL, QUICK, Silent())


@pytest.mark.parametrize("uri", ["qemu:mps2-an386", "serial:/dev/ttyACM0"])
def test_nothing_can_be_brought_to_a_microcontroller(bundle: Bundle, uri: str) -> None:
    with pytest.raises(UsageError, match="has its bundle in its firmware"):
        check_open(bundle, parse_device(uri), transport_for(LOCAL), QUICK, Silent())


@pytest.mark.parametrize(
    ("code", "stderr", "words"),
    [
        (0, "", ""),
        (-11, "", "the runtime crashed while it ran the model (SIGSEGV)"),
        (139, "", "the runtime crashed while it ran the model (SIGSEGV)"),
        (-9, "", "the runtime was killed (SIGKILL), most likely because the device ran out of memory"),
        (1, "INFO\nRuntimeError: no kernel\n\n", "the runtime cannot run the model: RuntimeError: no kernel"),
        (3, "", "the runtime cannot run the model: exit code 3"),
    ],
)
def test_how_a_worker_ended_in_words(code: int, stderr: str, words: str) -> None:
    assert failure(RunResult(code, "", stderr)) == words


@pytest.mark.parametrize("options", [{"runs": 0}, {"threads": 0}, {"warmup": -1}])
def test_options_that_make_no_sense(options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        CheckOptions(**options)  # type: ignore[arg-type]
