"""What compression costs and brings: edgekit's recipes beside the existing tools, on samples that no step has seen.

Usage: python -m bench.compression [--models 'resnet8,cifar*'] [--recipes 'edgekit:*,tfmot:*'] [--limit N]
       [--json FILE] [--again] [--no-latency] [--table-only]

Each row: the metric with its 95 % interval, its paired difference to float's, bytes (also deflated, as a download),
MACs, latency over float's in the same run (LiteRT, one thread, in turns), and the minutes that making it took. A row
that is in the JSON file for the same model, samples and recipe is not made again, so the table can be made in parts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from bench.assess import Worth, Yardstick
from bench.cases import CASES, Case
from bench.contenders import CONTENDERS, Contender, Material
from bench.row import HEADER, Row, RowFile, markdown
from edgekit.core.errors import EdgekitError, MissingError, ModelError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Silent
from edgekit.data.dataset import open_dataset
from edgekit.data.feed import Binding, bind
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.cost import model_macs
from edgekit.graph.repair import with_builtin_codes, with_signature
from edgekit.importers.base import ImportOptions, source_sha256
from edgekit.importers.registry import import_model
from edgekit.job import model_inputs
from edgekit.verify.outputs import float_outputs


def main() -> None:
    """Make the rows that are missing, print the table."""
    arguments = _arguments()
    file = RowFile.open(arguments.json)
    print(HEADER)
    for case in CASES:
        if not _chosen(case.name, arguments.models):
            continue
        if not case.path.exists():
            print(f"| {case.name} | skipped: {case.path.name} is not here |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            for row in rows_of(case, Path(folder), file, arguments):
                print(markdown(row), flush=True)


def rows_of(case: Case, folder: Path, file: RowFile, arguments: argparse.Namespace) -> Iterator[Row]:
    """The rows of one model: those that are kept, and new ones for the rest."""
    bench: Bench | None = None
    for contender in CONTENDERS:
        if not (_chosen(contender.name, arguments.recipes) and contender.suits(case)):
            continue
        key = row_key(case, contender, arguments.limit)
        kept = file.rows.get(key)
        if kept is None and arguments.table_only:
            continue
        if kept is None or arguments.again:
            bench = bench or Bench.prepare(case, folder, arguments.limit)
            try:
                kept = bench.row(contender, key, timed=not arguments.no_latency)
            except (UsageError, MissingError) as error:  # no such recipe, nothing installed: no result, so not kept
                print(f"| {case.name} | {contender.tool} | {contender.recipe} | skipped: {error.message} |", flush=True)
                continue
            file.put(kept)
        yield kept


class Bench:
    """One model, ready to be compressed and judged."""

    def __init__(self, material: Material, yardstick: Yardstick) -> None:
        self._material = material
        self._yardstick = yardstick

    @staticmethod
    def prepare(case: Case, folder: Path, limit: int | None) -> Bench:
        """Import the model; write the samples where children find them; run the float model."""
        roles = {"calibration": case.write_calibration, "evaluation": case.write_evaluation,
                 "unlabelled": case.write_unlabelled or case.write_calibration,
                 "training": case.write_training or case.write_unlabelled or case.write_calibration}  # fmt: skip
        for role, fill in roles.items():
            (folder / role).mkdir()
            fill(folder / role)
        model = import_model(case.path, ImportOptions(), Silent()).model
        data = write(with_builtin_codes(with_signature(model)))
        (folder / "float.tflite").write_bytes(data)
        bound = {role: bind(open_dataset(folder / role), model_inputs(model)) for role in roles}
        write_samples(bound["calibration"], folder / "samples.npz")
        write_samples(bound["training"], folder / "training.npz")
        outputs = float_outputs(data, bound["evaluation"].feeds(limit), None, Silent())
        return Bench(Material(case, folder), Yardstick(case, data, outputs, bound["evaluation"], limit))

    def row(self, contender: Contender, key: str, timed: bool) -> Row:
        """Let `contender` make its file and judge it. Raises UsageError and MissingError where it cannot take part."""
        case, started = self._material.case, time.monotonic()
        empty = Row(key, case.name, contender.tool, contender.recipe, case.metric)
        try:
            made = contender.make(self._material)
            minutes = (time.monotonic() - started) / 60
            worth = self._yardstick.worth(made.data, timed)
        except (UsageError, MissingError):
            raise
        except EdgekitError as error:
            return replace(empty, failure=" ".join(error.message.split())[:300].replace("|", "/"))
        note = "; ".join(text for text in (made.note, illegal(made.data), case.note) if text)
        filled = self._filled(empty, worth)
        return replace(filled, minutes=minutes, note=note, sha256=sha256_bytes(made.data), sources=made.sources)

    def _filled(self, empty: Row, worth: Worth) -> Row:
        found, turns, data = worth.verification, worth.latency, self._yardstick.data
        return replace(
            empty, metric=found.metric.value, samples=found.sample_count, result=found.result_value,
            difference=found.difference, agreement=found.agreement.value if found.agreement else None,
            size_bytes=worth.size_bytes, float_bytes=len(data), compressed_bytes=worth.compressed_bytes,
            macs=worth.macs, float_macs=model_macs(read(data)), latency_ratio=turns.ratio if turns else None,
            latency_us=turns.first_us if turns else None, float_us=turns.second_us if turns else None,
        )  # fmt: skip


def illegal(data: bytes) -> str:
    """What is wrong with the graph of a file that a runtime takes all the same; empty where nothing is."""
    try:
        check(read(data))
    except ModelError as error:
        return f"‡ not a legal file: {error.message}".replace("|", "/")
    return ""


def row_key(case: Case, contender: Contender, limit: int | None) -> str:
    """The hash of what a row depends on."""
    parts = (source_sha256(case.path), contender.name, contender.depends, str(limit))
    return sha256_bytes("\n".join(parts).encode())[:16]


def write_samples(binding: Binding, path: Path) -> None:
    """An .npz with `x`, (samples, *shape) of the one input, and `y` where there are labels."""
    feeds = list(binding.feeds())
    (name,) = feeds[0].inputs
    x = np.stack([feed.inputs[name][0] for feed in feeds])
    arrays = {"x": x}
    if feeds[0].label is not None:
        arrays["y"] = np.asarray([feed.label for feed in feeds])
    np.savez(path, **arrays)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="*", help="names or patterns, separated by commas")
    parser.add_argument("--recipes", default="*", help="tool:recipe, names or patterns, separated by commas")
    parser.add_argument("--limit", type=int, help="evaluate on at most so many samples")
    parser.add_argument("--json", type=Path, default=Path("compression.json"))
    parser.add_argument("--again", action="store_true", help="make rows anew that are there")
    parser.add_argument("--no-latency", action="store_true")
    parser.add_argument("--table-only", action="store_true", help="print the rows that are there")
    return parser.parse_args()


def _chosen(name: str, patterns: str) -> bool:
    return any(fnmatch(name, pattern.strip()) for pattern in patterns.split(","))


if __name__ == "__main__":
    main()
