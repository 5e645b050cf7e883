"""A bundle measured on a phone: through a real adbd, by a program that runs like benchmark_model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgekit.bundle.read import Bundle
from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.core.progress import Silent
from edgekit.data.dataset import open_dataset
from edgekit.graph.codec import write
from edgekit.lab import benchmark_model
from edgekit.lab.phone import Phone
from edgekit.measure.android_turns import turns_on_phone
from edgekit.measure.check import check_bundle
from edgekit.measure.evaluation import EvaluationSamples
from edgekit.measure.measurement import Measurement, Nearness
from edgekit.measure.options import Accelerator, CheckOptions
from edgekit.runtime.litert import Kernels
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import LOCAL, parse_device
from tests.small_models import custom_op_model
from tests.unit.measure.android.bundles import float_bundle, int8_bundle, mixed_bundle

QUICK = CheckOptions(runs=3, warmup=0, profile=False)


@pytest.fixture(autouse=True)
def no_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty cache, and no tool named."""
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEKIT_BENCHMARK_MODEL", raising=False)


def checked(bundle: Bundle, phone: Phone, options: CheckOptions = QUICK) -> Measurement:
    return check_bundle(bundle, parse_device(phone.uri), options, Silent())


def test_all_that_a_measurement_holds(phone: Phone, tmp_path: Path) -> None:
    bundle = float_bundle(tmp_path / "b")
    found = checked(bundle, phone, CheckOptions(runs=20, warmup=1))
    assert (found.latency.count, found.latency.warmup_count, found.latency.launch_count) == (20, 8, 8)
    assert 0 <= found.latency.min_us <= found.latency.p50_us <= found.latency.p90_us <= found.latency.max_us
    assert found.latency.median_low_us is not None
    assert found.init_us > 0
    assert found.memory is not None
    assert found.parity.passed
    assert found.parity.sample_count == 5
    assert found.conditions.emulated.startswith("emulated: ")
    assert found.conditions.runtime == "benchmark_model of edgekit's lab"
    assert found.conditions.runtime_version.startswith("ai-edge-litert ")
    assert found.conditions.board.startswith("edgekit Lab Phone")
    assert "battery 87 %" in found.conditions.system
    assert found.conditions.before.clock_mhz
    assert found.conditions.before.temperature_c is not None
    assert found.placement.delegate == "XNNPACK"
    assert found.placement.operators_taken == found.placement.operators_total == 4
    assert {o.ran_in for o in found.profile.operators} == {"XNNPACK"}
    assert any(o.kind.startswith("Convolution") for o in found.profile.operators)
    assert Measurement.from_json(found.to_json()) == found


def test_int8_is_within_one_step_and_says_so(phone: Phone, tmp_path: Path) -> None:
    found = checked(int8_bundle(tmp_path / "b"), phone)
    assert (found.parity.passed, found.parity.nearness) == (True, Nearness.LSB)


def test_many_inputs_and_outputs_of_many_types_with_a_name_that_is_none(phone: Phone, tmp_path: Path) -> None:
    found = checked(mixed_bundle(tmp_path / "b"), phone, dataclasses.replace(QUICK, profile=True))
    assert found.parity.passed
    assert found.placement.operators_total == 7
    assert found.placement.operators_taken == 1
    assert found.placement.fallback == (
        "small (CAST)",
        "whole (CAST)",
        "long (CAST)",
        "is (CAST)",
        "n_real (CAST)",
        "on_real (CAST)",
    )
    builtin = [o.kind for o in found.profile.operators if o.ran_in == "builtin kernel"]
    assert builtin == ["CAST"] * 6


def test_without_xnnpack_no_delegate_runs(phone: Phone, tmp_path: Path) -> None:
    options = dataclasses.replace(QUICK, kernels=Kernels.BUILTIN, profile=True)
    found = checked(float_bundle(tmp_path / "b"), phone, options)
    assert found.parity.passed
    assert (found.placement.delegate, found.placement.operators_taken) == ("", 0)
    assert found.profile.operators == ()
    assert found.profile.note.startswith("There are no times by operator: ")


@pytest.mark.parametrize("accelerator", [Accelerator.GPU, Accelerator.NPU])
def test_a_delegate_that_is_not_there_is_said(phone: Phone, tmp_path: Path, accelerator: Accelerator) -> None:
    found = checked(float_bundle(tmp_path / "b"), phone, dataclasses.replace(QUICK, accelerator=accelerator))
    assert (found.placement.delegate, found.placement.operators_taken) == ("", 0)
    assert "asked for and took nothing; XNNPACK ran it" in found.placement.note
    assert any(f"The {accelerator.value.upper()} took 0 of 4 operators" in warning for warning in found.warnings)


def test_a_fast_wrong_answer_fails_and_names_the_output(phone: Phone, tmp_path: Path) -> None:
    bundle = mixed_bundle(tmp_path / "b")
    assert bundle.golden is not None
    wrong = dict(bundle.golden.outputs) | {"long": bundle.golden.outputs["long"] + np.int64(5)}
    lying = dataclasses.replace(bundle, golden=dataclasses.replace(bundle.golden, outputs=wrong))
    found = checked(lying, phone)
    assert not found.parity.passed
    assert found.parity.first_difference.startswith("sample 0, output long[0, 0] is ")


