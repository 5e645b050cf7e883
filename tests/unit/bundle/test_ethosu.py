"""Ethos-U: Vela's report read, and Vela itself run where it is installed."""

from __future__ import annotations

import pytest

from edgekit.bundle.ethosu import LeftOperator, compile_for, left_on_cpu, pack_ethosu, read_summary, reasons_in, unit_of
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read, write
from edgekit.graph.model import Op
from edgekit.targets.load import load_target
from edgekit.targets.target import Accelerator
from tests.small_models import activation, assemble, conv_model, signed
from tests.tools import package
from tests.unit.bundle.content import INTEGER, pack_job

U55 = Accelerator("Ethos-U55", "ethos-u55-128", "Ethos_U55_High_End_Embedded", "Shared_Sram")
# Vela 5.2.0 on INTEGER: the columns that are read, and one that is not.
SUMMARY = (
    "experiment,system_config,memory_mode,core_clock,sram_memory_used,dram_memory_used,on_chip_flash_memory_used,"
    "off_chip_flash_memory_used,nn_macs,cycles_total\n"
    "default,Ethos_U55_High_End_Embedded,Shared_Sram,500000000.0,21.671875,0.0,0.0,30.375,2664792,89900\n"
)
PRINTED = """\
Tensor 'x' has a dynamic signature in axis 0. Setting shape axis 0 to 1 and proceeding.

Warning (supported operators) operator: SOFTMAX, ofm: 'probabilities'
Reason: Operation has tensor with unsupported DataType Float32 (dense)
Feature-map dataTypes must be one of {"INT16", "INT8"}

Warning (supported operators) operator: RELU, ofm: 'a;b'
Reason: Another
"""


def test_the_summary_in_numbers() -> None:
    found = read_summary(SUMMARY)
    assert (found.cycles, found.macs, found.clock_hz) == (89_900, 2_664_792, 500_000_000)
    assert (found.sram_bytes, found.flash_bytes) == (22_192, 31_104)
    assert (found.system_config, found.memory_mode) == ("Ethos_U55_High_End_Embedded", "Shared_Sram")


@pytest.mark.parametrize("text", ["", SUMMARY.splitlines()[0], SUMMARY.replace("cycles_total", "x"),
                                  SUMMARY.replace("89900", "many"), SUMMARY.replace("89900", "nan")])  # fmt: skip
def test_a_summary_that_is_none(text: str) -> None:
    with pytest.raises(ModelError, match="Vela's summary cannot be read"):
        read_summary(text)


def test_why_operators_stay() -> None:
    assert reasons_in(PRINTED) == {
        "probabilities": "Operation has tensor with unsupported DataType Float32 (dense)",
        "a;b": "Another",
    }


def test_what_is_no_custom_operator_of_the_accelerator_is_left_on_the_cpu() -> None:
    x, y, z = activation("x", 1, 4), activation("y", 1, 4), activation("probabilities", 1, 4)
    ops = [Op("CUSTOM", [x], [y], custom_name="ethos-u"), Op("SOFTMAX", [y], [z])]
    model = write(signed(assemble(ops, [x], [z])))
    left = left_on_cpu(model, reasons_in(PRINTED))
    assert [(op.kind, op.name) for op in left] == [("SOFTMAX", "probabilities")]
    assert left[0].reason.startswith("Operation has tensor with unsupported DataType")


def test_which_targets_have_one() -> None:
    assert unit_of(load_target("corstone-300-u55")) == U55
    assert unit_of(load_target("corstone-300")) is None
    assert unit_of(load_target("pixel-8")) is None


def test_vela_compiles_an_int8_model_whole() -> None:
    package("ethosu.vela", "vela")
    part = pack_ethosu(pack_job(target="corstone-300-u55"), U55)
    names = ("model_vela.c", "model_vela.h", "model_vela.tflite", "op_resolver.h")
    assert sorted(part.files) == [f"ethosu/{name}" for name in names]
    resolver = part.files["ethosu/op_resolver.h"].decode()
    assert "kEdgekitOpCount = 1;" in resolver and "resolver.AddEthosU();" in resolver
    model = part.files["ethosu/model_vela.tflite"]
    assert [op.custom_name for op in read(model).ops()] == ["ethos-u"]
    assert part.record["left_on_cpu"] == [] and part.record["cycles"] > 0
    assert (part.record["accelerator"], part.record["memory_mode"]) == ("ethos-u55-128", "Shared_Sram")
    assert dict(part.facts)["left on the CPU"] == "no operator"
    assert f"edgekit_model_vela[EDGEKIT_MODEL_VELA_SIZE] = {{\n    0x{model[0]:02x}," in (
        part.files["ethosu/model_vela.c"].decode()
    )
    assert pack_ethosu(pack_job(target="corstone-300-u55"), U55).files == part.files


def test_vela_leaves_float_operators_on_the_cpu_and_says_why() -> None:
    package("ethosu.vela", "vela")
    vela = compile_for(write(conv_model()), U55)
    assert {op.kind for op in vela.left} == {op.kind for op in conv_model().ops()}
    assert LeftOperator("SOFTMAX", "y", vela.left[-1].reason) == vela.left[-1]
    assert "Float32" in vela.left[-1].reason


def test_an_accelerator_that_vela_does_not_know() -> None:
    package("ethosu.vela", "vela")
    with pytest.raises(ModelError, match="Vela, compiling for ethos-u99-1, failed: .*invalid choice"):
        compile_for(INTEGER, Accelerator("Ethos-U99", "ethos-u99-1"))
