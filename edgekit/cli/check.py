"""`edgekit check`."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.output import write_json
from edgekit.cli.progress import TerminalProgress

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("bundle", type=PATH)
@click.option("--device", required=True, metavar="URI", help="Where to run it, such as local.")
@click.option("--runs", type=click.IntRange(1), default=200, show_default=True, help="How many timed runs.")
@click.option("--warmup", type=click.IntRange(0), help="How many runs before; without it until the latency settles.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--budget", "budgets", multiple=True, metavar="KEY=VALUE", help="A limit over the bundle's own.")
@click.option("--json", "json_path", type=PATH, help="Write the measurement there, - for stdout.")
def check(
    bundle: Path,
    device: str,
    runs: int,
    warmup: int | None,
    threads: int,
    budgets: tuple[str, ...],
    json_path: Path | None,
) -> None:
    """Latency, memory and parity of BUNDLE on a device, against its budgets.

    The measurement is added to the bundle.
    """
    from edgekit.bundle.measured import add_measurement
    from edgekit.bundle.read import open_bundle
    from edgekit.core.errors import DeviceError, GateError
    from edgekit.measure.check import CheckOptions, check_bundle
    from edgekit.measure.gates import describe, evaluate_gates, failed_gates
    from edgekit.report.text import render_measurement
    from edgekit.targets.target import Budget, kib_of, parse_budget
    from edgekit.transports.uri import parse_device

    opened = open_bundle(bundle)
    budget = Budget(**opened.manifest.budget).merge(dict(parse_budget(text) for text in budgets))
    options = CheckOptions(runs=runs, warmup=warmup, threads=threads)
    measurement = check_bundle(opened, parse_device(device), options, TerminalProgress())
    values = {"model_kib": kib_of(len(opened.model_bytes)), **measurement.gate_values()}
    if opened.manifest.verification is not None:
        values["accuracy_drop"] = opened.manifest.verification.drop_points
    gates = evaluate_gates(budget, values, measurement.gate_notes())
    if bundle.is_dir():
        add_measurement(bundle, measurement.to_json())
    if json_path is not None:
        write_json(json_path, measurement.to_json())
    if json_path is None or str(json_path) != "-":
        click.echo(render_measurement(measurement, gates))
    if not measurement.parity.passed:
        raise DeviceError(f"{device} computes something else: {measurement.parity.first_difference}")
    if failed_gates(gates):
        raise GateError(describe(gates))
