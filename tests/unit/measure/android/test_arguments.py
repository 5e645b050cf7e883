"""The command line of benchmark_model, from what is wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import DeviceError, UsageError
from edgekit.measure.android_arguments import (
    ONCE,
    Engine,
    Job,
    Timing,
    arguments,
    big_cores,
    can_prove,
    shared_out,
)
from edgekit.measure.options import Accelerator, PhoneOptions
from edgekit.runtime.litert import Kernels

PLAIN = PhoneOptions()
CPU = Engine(4, Kernels.XNNPACK, Accelerator.CPU, PLAIN)


def test_timing_on_the_cpu() -> None:
    job = Job("model.tflite", Timing(50, 1, 0.5, 0.25, 5.0), result="r.pb", profile="p.csv")
    assert arguments("./benchmark_model", CPU, job) == [
        "./benchmark_model",
        "--graph=model.tflite",
        "--num_threads=4",
        "--num_runs=50",
        "--warmup_runs=1",
        "--min_secs=0.5",
        "--warmup_min_secs=0.25",
        "--max_secs=5",
        "--result_file_path=r.pb",
        "--enable_op_profiling=true",
        "--op_profiling_output_mode=csv",
        "--op_profiling_output_file=p.csv",
        "--use_xnnpack=true",
    ]


def test_samples_by_names_of_our_own() -> None:
    job = Job("m", ONCE, "serving", ((1, 224, 224, 3), (2,)), ("sample0.bin", "sample1.bin"), output="o.bin")
    assert arguments("p", CPU, job)[2:] == [
        "--num_threads=4",
        "--num_runs=1",
        "--warmup_runs=0",
        "--min_secs=0",
        "--warmup_min_secs=0",
        "--max_secs=150",
        "--signature_to_run_for=serving",
        "--output_filepath=o.bin",
        "--input_layer=input0,input1",
        "--input_layer_shape=1,224,224,3:2",
        "--input_layer_value_files=input0:sample0.bin,input1:sample1.bin",
        "--use_xnnpack=true",
    ]


@pytest.mark.parametrize(
    ("accelerator", "phone", "words"),
    [
        (Accelerator.GPU, PLAIN, ["--use_gpu=true", "--gpu_precision_loss_allowed=true"]),
        (Accelerator.GPU, PhoneOptions(False), ["--use_gpu=true", "--gpu_precision_loss_allowed=false"]),
        (Accelerator.NPU, PLAIN, ["--use_nnapi=true", "--nnapi_allow_fp16=true"]),
        (
            Accelerator.NPU,
            PhoneOptions(npu_delegate="/vendor/lib64/libX.so", npu_options="backend_type:htp"),
            ["--external_delegate_path=/vendor/lib64/libX.so", "--external_delegate_options=backend_type:htp"],
        ),
    ],
)
def test_accelerators(accelerator: Accelerator, phone: PhoneOptions, words: list[str]) -> None:
    found = arguments("p", Engine(1, Kernels.XNNPACK, accelerator, phone), Job("m", ONCE))
    assert found[8:] == words


def test_without_xnnpack_it_is_refused_by_name_since_it_is_the_default() -> None:
    assert (
        arguments("p", Engine(1, Kernels.BUILTIN, Accelerator.CPU, PLAIN), Job("m", ONCE))[-1] == "--use_xnnpack=false"
    )


def test_taskset() -> None:
    assert arguments("p", CPU, Job("m", ONCE), "f0")[:3] == ["taskset", "f0", "p"]


@pytest.mark.parametrize(
    ("most", "mask"),
    [
        ([1704, 1704, 1704, 1704, 2367, 2367, 2367, 2367, 2914], "1f0"),
        ([1800, 1800], ""),
        ([], ""),
        ([2400, 1800], "1"),
    ],
)
def test_the_big_cores(most: list[float], mask: str) -> None:
    assert big_cores(most) == mask


def test_what_the_tool_cannot_be_given() -> None:
    with pytest.raises(DeviceError, match="an input without dimensions"):
        arguments("p", CPU, Job("m", ONCE, shapes=((),), values=("a",)))
    with pytest.raises(UsageError, match="no reference kernels"):
        Engine(1, Kernels.REFERENCE, Accelerator.CPU, PLAIN)
    with pytest.raises(UsageError, match="exclude each other"):
        Engine(1, Kernels.BUILTIN, Accelerator.GPU, PLAIN)
    with pytest.raises(ValueError, match="would read a list"):
        arguments("p", CPU, Job("m", ONCE, shapes=((1,),), values=("a,b",)))


def test_which_tools_can_prove_parity() -> None:
    assert can_prove(frozenset({"graph", "input_layer_value_files", "output_filepath"}))
    assert can_prove(frozenset())
    assert not can_prove(frozenset({"graph", "use_npu", "result_file_path"}))


@given(total=st.integers(1, 10_000), parts=st.integers(1, 20))
def test_runs_are_shared_out_evenly_and_none_is_lost(total: int, parts: int) -> None:
    shares = shared_out(total, parts)
    assert sum(shares) == total
    assert 1 <= min(shares) <= max(shares) <= min(shares) + 1
    assert len(shares) == min(parts, total)
