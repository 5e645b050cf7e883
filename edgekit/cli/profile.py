"""`edgekit profile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.fleet import fleet_progress, measured_words, nothing, show_failures
from edgekit.cli.output import write_json

if TYPE_CHECKING:
    from edgekit.measure.measurement import Measurement

PATH = click.Path(path_type=Path)
ACCELERATORS = ("cpu", "gpu", "npu")
SHOWN = 30


@click.command()
@click.argument("bundle", type=PATH)
@click.option("--device", "devices", required=True, multiple=True, metavar="URI", help="Where to run it; repeatable.")
@click.option("--python", default="", metavar="PATH", help="The interpreter to use on a board.")
@click.option("--accelerator", type=click.Choice(ACCELERATORS), default="cpu", show_default=True, help="On a phone.")
@click.option("--benchmark-model", type=PATH, help="LiteRT's benchmark_model for a phone.")
@click.option("--json", "json_path", type=PATH, help="Write the times there, - for stdout.")
def profile(
    bundle: Path,
    devices: tuple[str, ...],
    python: str,
    accelerator: str,
    benchmark_model: Path | None,
    json_path: Path | None,
) -> None:
    """Which operator takes the time, and which kernel or delegate ran it. Several devices are profiled at once."""
    from edgekit.bundle.read import open_bundle
    from edgekit.measure.check import check_bundle
    from edgekit.measure.fleet import FleetJob, on_fleet, parse_devices
    from edgekit.measure.options import Accelerator, CheckOptions
    from edgekit.report.text import profile_table

    uris, opened = parse_devices(devices), open_bundle(bundle)
    options = CheckOptions(python=python, accelerator=Accelerator(accelerator), benchmark_model=benchmark_model)

    job = FleetJob(lambda device, progress: check_bundle(opened, device, options, progress), nothing, measured_words)
    outcomes = on_fleet(uris, job, fleet_progress(uris))
    measured = [o.result for o in outcomes if o.result is not None]
    if json_path is not None:
        write_json(json_path, [_row(m) for m in measured])
    if json_path is None or str(json_path) != "-":
        for measurement in measured:
            if len(outcomes) > 1:
                click.echo(click.style(f"\n{measurement.device}", bold=True))
            click.echo(profile_table(measurement, SHOWN))
    show_failures(outcomes)


def _row(measurement: Measurement) -> dict[str, object]:
    """One device: times by operator, or, of a microcontroller, instructions by layer."""
    record = measurement.to_json()
    layers = {"layers": record["firmware"]["layers"]} if record["firmware"] else {}
    return {"device": measurement.device, **record["profile"], **layers}
