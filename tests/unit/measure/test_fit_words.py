"""Causes, estimates, and gates between two numbers."""

from __future__ import annotations

import pytest

from edgekit.codegen.footprint import Footprint
from edgekit.codegen.plan.picture import ArenaBlock, ArenaPicture
from edgekit.core.toolchain import M4F, M55
from edgekit.measure.causes import flash_causes, ram_causes
from edgekit.measure.estimate import estimate
from edgekit.measure.gates import describe, gate, gate_between, with_remedies


def test_the_largest_causes_of_flash_come_first() -> None:
    made = Footprint(
        code_bytes=2000, constants_bytes=0, arena_bytes=0, static_bytes=0, flash_bytes=0, compiler="", options=""
    )
    names = ("CONV_2D a/first", "FULLY_CONNECTED dense", "ADD")
    assert flash_causes(made, {0: 1500, 1: 80_000, 2: 16}, names) == (
        "weights of FULLY_CONNECTED 'dense' 78 KiB", "code and start-up 2,000 B", "weights of CONV_2D 'a/first' 1,500 B",
    )  # fmt: skip


def test_the_largest_causes_of_ram_are_what_the_fullest_step_holds() -> None:
    blocks = (
        ArenaBlock("in", "input", 0, 1, 0, 4096),
        ArenaBlock("big", "tensor", 1, 2, 4096, 8192),
        ArenaBlock("out", "output", 2, 3, 0, 64),
    )
    picture = ArenaPicture(blocks, ("inputs", "CONV_2D", "ADD", "outputs"), 12288, 12288, 12352, 0)
    assert ram_causes(picture, stack_bytes=300, static_bytes=0) == (
        "tensor 'big' at CONV_2D (step 1 of 3) 8,192 B", "input 'in' at CONV_2D (step 1 of 3) 4,096 B", "stack 300 B",
    )  # fmt: skip


def test_an_estimate_has_both_ends() -> None:
    found = estimate(1_000_000, M55, 0.4)
    assert (found.low_ms, found.high_ms) == (2.5, 6.25)
    assert found.how == "estimated: 1,000,000 instructions of 1 to 2.5 cycles at 400 MHz"


@pytest.mark.parametrize(("limit", "verdict", "value"), [(20, "pass", 18), (9, "fail", 10), (12, "not judged", 18)])
def test_a_limit_between_the_ends_is_not_judged(limit: float, verdict: str, value: float) -> None:
    found = estimate(1_000_000, M4F, 0.1)
    held = gate_between("latency_p90_ms", limit, found.low_ms, found.high_ms, found.how)
    assert (held.verdict, held.value) == (verdict, value)


def test_a_broken_gate_says_what_would_mend_it_and_a_kept_one_does_not() -> None:
    gates = (gate("flash_kib", 4, 5), gate("ram_kib", 4, 3))
    found = with_remedies(gates, {"flash_kib": "most of it: code", "ram_kib": "most of it: arena"})
    assert [g.remedy for g in found] == ["most of it: code", ""]
    assert describe(found) == "flash_kib is 5 KiB, over its limit of 4 KiB (most of it: code)"
