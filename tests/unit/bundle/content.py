"""A small bundle to test with."""

from __future__ import annotations

import dataclasses

import numpy as np

from edgekit.bundle.golden import make_golden
from edgekit.bundle.manifest import DatasetRef, Provenance, SourceRef, TargetRef
from edgekit.bundle.packed import PackJob
from edgekit.bundle.write import BundleContent
from edgekit.core.progress import Silent
from edgekit.graph.codec import read
from edgekit.targets.load import load_target
from edgekit.verify.evaluate import EvaluateOptions, evaluate
from tests.unit.verify.small_models import Sample, float_chain, int8_chain

FLOAT = float_chain(np.eye(3))
INTEGER = int8_chain((1 / 127, 1 / 127), np.eye(3))
FEEDS = [Sample({"x": np.array([[v, 0.5, -1]], np.float32)}, 0 if v > 0.5 else 1) for v in (0.0, 0.25, 1.0, 0.75)]


def content(kind: str = "linux", model: bytes = INTEGER) -> BundleContent:
    """The same content every time."""
    return BundleContent(
        name="tiny",
        target=TargetRef("board", "A board", kind, "litert"),
        model=model,
        recipe={"schema": 1, "step": [{"use": "quantize", "scheme": "int8"}]},
        budget={"latency_p90_ms": 30.0},
        provenance=Provenance(
            SourceRef("tiny.keras", "0" * 64, "keras"),
            (DatasetRef("calibration", "digits", "1" * 64, 4),),
            {"edgekit": "0"},
            None,
        ),
        golden=make_golden(model, FLOAT, FEEDS, 3),
        verification=evaluate(FLOAT, model, FEEDS, EvaluateOptions(), Silent()),
        preprocessing={"x": {"scale": 0.5}},
        labels={"layer0": ("a", "b", "c")},
        details={"macs": 9},
        report_html=b"<!doctype html><title>r</title>",
    )


def pack_job(model: bytes = INTEGER, target: str = "nucleo-l4r5zi") -> PackJob:
    """The same model to be packed."""
    golden, _ = make_golden(model, FLOAT, FEEDS, 3)
    return PackJob("tiny", read(model), model, load_target(target), golden=golden)


def without_golden() -> BundleContent:
    """Content with neither golden samples nor report."""
    return dataclasses.replace(content(), golden=None, report_html=b"")
