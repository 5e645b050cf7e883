"""`edgekit build`, also installed as `device-build`."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from edgekit.cli.guard import guarded
from edgekit.cli.progress import FleetProgress, TerminalProgress

if TYPE_CHECKING:
    from edgekit.goal import Goal
    from edgekit.importers.base import ImportOptions
    from edgekit.job import BuildRequest, TargetResult
    from edgekit.targets.target import Target

E = TypeVar("E", bound=enum.Enum)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-t", "--target", "targets", required=True, multiple=True, help="Device class; several with commas.")
@click.option("--calibration", type=click.Path(path_type=Path), help="Samples without labels, for steps.")
@click.option("--training", type=click.Path(path_type=Path), help="Samples with labels, for steps that learn.")
@click.option("--evaluation", type=click.Path(path_type=Path), help="Samples with labels, for verification alone.")
@click.option("--evaluation-limit", type=click.IntRange(1), help="Verify on at most so many of them, evenly spread.")
@click.option("--recipe", help="A shipped recipe or a .toml file; without it the target's own.")
@click.option("--set", "settings", multiple=True, metavar="STEP.OPTION=VALUE", help="Change an option of the recipe.")
@click.option("--goal", "goals", multiple=True, metavar="KEY=SHARE",
              help="Prune until latency, macs or size is at most this share of the float model's.")  # fmt: skip
@click.option("--budget", "budgets", multiple=True, metavar="KEY=VALUE", help="A limit over the target's own.")
@click.option("--device", "devices", multiple=True, metavar="[TARGET=]URI",
              help="Measure there, and hold it to the budget; several at once.")  # fmt: skip
@click.option("--accept-emulated", is_flag=True, help="Hold times of emulated devices against limits too.")
@click.option("--optimize", type=click.Choice(["speed", "size", "ram"]),
              help="What the C for microcontrollers is made for; without it speed.")  # fmt: skip
@click.option("--rounding", type=click.Choice(["litert", "tflm"]),
              help="Whose FULLY_CONNECTED it computes; without it litert's, as the golden samples do.")  # fmt: skip
@click.option("--importer", help="Which importer, where the file's content does not tell.")
@click.option("--input-shape", "input_shapes", multiple=True, metavar="NAME=1,224,224,3", help="Fix a dynamic input.")
@click.option("--allow-unsafe", is_flag=True, help="Run code that the model file brings along.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("bundles"), show_default=True,
              help="Each bundle goes to OUTPUT/TARGET.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), help="Where stages keep results, in place of ~/.cache.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the reports there, - for stdout.")
def build(
    model: Path,
    targets: tuple[str, ...],
    calibration: Path | None,
    training: Path | None,
    evaluation: Path | None,
    evaluation_limit: int | None,
    recipe: str | None,
    settings: tuple[str, ...],
    goals: tuple[str, ...],
    budgets: tuple[str, ...],
    devices: tuple[str, ...],
    accept_emulated: bool,
    optimize: str | None,
    rounding: str | None,
    importer: str | None,
    input_shapes: tuple[str, ...],
    allow_unsafe: bool,
    output: Path,
    cache: Path | None,
    json_path: Path | None,
) -> int:
    """A trained model in, a checked bundle for each target out.

    MODEL is a .tflite, .keras, .h5, .onnx or .pt2 file, or a SavedModel folder.

    \b
      edgekit build model.keras -t raspberry-pi-4,nrf52840-dk --calibration samples.npz
    """

    def work(progress: TerminalProgress) -> int:
        from edgekit.codegen.call import Optimize, Rounding
        from edgekit.job import BuildRequest

        profiles = _targets(targets)
        request = BuildRequest(
            model, profiles, output, recipe, settings,
            calibration=calibration, training=training, evaluation=evaluation, evaluation_limit=evaluation_limit,
            goals=_goals(goals),
            budgets=_budgets(budgets),
            imports=_imports(importer, input_shapes, allow_unsafe),
            devices=devices, accept_emulated=accept_emulated,
            optimize=_for_mcu(Optimize, optimize, profiles),
            rounding=_for_mcu(Rounding, rounding, profiles),
        )  # fmt: skip
        return run_build(request, cache, json_path, progress)

    return guarded(work)


def _targets(groups: tuple[str, ...]) -> tuple[Target, ...]:
    """The profiles of names with commas between them, each once."""
    from edgekit.targets.load import load_target

    names = dict.fromkeys(name.strip() for group in groups for name in group.split(",") if name.strip())
    return tuple(load_target(name) for name in names)


def _for_mcu(choices: type[E], text: str | None, targets: tuple[Target, ...]) -> E:
    """An option of the C for microcontrollers, or its default, the first choice. Raises UsageError without any."""
    from edgekit.core.errors import UsageError
    from edgekit.targets.target import Kind

    if text is None:
        return next(iter(choices))
    if not any(target.kind is Kind.MCU for target in targets):
        name = choices.__name__.lower()
        raise UsageError(f"--{name} is for the C of microcontrollers, and no target is one", "name one with --target")
    return choices(text)


def _goals(texts: tuple[str, ...]) -> tuple[Goal, ...]:
    from edgekit.goal import parse_goal

    return tuple(parse_goal(text) for text in texts)


def _budgets(texts: tuple[str, ...]) -> dict[str, float]:
    from edgekit.targets.target import parse_budget

    return dict(parse_budget(text) for text in texts)


def _imports(importer: str | None, input_shapes: tuple[str, ...], allow_unsafe: bool) -> ImportOptions:
    from edgekit.importers.base import ImportOptions, parse_input_shape

    shapes = dict(parse_input_shape(text) for text in input_shapes)
    return ImportOptions(importer=importer, input_shapes=shapes, allow_unsafe=allow_unsafe)


def run_build(request: BuildRequest, cache: Path | None, json_path: Path | None, progress: TerminalProgress) -> int:
    """Build, show what came out, and return the exit code."""
    from edgekit.cli.main import show_error
    from edgekit.cli.output import write_json
    from edgekit.core.cache import Cache, default_cache_folder
    from edgekit.job import Workshop
    from edgekit.pipeline import build
    from edgekit.report.json import report_to_json

    fleet = FleetProgress(len(request.devices), max(map(len, request.devices))) if len(request.devices) > 1 else None
    results = build(request, Workshop(Cache(cache or default_cache_folder()), progress, fleet))
    if json_path is not None:
        write_json(json_path, [report_to_json(r.report) for r in results if r.report is not None])
    if json_path is None or str(json_path) != "-":
        _show(request, results)
    failures = [failure for result in results if (failure := result.failure)]
    for failure in failures:
        show_error(failure)
    return failures[0].exit_code if failures else 0


def _show(request: BuildRequest, results: tuple[TargetResult, ...]) -> None:
    """One target: its report. Several: a line each, and the page that compares them."""
    from edgekit.pipeline import index_of, write_index
    from edgekit.report.text import render_targets, render_text

    colour = sys.stdout.isatty()
    built = [result for result in results if result.report is not None]
    if len(built) == 1 and built[0].report is not None:
        click.echo(render_text(built[0].report, colour))
        click.echo(f"report  {built[0].folder / 'report.html'}")
    elif built:
        click.echo(render_targets(index_of(request, results), colour))
        click.echo(f"report  {write_index(request, results)}")
