"""`edgekit demo`."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.guard import guarded
from edgekit.cli.progress import TerminalProgress

TARGETS = ("pixel-8", "raspberry-pi-4", "nucleo-l4r5zi")
PATH = click.Path(path_type=Path)


@click.command()
@click.option("-o", "--output", type=PATH, default=Path("demo-out"), show_default=True, help="Where the bundles go.")
@click.option("--cache", type=PATH, help="Where stages keep results, in place of ~/.cache.")
def demo(output: Path, cache: Path | None) -> int:
    """The main job on the bundled model: handwritten digits for a phone, a Raspberry Pi and a microcontroller."""

    def work(progress: TerminalProgress) -> int:
        import edgekit
        from edgekit.cli.build import run_build
        from edgekit.core.resources import data_folder
        from edgekit.job import BuildRequest
        from edgekit.targets.load import load_target

        samples = data_folder("calibration_data")
        request = BuildRequest(
            model=Path(edgekit.__file__).parent / "demo" / "digits.tflite",
            targets=tuple(load_target(name) for name in TARGETS),
            output=output,
            recipe="int8",
            calibration=samples / "digits",
            evaluation=samples / "digits-test",
        )
        return run_build(request, cache, None, progress)

    return guarded(work)