def test_a_model_that_the_runtime_refuses_is_one_sentence(phone: Phone, tmp_path: Path) -> None:
    bundle = float_bundle(tmp_path / "b")
    broken = dataclasses.replace(bundle, files=dict(bundle.files) | {"model.tflite": write(custom_op_model())})
    with pytest.raises(DeviceError, match=r"^adb:.*: benchmark_model cannot run the model: .*Mystery") as caught:
        checked(broken, phone)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("after", [2_000, 12_000, 40_000, 60_000])
def test_a_phone_that_vanishes_is_an_error_and_comes_back(phone: Phone, tmp_path: Path, after: int) -> None:
    bundle = int8_bundle(tmp_path / "b")
    phone.box.drop_after(after)
    with pytest.raises(DeviceError, match=rf"^{phone.uri}"):
        checked(bundle, phone, dataclasses.replace(QUICK, runs=16))
    phone.box.plug()
    assert checked(bundle, phone).parity.passed


def test_a_tool_that_is_no_android_program(phone: Phone, tmp_path: Path) -> None:
    linux = Path("/bin/true")
    with pytest.raises(UsageError, match=r"^/bin/true is no benchmark_model for Android: its loader is /lib"):
        checked(float_bundle(tmp_path / "b"), phone, dataclasses.replace(QUICK, benchmark_model=linux))


def test_a_tool_that_writes_nothing_is_named_by_the_part_that_is_missing(phone: Phone, tmp_path: Path) -> None:
    text = Path(benchmark_model.__file__).read_text()
    tool = tmp_path / "tool"
    for old, new, said in (
        ('Path(path).write_bytes(b"".join(tensor.tobytes() for tensor in tensors))', "pass", "has no outputs"),
        (
            'Path(path).write_bytes(b"".join(tensor',
            'Path(path).write_bytes(b"".join(b"x" + tensor',
            "bytes of outputs, not",
        ),
        (
            "            Path(path).write_bytes(message(2",
            '            Path(path).write_bytes(b"\\x12" or message(2',
            "is cut off",
        ),
        (
            '        say("INFO", statistics(times)',
            '        say("INFO", "count=1 curr=" or statistics(times)',
            "is damaged at the line",
        ),
        ("        self.load()\n", "        os.kill(os.getpid(), 11)\n", r"crashed while it ran the model \(SIGSEGV\)"),
    ):
        assert old.strip() in text, old
        tool.write_text(text.replace(old.strip() if old not in text else old, new if old in text else new.strip()))
        with pytest.raises(DeviceError, match=said):
            checked(float_bundle(tmp_path / "b"), phone, dataclasses.replace(QUICK, benchmark_model=tool))


def test_the_labs_program_is_not_for_a_real_phone(phone: Phone, tmp_path: Path) -> None:
    label = phone.folder / "etc/edgekit-lab"
    words = label.read_text()
    label.write_text("")
    try:
        with pytest.raises(MissingError, match="there is no benchmark_model for x86_64") as caught:
            checked(float_bundle(tmp_path / "b"), phone)
        assert "edgekit devices setup adb:SERIAL --benchmark-model FILE" in str(caught.value)
        options = dataclasses.replace(QUICK, benchmark_model=Path(benchmark_model.__file__))
        with pytest.raises(DeviceError, match="is the lab's program, and this phone is not one of the lab's"):
            checked(float_bundle(tmp_path / "b"), phone, options)
    finally:
        label.write_text(words)


def test_two_bundles_in_turns(phone: Phone, tmp_path: Path) -> None:
    pair = float_bundle(tmp_path / "a"), int8_bundle(tmp_path / "b")
    with transport_for(parse_device(phone.uri)) as transport:
        found = turns_on_phone(pair, transport, phone.uri, dataclasses.replace(QUICK, warmup=1), Silent(), blocks=2)
    assert (len(found.a_us), len(found.b_us)) == (2, 2)
    assert found.conditions.emulated


def test_the_task_is_measured_there(phone: Phone, tmp_path: Path) -> None:
    bundle = float_bundle(tmp_path / "b")
    rng = np.random.default_rng(3)
    np.savez(tmp_path / "e.npz", x=rng.random((9, 8, 8, 3), np.float32), y=rng.integers(0, 4, 9))
    samples = EvaluationSamples.of(bundle, open_dataset(tmp_path / "e.npz"))
    task = checked(bundle, phone, dataclasses.replace(QUICK, evaluation=samples)).task
    assert task is not None
    assert task.sample_count == 9
    here = check_bundle(bundle, LOCAL, dataclasses.replace(QUICK, evaluation=samples), Silent()).task
    assert here == task  # the same kernels on the same machine


def test_heat_and_a_flat_battery_are_told(phone: Phone, tmp_path: Path) -> None:
    service = phone.folder / "vendor/dumpsys/thermalservice.txt"
    words = service.read_text()
    phone.set_service("thermalservice", words.replace("Thermal Status: 0", "Thermal Status: 3"))
    try:
        found = checked(float_bundle(tmp_path / "b"), phone)
    finally:
        phone.set_service("thermalservice", words)
    assert found.conditions.after.throttled == "now: thermal status severe"
    assert not found.latency.steady


def test_the_phone_is_left_as_it_was(phone: Phone, tmp_path: Path) -> None:
    checked(float_bundle(tmp_path / "b"), phone)
    assert {path.name for path in phone.scratch.iterdir()} <= {"edgekit.lock"}
