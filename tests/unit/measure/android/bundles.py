"""Bundles for phones out of small models, with inputs and outputs of every type that a file of raw bytes can hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from edgekit.bundle.golden import make_golden
from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.graph.codec import write
from edgekit.graph.model import Model, Op
from edgekit.graph.types import DType
from tests.small_models import activation, assemble, conv_model, options, signed
from tests.unit.bundle.content import content
from tests.unit.verify.small_models import Sample

NASTY = "serving:0,x; rm -rf $HOME"
COUNT = 5


def int8_bundle(folder: Path) -> Bundle:
    """int8 in and out."""
    return written(folder, None, [])


def float_bundle(folder: Path) -> Bundle:
    """A convolution, float in and out."""
    rng = np.random.default_rng(1)
    return written(folder, conv_model(), [Sample({"x": rng.random((1, 8, 8, 3), np.float32)}) for _ in range(COUNT)])


def mixed_bundle(folder: Path) -> Bundle:
    """Three inputs and five outputs of different types and lengths; one name is no name for a list or a shell."""
    x, n, on = activation(NASTY, 1, 4), activation("n", 2, 3, dtype=DType.INT64), activation("on", 5, dtype=DType.BOOL)
    total = activation("sum", 1, 4)
    kinds = {"small": DType.UINT8, "whole": DType.INT32, "long": DType.INT64, "is": DType.BOOL}
    casts = {name: activation(name, 1, 4, dtype=kind) for name, kind in kinds.items()}
    n_real, on_real = activation("n_real", 2, 3), activation("on_real", 5)
    ops = [
        Op("ADD", [x, x], [total], options("AddOptions")),
        *(Op("CAST", [total], [cast], options("CastOptions")) for cast in casts.values()),
        Op("CAST", [n], [n_real], options("CastOptions")),
        Op("CAST", [on], [on_real], options("CastOptions")),
    ]
    model = signed(assemble(ops, [x, n, on], [total, *casts.values(), n_real, on_real]))
    rng = np.random.default_rng(2)
    feeds = [
        Sample(
            {
                NASTY: rng.uniform(0, 100, (1, 4)).astype(np.float32),
                "n": rng.integers(-(1 << 40), 1 << 40, (2, 3)),
                "on": rng.integers(0, 2, 5).astype(bool),
            }
        )
        for _ in range(COUNT)
    ]
    return written(folder, model, feeds)


def written(folder: Path, model: Model | None, feeds: list[Sample]) -> Bundle:
    """The bundle of a model, or the integer one, opened."""
    made = content("android")
    if model is not None:
        data = write(model)
        golden = make_golden(data, None, feeds, COUNT)
        made = dataclasses.replace(
            made, model=data, golden=golden, verification=None, preprocessing={}, labels={}, report_html=b""
        )
    write_bundle(folder, made)
    return open_bundle(folder)
