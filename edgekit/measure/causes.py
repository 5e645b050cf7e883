"""Why a network takes the flash and the RAM that it does: the largest causes, and what would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.codegen.footprint import Footprint
from edgekit.codegen.plan.picture import ArenaBlock, ArenaPicture
from edgekit.core.units import format_bytes

MOST = 3
_NAME_WIDTH = 40
FLASH_HELP = "--recipe int4 (weights of 4 bits), prune-channels in the recipe, or --optimize size"
RAM_HELP = "--optimize ram, a smaller input, or prune-channels in the recipe"


def flash_causes(footprint: Footprint, by_layer: Mapping[int, int], names: Sequence[str]) -> tuple[str, ...]:
    """The three largest: weights of layers, or the code. `names` has `CONV_2D the/name` for each layer."""
    sizes = {f"weights of {_named(names, layer)}": nbytes for layer, nbytes in by_layer.items()}
    sizes["code and start-up"] = footprint.code_bytes
    largest = sorted(sizes, key=lambda what: -sizes[what])[:MOST]
    return tuple(f"{what} {format_bytes(sizes[what])}" for what in largest)


def ram_causes(picture: ArenaPicture, stack_bytes: int, static_bytes: int) -> tuple[str, ...]:
    """The three largest: what the arena's fullest step holds, and what lies beside the arena."""
    step = _fullest(picture)
    at = f"at {picture.steps[step]} (step {step} of {len(picture.steps) - 1})" if picture.steps else ""
    held = {f"{block.use} '{_short(block.name)}' {at}": block.nbytes for block in _held(picture, step)}
    held |= {"stack": stack_bytes, "variables beside the arena": static_bytes}
    largest = sorted(held, key=lambda what: -held[what])[:MOST]
    return tuple(f"{what} {format_bytes(held[what])}" for what in largest if held[what])


def _held(picture: ArenaPicture, step: int) -> list[ArenaBlock]:
    return [block for block in picture.blocks if block.first <= step <= block.last]


def _fullest(picture: ArenaPicture) -> int:
    """The step that reaches furthest into the arena, and of those the one that holds the most."""

    def reach(step: int) -> tuple[int, int]:
        held = _held(picture, step)
        return max((b.offset + b.nbytes for b in held), default=0), sum(b.nbytes for b in held)

    return max(range(len(picture.steps)), key=reach, default=0)


def _named(names: Sequence[str], layer: int) -> str:
    kind, _, name = (names[layer] if layer < len(names) else f"layer {layer}").partition(" ")
    return f"{kind} '{_short(name)}'" if name else kind


def _short(name: str) -> str:
    """The end of a long name, which tells more than its beginning."""
    return name if len(name) <= _NAME_WIDTH else f"…{name[1 - _NAME_WIDTH :]}"
