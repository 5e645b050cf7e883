"""`edgekit inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.guard import guarded
from edgekit.cli.output import print_table, write_json
from edgekit.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from edgekit.graph.model import Model
    from edgekit.targets.target import Target

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=PATH)
@click.option("--ops", is_flag=True, help="Every operator, a line each.")
@click.option("-t", "--target", default="local", show_default=True, help="Whose kernels to hold the operators against.")
@click.option("--json", "json_path", type=PATH, help="Write the numbers there, - for stdout.")
def inspect(model: Path, ops: bool, target: str, json_path: Path | None) -> int:
    """Inputs, outputs, operators with MACs, parameters, bytes, memory, and what a target runs.

    MODEL is any model file that can be imported, or a bundle.
    """

    def work(progress: TerminalProgress) -> int:
        from edgekit.cli.load import model_bytes
        from edgekit.graph.codec import read
        from edgekit.targets.load import load_target

        data = model_bytes(model, progress)
        loaded, device = read(data), load_target(target)
        if json_path is not None:
            write_json(json_path, _record(loaded, len(data), device))
        if json_path is None or str(json_path) != "-":
            _show(loaded, len(data), device)
            if ops:
                from edgekit.graph.text import dump

                click.echo(f"\n{dump(loaded)}")
        return 0

    return guarded(work)


def _record(model: Model, model_bytes: int, target: Target) -> dict[str, object]:
    from edgekit.graph.cost import activation_peak_bytes, model_macs, parameter_count
    from edgekit.report.assemble import operator_rows, port_words

    peak = activation_peak_bytes(model.main)
    return {
        "inputs": [port_words(port) for port in model.inputs()],
        "outputs": [port_words(port) for port in model.outputs()],
        "macs": model_macs(model),
        "parameters": parameter_count(model),
        "model_bytes": model_bytes,
        "activation_peak_bytes": peak.bytes,
        "activation_peak_at": peak.op_name,
        "target": target.name,
        "operators": [
            {"kind": row.kind, "count": row.count, "macs": row.macs, "weight_bytes": row.weight_bytes,
             "level": row.level.value, "note": row.note}
            for row in operator_rows(model, target)
        ],
    }  # fmt: skip


def _show(model: Model, model_bytes: int, target: Target) -> None:
    from edgekit.core.units import format_bytes, format_count
    from edgekit.graph.cost import activation_peak_bytes, model_macs, parameter_count
    from edgekit.report.assemble import operator_rows, port_words

    peak = activation_peak_bytes(model.main)
    lines = [("input", port_words(p)) for p in model.inputs()] + [("output", port_words(p)) for p in model.outputs()]
    lines += [
        ("size", format_bytes(model_bytes)),
        ("parameters", format_count(parameter_count(model))),
        ("MACs", format_count(model_macs(model))),
        ("activations", f"{format_bytes(peak.bytes)} at their peak, at {peak.op_name}"),
    ]
    for label, value in lines:
        click.echo(f"{label:<12}{value}")
    click.echo(f"\noperators on {target.title}")
    rows = operator_rows(model, target)
    table = [(r.kind, str(r.count), format_count(r.macs), format_bytes(r.weight_bytes), r.level.value) for r in rows]
    print_table(("operator", "count", "MACs", "weights", "target"), table)
    for row in rows:
        if row.note:
            click.echo(f"{row.kind}: {row.note}")
