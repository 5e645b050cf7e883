"""`edgekit compare`."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.guard import guarded
from edgekit.cli.output import print_table, write_json
from edgekit.cli.progress import TerminalProgress

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.option("--data", type=PATH, help="Samples as A takes them; without it random ones.")
@click.option("--samples", type=click.IntRange(1), default=16, show_default=True, help="At most so many.")
@click.option("--json", "json_path", type=PATH, help="Write the numbers there, - for stdout.")
def compare(a: Path, b: Path, data: Path | None, samples: int, json_path: Path | None) -> int:
    """Two models or bundles, layer by layer: where the error of B against A enters."""

    def work(progress: TerminalProgress) -> int:
        from edgekit.cli.load import feeds_for, model_bytes
        from edgekit.report.text import shortened
        from edgekit.verify.compare import CompareOptions, compare_models

        first, second = model_bytes(a), model_bytes(b)
        feeds = list(feeds_for(first, data, samples))
        found = compare_models(first, second, feeds, CompareOptions(total=len(feeds)), progress)
        if json_path is not None:
            write_json(json_path, found.to_json())
        if json_path is None or str(json_path) != "-":
            rows = [
                (layer.kind, shortened(layer.tensor_a), layer.dtype_b, f"{layer.sqnr_db:.1f}", f"{layer.drop_db:.1f}",
                 f"{layer.max_abs:.4g}", f"{layer.weight_bytes_a:,}", f"{layer.weight_bytes_b:,}")
                for layer in found.layers
            ]  # fmt: skip
            header = ("operator", "output", "type", "SQNR dB", "drop dB", "max error", "bytes A", "bytes B")
            print_table(header, rows)
        return 0

    return guarded(work)
