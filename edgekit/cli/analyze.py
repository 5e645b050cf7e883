"""`edgekit analyze`."""

from __future__ import annotations

import json
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
@click.option("--samples", type=click.IntRange(0), default=100, show_default=True,
              help="Run each choice on at most so many, 0 for all.")  # fmt: skip
@click.option("--choices", help="Try these alone, such as 'int8,int4,prune 50 %'.")
@click.option("--importance", type=click.Choice(["energy", "weights"]), default="energy", show_default=True,
              help="By what channels are put in order before the least important ones go.")  # fmt: skip
@click.option("-o", "--output", type=PATH, help=f"Write the page there: a .html file, or a folder for {PAGE}.")
@click.option("--json", "json_path", type=PATH, help="Write the numbers there, - for stdout.")
def analyze(
    model: Path,
    target: str,
    calibration: Path,
    samples: int,
    choices: str | None,
    importance: str,
    output: Path | None,
    json_path: Path | None,
) -> int:
    """What each layer would cost and save with fewer bits or fewer channels, one layer changed at a time.

    MODEL is any float model file that can be imported.
    """

    def work(progress: TerminalProgress) -> int:
        from edgekit.report.analysis_text import render_analysis

        options: dict[str, object] = {"importance": importance, "samples": samples}
        if choices:
            options["choices"] = choices
        found = _analyzed(model, target, calibration, options, progress)
        title = f"{model.name} on {target}"
        if output is not None:
            _write_page(output, found, title)
        if json_path is not None:
            write_json(json_path, found.to_json())
        if json_path is None or str(json_path) != "-":
            click.echo(render_analysis(found, title))
        return 0

    return guarded(work)


def _analyzed(
    path: Path, target: str, calibration: Path, options: dict[str, object], progress: TerminalProgress
) -> Analysis:
    """The analysis, or what is kept of the same one; an interrupted one goes on where it stopped."""
    from edgekit.bundle.versions import versions
    from edgekit.cli.load import model_bytes
    from edgekit.compress.analysis.analysis import SCHEMA, Analysis
    from edgekit.compress.analysis.analyze import AnalyzeOptions, analyze_in, require_layers
    from edgekit.compress.options import read_options, write_options
    from edgekit.compress.step import Setting
    from edgekit.core.cache import Cache, default_cache_folder
    from edgekit.core.files import sha256_bytes
    from edgekit.data.dataset import open_dataset
    from edgekit.data.feed import bind
    from edgekit.graph.codec import read
    from edgekit.job import CalibrationSamples, model_inputs
    from edgekit.targets.load import load_target

    wanted = read_options(AnalyzeOptions, options, "analyze")
    device, dataset = load_target(target), open_dataset(calibration)
    data = model_bytes(path, progress)
    loaded = read(data)
    require_layers(loaded)  # before samples that are float are said not to fit
    samples = CalibrationSamples(bind(dataset, model_inputs(loaded)))
    cache = Cache(default_cache_folder())
    key = {"schema": SCHEMA, "model": sha256_bytes(data), "samples": dataset.digest, "options": write_options(wanted),
           "target": sha256_bytes(repr(device).encode()), "versions": versions()}  # fmt: skip
    setting = Setting(device, samples, workspace=cache.workspace("analysis", key), progress=progress)

    def make(folder: Path) -> None:
        (folder / "analysis.json").write_text(json.dumps(analyze_in(loaded, wanted, setting).to_json()))

    return Analysis.from_json(json.loads((cache.get("analysis", key, make) / "analysis.json").read_text()))


def _write_page(output: Path, found: Analysis, title: str) -> None:
    from edgekit.core.files import write_atomic
    from edgekit.report.html_analysis import render_analysis_html

    path = output if output.suffix.lower() in (".html", ".htm") else output / PAGE
    write_atomic(path, render_analysis_html(found, title).encode())
    click.echo(f"page: {path}", err=True)
