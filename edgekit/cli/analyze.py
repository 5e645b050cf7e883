"""`edgekit analyze`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.guard import guarded
from edgekit.cli.output import write_json
from edgekit.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from edgekit.compress.analysis.analysis import Analysis

PATH = click.Path(path_type=Path)
PAGE = "analysis.html"


@click.command()
@click.argument("model", type=PATH)
@click.option("-t", "--target", default="local", show_default=True, help="Whose kernels are asked.")
@click.option("--calibration", type=PATH, required=True, help="Samples to run, without labels.")
@click.option("--samples", type=click.IntRange(1), help="Run each choice on at most so many; 100 by default.")
@click.option("--importance", type=click.Choice(["energy", "weights"]), default="energy", show_default=True,
              help="By what channels are put in order before the least important ones go.")  # fmt: skip
@click.option("-o", "--output", type=PATH, help=f"Write the page there: a .html file, or a folder for {PAGE}.")
@click.option("--json", "json_path", type=PATH, help="Write the numbers there, - for stdout.")
def analyze(
    model: Path,
    target: str,
    calibration: Path,
    samples: int | None,
    importance: str,
    output: Path | None,
    json_path: Path | None,
) -> int:
    """What each layer would cost and save with fewer bits or fewer channels, one layer changed at a time.

    MODEL is any float model file that can be imported.
    """

    def work(progress: TerminalProgress) -> int:
        from edgekit.report.analysis_text import render_analysis

        found = _analyzed(model, target, calibration, {"importance": importance} | _limit(samples), progress)
        title = f"{model.name} on {target}"
        if output is not None:
            _write_page(output, found, title)
        if json_path is not None:
            write_json(json_path, found.to_json())
        if json_path is None or str(json_path) != "-":
            click.echo(render_analysis(found, title))
        return 0

    return guarded(work)


def _limit(samples: int | None) -> dict[str, object]:
    return {} if samples is None else {"samples": samples}


def _analyzed(
    path: Path, target: str, calibration: Path, options: dict[str, object], progress: TerminalProgress
) -> Analysis:
    from edgekit.cli.load import model_bytes
    from edgekit.compress.analysis.analyze import AnalyzeOptions, analyze
    from edgekit.compress.options import read_options
    from edgekit.data.dataset import open_dataset
    from edgekit.data.feed import bind
    from edgekit.graph.codec import read
    from edgekit.job import CalibrationSamples, model_inputs
    from edgekit.targets.load import load_target

    device, dataset = load_target(target), open_dataset(calibration)
    loaded = read(model_bytes(path, progress))
    samples = CalibrationSamples(bind(dataset, model_inputs(loaded)))
    return analyze(loaded, samples, read_options(AnalyzeOptions, options, "analyze"), device, progress)


def _write_page(output: Path, found: Analysis, title: str) -> None:
    from edgekit.core.files import write_atomic
    from edgekit.report.html_analysis import render_analysis_html

    path = output if output.suffix.lower() in (".html", ".htm") else output / PAGE
    write_atomic(path, render_analysis_html(found, title).encode())
    click.echo(f"page: {path}", err=True)
