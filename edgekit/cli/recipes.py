"""`edgekit recipes`."""

from __future__ import annotations

import click

from edgekit.cli.output import print_table


@click.command()
@click.argument("name", required=False)
def recipes(name: str | None) -> None:
    """The shipped recipes and what they do; with NAME, that recipe and every option of its steps."""
    from edgekit.recipe import PRESETS, load_recipe, preset_names

    if name is None:
        print_table(("recipe", "what it does"), [(n, load_recipe(n).title) for n in preset_names()])
        return
    recipe = load_recipe(name)
    preset = PRESETS / f"{name}.toml"
    click.echo(preset.read_text() if preset.exists() else recipe.title)
    for use in dict.fromkeys(step.use for step in recipe.steps):
        _print_options(use)


def _print_options(use: str) -> None:
    from edgekit.compress.options import describe
    from edgekit.compress.registry import STEPS

    rows = describe(type(STEPS.load(use).default_options()), f"{use}.")
    print_table(("option", "values", "default", "meaning"), [(r.name, r.values, r.default, r.meaning) for r in rows])
