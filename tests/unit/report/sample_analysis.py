"""Analyses made up for the tests: an ordinary one, the least one, and one whose names want to do harm."""

from __future__ import annotations

import dataclasses
import math

from edgekit.compress.analysis.analysis import Analysis, Layer, LayerEffect, TensorFacts
from edgekit.compress.analysis.choice import Choice
from edgekit.targets.case import Level
from tests.unit.report.sample import HOSTILE

_CUT = {Choice.PRUNE_25: 0.25, Choice.PRUNE_50: 0.5, Choice.PRUNE_75: 0.75}
_LOSS_DB = {
    Choice.FLOAT16: 70.0,
    Choice.INT16X8: 45.0,
    Choice.INT8: 38.25,
    Choice.INT4: 14.0,
    Choice.PRUNE_25: 12.0,
    Choice.PRUNE_50: 3.0,
    Choice.PRUNE_75: -1.5,
}


def effect(choice: Choice, better_db: float, weight_bytes: int, macs: int) -> LayerEffect:
    """What a choice does to a layer that bears it `better_db` better than the first one."""
    saved = round(weight_bytes * _CUT.get(choice, 1 - choice.weight_bits / 32))
    if choice is Choice.FLOAT:
        return LayerEffect(choice, Level.RUNS, "", math.inf, 1.0, 0.0, 0, 0, 0)
    slow = choice is Choice.INT16X8
    why = "this runtime computes CONV_2D with int16 activations on slow kernels" if slow else ""
    db = _LOSS_DB[choice] + better_db
    level = Level.SLOW if slow else Level.RUNS
    macs_saved = round(macs * _CUT.get(choice, 0))
    return LayerEffect(choice, level, why, db, min(1.0, max(0.1, db / 40)), 10 ** (-db / 10), saved, macs_saved, 512)


def layer(name: str, better_db: float = 0.0, weight_bytes: int = 4096, macs: int = 100_000) -> Layer:
    """A convolution with 16 channels."""
    facts = TensorFacts(-1.5, 6.0, 0.0, 6.0, 0.0025, 4.5, 3.2)
    effects = tuple(effect(choice, better_db, weight_bytes, macs) for choice in Choice)
    return Layer(
        name, "CONV_2D", (name,), (0,), f"{name}/kernel", 16, (), 0, weight_bytes, macs, 16_384, False, facts, facts, facts,
        effects,
    )  # fmt: skip


def ordinary() -> Analysis:
    """Three layers: the second has dead channels and shared weights, the third is a table that has no int4."""
    second = dataclasses.replace(
        layer("block/conv_1;block/bn_1", 11.5, 36_864, 2_400_000),
        dead=(3, 7, 8),
        zero_weights=2,
        ops=("a", "b"),
        places=(1, 2),
        at_peak=True,
    )
    table = layer("tok_emb/GatherV2", 30.0, 358_400, 0)
    cannot = LayerEffect(Choice.INT4, Level.CANNOT, "this runtime has no GATHER for int4", None, None, None, 9, 0, 0)
    third = dataclasses.replace(
        table, kind="GATHER", input_facts=None,
        effects=tuple(cannot if e.choice is Choice.INT4 else e for e in table.effects),
    )  # fmt: skip
    return Analysis("raspberry-pi-4", 100, True, 400_000, 2_600_000, 0, 11.25, (layer("stem"), second, third))


def least() -> Analysis:
    """One layer that only float runs, no target, no classifier."""
    only = layer("y")
    exact = LayerEffect(Choice.FLOAT, Level.RUNS, "", math.inf, None, None, 0, 0, 0)
    return Analysis("", 1, False, 64, 16, 1, 3.0, (dataclasses.replace(only, effects=(exact,)),))


def hostile() -> Analysis:
    """Names that are markup."""
    found = ordinary()
    layers = tuple(dataclasses.replace(y, name=HOSTILE, kind=HOSTILE, ops=(HOSTILE,) * 2) for y in found.layers)
    return dataclasses.replace(found, layers=layers, target=HOSTILE)


def many(count: int) -> Analysis:
    """So many layers."""
    layers = tuple(layer(f"layer_{i}", i % 37, 64 * (1 + i * i % 997), 1000 * (1 + i % 89)) for i in range(count))
    return dataclasses.replace(ordinary(), layers=layers)
