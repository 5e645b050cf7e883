"""`targets/<name>.toml` -> Target, strictly."""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from edgekit.core.errors import UsageError
from edgekit.core.files import read_bytes
from edgekit.core.resources import data_folder
from edgekit.targets.table import Table
from edgekit.targets.target import (
    BUDGET_KEYS,
    Accelerator,
    Budget,
    Connect,
    Core,
    Cpu,
    Isa,
    Kind,
    Memory,
    RuntimeKind,
    Source,
    Target,
)

SCHEMA = 1
UNSURE = "unsure: "  # a source that begins so marks a fact that is inferred or not confirmed
FACTS = (
    "title",
    "runtime",
    "cpu.soc",
    "cpu.cores",
    "cpu.isa",
    "memory.ram",
    "memory.flash",
    "memory.external_ram",
    "memory.external_flash",
    "accelerator",
    "budget",
    "recipe.default",
    "connect.transport",
)
_TOP = (
    "schema", "inherit", "title", "kind", "runtime", "cpu", "memory", "accelerator", "budget", "recipe", "connect",
    "sources",
)  # fmt: skip
_ACCELERATOR = ("name", "config", "system_config", "memory_mode")
_MEMORY = ("ram", "flash", "external_ram", "external_flash")

E = TypeVar("E", bound=enum.Enum)


def targets_folder() -> Path:
    """The folder of shipped profiles."""
    return data_folder("targets")


def target_names() -> tuple[str, ...]:
    """The names of the shipped profiles, sorted."""
    return tuple(sorted(path.stem for path in targets_folder().glob("*.toml")))


def load_target(name: str) -> Target:
    """The shipped target called `name`; a `name` that ends in `.toml` is a file's path. Raises UsageError."""
    if name.endswith(".toml"):
        return load_file(Path(name))
    if name not in target_names():
        raise UsageError(f"there is no target called {name!r}", f"known: {', '.join(target_names())}")
    return load_file(targets_folder() / f"{name}.toml")


def load_file(path: Path) -> Target:
    """The target in a file; its name is the file's. Raises UsageError with file, key and what is known."""
    values = _read(path)
    _check_schema(path, values)
    if "inherit" in values:
        values = _merged(_parent(path, values["inherit"]), values)
    return _target(path.stem, Table(path.name, "", values, _TOP))


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(read_bytes(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name}: not valid TOML: {error}") from error


def _check_schema(path: Path, values: Mapping[str, object]) -> None:
    if values.get("schema") != SCHEMA:
        raise UsageError(f"{path.name}: schema is {values.get('schema')!r}; this version reads schema = {SCHEMA}")


def _parent(path: Path, name: object) -> dict[str, object]:
    """The profile that `path` inherits from. One level only: facts must not hide three files away."""
    folder = next((f for f in (path.parent, targets_folder()) if (f / f"{name}.toml").is_file()), None)
    if folder is None or not isinstance(name, str):
        raise UsageError(f"{path.name}: inherit is {name!r}, which is no target", f"known: {', '.join(target_names())}")
    values = _read(folder / f"{name}.toml")
    if "inherit" in values:
        raise UsageError(f"{path.name}: inherits from {name}, which itself inherits", "inherit from a whole profile")
    return values


def _merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """`base` with `over` on it; tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _target(name: str, top: Table) -> Target:
    return Target(
        name=name,
        title=top.text("title"),
        kind=_choice(top, "kind", Kind),
        runtime=_choice(top, "runtime", RuntimeKind),
        cpu=_cpu(top.table("cpu", ("soc", "cores", "isa"))),
        memory=_memory(top.table("memory", _MEMORY)),
        accelerators=tuple(
            Accelerator(*(unit.text("name"), *(unit.text(key, default="") for key in _ACCELERATOR[1:])))
            for unit in top.tables("accelerator", _ACCELERATOR)
        ),
        budget=_budget(top.table("budget", BUDGET_KEYS)),
        recipe_default=top.table("recipe", ("default",)).text("default"),
        connect=Connect(top.table("connect", ("transport",)).text("transport")),
        sources=_sources(top.table("sources", FACTS)),
    )


def _cpu(table: Table) -> Cpu:
    cores = tuple(
        Core(core.text("name"), core.integer("count"), core.number("ghz"))
        for core in table.tables("cores", ("name", "count", "ghz"))
    )
    isa = tuple(_member(table, "isa", text, Isa) for text in table.texts("isa"))
    return Cpu(table.text("soc"), cores, isa)


def _memory(table: Table) -> Memory:
    sizes = [table.size(key) for key in _MEMORY]
    return Memory(*sizes)


def _budget(table: Table) -> Budget:
    limits = {key: table.number(key) for key in BUDGET_KEYS}
    try:
        return Budget().merge({key: value for key, value in limits.items() if value is not None})
    except UsageError as error:
        raise UsageError(f"{table.file}: {error.message}", error.hint) from error


def _sources(table: Table) -> tuple[Source, ...]:
    return tuple(
        Source(fact, text.removeprefix(UNSURE), certain=not text.startswith(UNSURE))
        for fact, text in table.items().items()
    )


def _choice(table: Table, key: str, choices: type[E]) -> E:
    return _member(table, key, table.text(key), choices)


def _member(table: Table, key: str, text: str, choices: type[E]) -> E:
    try:
        return choices(text)
    except ValueError:
        known = ", ".join(choice.value for choice in choices)
        raise UsageError(f"{table.file}: {key} is {text!r}", f"known: {known}") from None
