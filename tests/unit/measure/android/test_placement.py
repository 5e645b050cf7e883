"""Which operators a delegate took, and which fell back: from the log and from the profile."""

from __future__ import annotations

from edgekit.measure.android_arguments import Engine
from edgekit.measure.android_log import ToolLog, parse_log
from edgekit.measure.android_placement import ModelOp, place, profile
from edgekit.measure.android_profile import parse_profile
from edgekit.measure.measurement import OperatorTime, Placement
from edgekit.measure.options import Accelerator, PhoneOptions
from edgekit.runtime.litert import Kernels
from tests.unit.measure.android import shapes

OPS = (ModelOp("conv", "CONV_2D"), ModelOp("flat", "RESHAPE"), ModelOp("d", "FULLY_CONNECTED"), ModelOp("y", "SOFTMAX"))
ROWS = parse_profile(shapes.CSV, "adb:X")
REPLACING = "VERBOSE: Replacing 3 out of 4 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions\n"


def engine(accelerator: Accelerator = Accelerator.CPU, kernels: Kernels = Kernels.XNNPACK) -> Engine:
    return Engine(1, kernels, accelerator, PhoneOptions())


def test_log_and_profile_agree() -> None:
    found = place(parse_log(REPLACING, "adb:X"), ROWS, OPS, engine())
    assert found == Placement("XNNPACK", 3, 4, ("y (SOFTMAX)",), "seen in the profile and the log")


def test_log_and_profile_disagree() -> None:
    found = place(parse_log(REPLACING.replace("3 out", "2 out"), "adb:X"), ROWS, OPS, engine())
    assert found.operators_taken is None


def test_the_log_alone() -> None:
    found = place(parse_log(REPLACING, "adb:X"), (), OPS, engine())
    assert (found.delegate, found.operators_taken, found.fallback) == ("XNNPACK", 3, ())
    assert "does not name the operators that fell back" in found.note


def test_no_delegate() -> None:
    assert place(ToolLog(), (), OPS, engine()).note == "XNNPACK was asked for and took nothing"
    found = place(ToolLog(), (), OPS, engine(kernels=Kernels.BUILTIN))
    assert found == Placement("", 0, 4, (), "no delegate was asked for")


def test_gpu_in_part_names_what_it_refused_and_who_took_the_rest() -> None:
    ops = tuple(ModelOp(f"op{i}", "CONV_2D") for i in range(31))
    found = place(parse_log(shapes.GPU, "adb:X"), (), ops, engine(Accelerator.GPU))
    assert (found.delegate, found.operators_taken, found.operators_total) == ("GPU", 28, 31)
    assert "XNNPACK took 2 operators on the CPU" in found.note
    assert "TRANSPOSE_CONV: Max version supported: 3. Requested version 4." in found.note


def test_an_npu_that_announced_itself_and_ran_nothing() -> None:
    ops = tuple(ModelOp(f"op{i}", "CONV_2D") for i in range(31))
    found = place(parse_log(shapes.REFUSED, "adb:X"), (), ops, engine(Accelerator.NPU))
    assert (found.delegate, found.operators_taken) == ("", 0)
    assert found.note.startswith("the NPU was asked for and took nothing; XNNPACK ran it")


def test_times_by_operator_with_the_models_own_names() -> None:
    assert profile(ROWS, OPS).operators == (
        OperatorTime("y", "SOFTMAX", 60, "builtin kernel"),
        OperatorTime("kernel 0", "Convolution (NHWC, QS8, QC8W) IGEMM", 150, "XNNPACK"),
        OperatorTime("kernel 1", "Fully Connected (NC, QS8, QC8W) GEMM", 90, "XNNPACK"),
    )


def test_a_delegate_that_tells_nothing_of_its_inside_is_one_row() -> None:
    rows = [row for row in ROWS if row.kind != "DelegateOpInvoke"]
    assert profile(rows, OPS).operators == (
        OperatorTime("conv:0, with, commas", "TfLiteXNNPackDelegate", 240, "XNNPACK"),
        OperatorTime("y", "SOFTMAX", 60, "builtin kernel"),
    )


APPLIED = "INFO: Explicitly applied {} delegate, and the model graph will be {} executed by the delegate.\n"


def test_a_tool_that_is_silent_of_how_many() -> None:
    log = parse_log(APPLIED.format("XNNPACK", "completely"), "adb:X")
    assert place(log, (), OPS, engine()).operators_taken == 4
    log = parse_log(APPLIED.format("XNNPACK", "partially"), "adb:X")
    assert place(log, (), OPS, engine()).operators_taken is None
    assert place(log, ROWS, OPS, engine()).operators_taken == 3


def test_a_gpu_that_was_given_operators_but_never_said_to_have_run_them() -> None:
    log = parse_log(REPLACING.replace("XNNPack", "Gpu").replace("Delegate)", "DelegateV2)"), "adb:X")
    found = place(log, (), OPS, engine(Accelerator.GPU))
    assert (found.delegate, found.operators_taken) == ("GPU", None)
    assert "the tool does not say that the GPU ran what it was given" in found.note
