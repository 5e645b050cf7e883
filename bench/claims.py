"""What was promised of compression, held against the rows of bench.compression: met or not, and by how much.

Usage: python -m bench.claims JSON …

A promise is met where the difference to float as measured is within the points promised; the interval beside it says
how sure that is. A promise of which a row is missing is not met.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.row import Row, RowFile

FASTER = 1 / 1.6
"""The share of float's latency that "1.6 times faster" allows."""
_SPEECH = ("kws", "fsdd_dscnn")
_IMAGES = ("resnet8", "cifar_resnet_onnx", "cifar_mnv2", "vww")
_MOBILENET = "mobilenet_v1_025"


@dataclass(frozen=True, slots=True)
class Promise:
    """`points` below float at most; `also` gives a complaint, or nothing.

    Of several `recipes` the first that was measured counts: to take the best would be to choose on the evaluation.
    """

    text: str
    models: tuple[str, ...]
    recipes: tuple[str, ...]
    points: float
    also: Callable[[Row, Rows], str] = lambda row, rows: ""
    at_least: int | None = None  # so many of the models are enough


class Rows:
    """The rows of edgekit, by model and recipe; the last of a kind counts."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {(row.model, row.recipe): row for row in rows if row.tool == "edgekit" and not row.failure}

    def first(self, model: str, recipes: Iterable[str]) -> Row | None:
        """The first of them that was measured."""
        return next((self._rows[model, recipe] for recipe in recipes if (model, recipe) in self._rows), None)


def loss(row: Row) -> float:
    """Result minus float; for an error, where lower is better, relative to float's, in percent and turned around."""
    if row.difference is None or row.result is None:
        return float("-inf")
    if row.metric != "rmse":
        return row.difference.value
    return -100 * row.difference.value / (row.result.value - row.difference.value)


def smaller_than_int8(row: Row, rows: Rows) -> str:
    """At most 60 % of the int8 file."""
    whole = rows.first(row.model, ("int8",))
    share = row.size_bytes / whole.size_bytes if whole else float("inf")
    return "" if share <= 0.6 else f"{100 * share:.0f} % of int8's bytes"


def fast(row: Row, rows: Rows) -> str:
    """1.6 times faster than float, at half the MACs."""
    ratio = row.latency_ratio.value if row.latency_ratio else float("inf")
    return "" if ratio <= FASTER else f"only {1 / ratio:.2f} times faster"


def tenth(row: Row, rows: Rows) -> str:
    """A tenth of float's bytes."""
    return "" if row.size_bytes <= row.float_bytes / 10 else f"{row.float_bytes / row.size_bytes:.1f} times smaller"


def unchanged(row: Row, rows: Rows) -> str:
    """Every answer as before."""
    return "" if row.agreement == 100 else f"{row.agreement} % agree with float"


INT8, INT4, INT16 = ("int8",), ("int4",), ("int16x8",)
HALVED = ("macs-50-distilled-images-int8", "macs-50-distilled-int8", "macs-50-distilled-images", "macs-50-distilled")
PROMISES = (
    Promise("int8 within 0.2", (*_IMAGES, *_SPEECH, "str_ww", "ad01", "sst2_encoder"), INT8, 0.2),
    Promise("int8 of MobileNet within 0.5", (_MOBILENET,), INT8, 0.5),
    Promise("int16x8 within 0.1", (*_IMAGES, *_SPEECH, "str_ww", "ad01", "sst2_encoder", _MOBILENET), INT16, 0.1),
    Promise("int4 within 0.5", (*_IMAGES, *_SPEECH, "sst2_encoder"), INT4, 0.5),
    Promise("int4 of MobileNet within 3, in 60 % of int8's bytes", (_MOBILENET,), INT4, 3.0, smaller_than_int8),
    Promise("half the MACs within 1, 1.6 times faster, on four", (*_IMAGES[1:], *_SPEECH, "sst2_encoder"), HALVED, 1.0,
            fast, 4),
    Promise("half the MACs of ResNet8 within 4, 1.6 times faster", ("resnet8",), HALVED, 4.0, fast),
    Promise("half the MACs of ResNet8 untrained, floor 53.8 of 75.24", ("resnet8",), ("macs-50",), 21.44),
    Promise("three quarters of them, floor 67.1", ("resnet8",), ("macs-75",), 8.14),
    Promise("dead channels of vww out without loss", ("vww",), ("dead-channels",), 0.0, unchanged),
    Promise("text at a tenth of its bytes within 1", ("sst2_encoder",), ("slim-text", "text-10"), 1.0, tenth),
)  # fmt: skip


def lines(promise: Promise, rows: Rows) -> list[str]:
    """A table row for each model, after one for the promise."""
    kept, told = 0, []
    for model in promise.models:
        row = rows.first(model, promise.recipes)
        if row is None:
            told.append(f"| | {model} | | not measured |")
            continue
        complaints = [c for c in (promise.also(row, rows),) if c]
        if loss(row) < -promise.points - 1e-9:
            complaints.insert(0, f"{-promise.points - loss(row):.2f} too much")
        kept += not complaints
        told.append(f"| | {model} | {row.recipe}: {_difference(row)} | {', '.join(complaints) or 'met'} |")
    needed = len(promise.models) if promise.at_least is None else promise.at_least
    verdict = "**met**" if kept >= needed else "**not met**"
    return [f"| {promise.text} | {kept} of {len(promise.models)} | | {verdict} |", *told]


def _difference(row: Row) -> str:
    if row.difference is None:
        return "–"
    d = row.difference
    relative = f", {-loss(row):+.1f} %" if row.metric == "rmse" else ""
    return f"{d.value:+.2f} [{d.low:+.2f}, {d.high:+.2f}]{relative}"


def main(paths: list[str]) -> None:
    """Print the table."""
    rows = Rows(row for path in paths for row in RowFile.open(Path(path)).rows.values())
    print("| promise | model | edgekit, − float [95 %] | |\n|---|---|---|---|")
    for promise in PROMISES:
        print("\n".join(lines(promise, rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
