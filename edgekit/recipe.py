"""Recipes: what is done to a model, as an ordered list of steps with options.

In: a preset's name or a TOML file, and `--set step.option=value`. Out: a frozen Recipe.
A recipe only names steps and options; each step's options class says what they may be.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.core.files import read_bytes

SCHEMA = 1
PRESETS = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class StepUse:
    """One step of a recipe: its name in the registry and the options as written."""

    use: str
    options: tuple[tuple[str, object], ...]

    def mapping(self) -> dict[str, object]:
        """The options as a step's options class reads them."""
        return dict(self.options)


@dataclass(frozen=True, slots=True)
class Recipe:
    """An ordered list of steps. An empty one ships the model as it was imported."""

    name: str
    title: str
    steps: tuple[StepUse, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values, as they stand in the manifest."""
        steps = [{"use": step.use, **step.mapping()} for step in self.steps]
        return {"name": self.name, "title": self.title, "steps": steps}


def preset_names() -> tuple[str, ...]:
    """The names of the shipped recipes."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def load_recipe(name_or_path: str) -> Recipe:
    """The preset of that name, or the recipe in that file. Raises UsageError or StorageError."""
    if name_or_path in preset_names():
        return _read(PRESETS / f"{name_or_path}.toml")
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.exists():
        return _read(path)
    known = ", ".join(preset_names())
    raise UsageError(f"there is no recipe called {name_or_path!r}", f"known: {known}; or the path of a .toml file")


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """`recipe` with each `"step.option=value"` put over it. Raises UsageError."""
    for setting in settings:
        key, equals, value = setting.partition("=")
        step, dot, option = key.strip().partition(".")
        if not (equals and dot and option):
            raise UsageError(f"{setting!r} is not a setting", "write step.option=value, such as quantize.scheme=int8")
        recipe = _set(recipe, step, option.split("."), _value(value.strip()))
    return recipe


def _set(recipe: Recipe, use: str, option: list[str], value: object) -> Recipe:
    if use not in {step.use for step in recipe.steps}:
        known = ", ".join(step.use for step in recipe.steps) or "none"
        raise UsageError(f"the recipe {recipe.name} has no step {use!r}", f"its steps: {known}")
    steps = tuple(_step_with(step, option, value) if step.use == use else step for step in recipe.steps)
    return Recipe(recipe.name, recipe.title, steps)


def _step_with(step: StepUse, option: list[str], value: object) -> StepUse:
    return StepUse(step.use, tuple(_nested(step.mapping(), option, value).items()))


def _nested(table: Mapping[str, object], keys: list[str], value: object) -> dict[str, object]:
    """`table` with `value` at the dotted path `keys`."""
    if len(keys) == 1:
        return {**table, keys[0]: value}
    inner = table.get(keys[0], {})
    if not isinstance(inner, Mapping):
        raise UsageError(f"{keys[0]!r} is a single value, so {'.'.join(keys)!r} cannot be set")
    return {**table, keys[0]: _nested(inner, keys[1:], value)}


def _value(text: str) -> object:
    """A value as TOML reads it; what is no TOML value is a string, so that people need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _read(path: Path) -> Recipe:
    try:
        table = tomllib.loads(read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a recipe: {error}") from error
    _only(table, {"schema", "title", "step"}, str(path))
    if table.get("schema") != SCHEMA:
        raise UsageError(f"{path}: schema is {table.get('schema')!r}; this edgekit reads schema = {SCHEMA}")
    steps = table.get("step", [])
    if not isinstance(steps, list):
        raise UsageError(f"{path}: step is not a list of tables", "write each step as [[step]]")
    return Recipe(path.stem, str(table.get("title", "")), tuple(_step(step, path) for step in steps))


def _step(table: object, path: Path) -> StepUse:
    if not isinstance(table, dict) or not isinstance(table.get("use"), str):
        raise UsageError(f"{path}: a step does not say which one", 'write use = "quantize" below [[step]]')
    return StepUse(table["use"], tuple((key, value) for key, value in table.items() if key != "use"))


def _only(table: Mapping[str, object], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}", f"known: {', '.join(sorted(known))}")
