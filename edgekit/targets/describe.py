"""A target as text, for `edgekit targets show` and `edgekit targets list`."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.core.units import KIB
from edgekit.targets.target import Accelerator, Core, Source, Target

_LABELS = {
    "title": "name",
    "runtime": "runtime",
    "cpu.soc": "chip",
    "cpu.cores": "cores",
    "cpu.isa": "extensions",
    "memory.ram": "RAM",
    "memory.flash": "flash",
    "memory.external_ram": "external RAM",
    "memory.external_flash": "external flash",
    "accelerator": "accelerators",
    "budget": "budget",
    "recipe.default": "recipe",
    "connect.transport": "transport",
}


def describe(target: Target) -> str:
    """All facts of a target with their sources; `(?)` marks the ones that are inferred or not confirmed."""
    lines = [f"{target.name} ({target.kind.value})", ""]
    width = max(map(len, _LABELS.values()))
    sources = {source.fact: source for source in target.sources}
    for fact, value in facts(target):
        source = sources.get(fact)
        lines.append(f"{_LABELS[fact]:<{width}}  {value}{_mark(source)}")
    lines += ["", "sources"]
    lines += [f"{_LABELS[source.fact]:<{width}}  {source.text}{_mark(source)}" for source in target.sources]
    return "\n".join(lines) + "\n"


def summary(target: Target) -> str:
    """One line on a target for a list: its title, its fastest core and its memory."""
    core = target.cpu.cores[0].name if target.cpu.cores else target.cpu.soc
    ram = target.memory.ram_bytes
    return f"{target.title}: {core}{f', {_size(ram)} RAM' if ram is not None else ''}, {target.runtime.value}"


def facts(target: Target) -> Iterator[tuple[str, str]]:
    """The facts of a target that are there, by the name under which `[sources]` lists them."""
    memory = target.memory
    texts = {
        "title": target.title,
        "runtime": target.runtime.value,
        "cpu.soc": target.cpu.soc,
        "cpu.cores": ", ".join(map(_core, target.cpu.cores)),
        "cpu.isa": ", ".join(extension.value for extension in target.cpu.isa) or ("none" if target.cpu.cores else ""),
        "memory.ram": _size(memory.ram_bytes),
        "memory.flash": _size(memory.flash_bytes),
        "memory.external_ram": _size(memory.external_ram_bytes),
        "memory.external_flash": _size(memory.external_flash_bytes),
        "accelerator": ", ".join(map(_unit, target.accelerators)),
        "budget": ", ".join(f"{key} {value:g}" for key, value in target.budget.limits().items()),
        "recipe.default": target.recipe_default,
        "connect.transport": target.connect.transport,
    }
    return ((fact, text) for fact, text in texts.items() if text)


def _core(core: Core) -> str:
    clock = f" at {core.ghz:g} GHz" if core.ghz is not None else ""
    return f"{core.count} x {core.name}{clock}"


def _unit(unit: Accelerator) -> str:
    settings = ", ".join(word for word in (unit.config, unit.system_config, unit.memory_mode) if word)
    return f"{unit.name} ({settings})" if settings else unit.name


def _size(size_bytes: int | None) -> str:
    """Exact to half a unit, as data sheets write it: `"13.5 MiB"`."""
    if size_bytes is None:
        return ""
    for unit, factor in (("GiB", KIB**3), ("MiB", KIB**2)):
        if size_bytes >= factor and size_bytes * 2 % factor == 0:
            return f"{size_bytes / factor:g} {unit}"
    return f"{size_bytes / KIB:g} KiB"


def _mark(source: Source | None) -> str:
    return " (?)" if source is not None and not source.certain else ""
