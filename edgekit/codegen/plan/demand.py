"""What placement is given and what it gives: blocks of bytes alive for some steps, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes in one piece, taken from step `first` to step `last`, both included, at a multiple of `align`."""

    nbytes: int
    first: int
    last: int
    align: int = 1

    def is_alive(self, step: int) -> bool:
        """The block is taken at `step`."""
        return self.first <= step <= self.last


@dataclass(frozen=True, slots=True)
class Over:
    """Blocks may overlap though alive at the same time, if `high` starts at least `ahead` >= 0 bytes above `low`.

    `high` is read for the last time in the step in which `low` is written for the first time.
    """

    high: int
    low: int
    ahead: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Blocks, by number, and which may overlap how; all others that are alive at the same time lie apart."""

    blocks: tuple[Block, ...]
    overs: tuple[Over, ...] = ()

    def gaps(self) -> list[dict[int, int]]:
        """gaps[i][k]: the least (offset of i) - (offset of k) where i is the upper one of two that meet in time."""
        found: list[dict[int, int]] = [{} for _ in self.blocks]
        for i, block in enumerate(self.blocks):
            for k, other in enumerate(self.blocks):
                if i != k and block.first <= other.last and other.first <= block.last:
                    found[i][k] = other.nbytes
        for over in self.overs:
            if over.low in found[over.high]:
                found[over.high][over.low] = min(over.ahead, self.blocks[over.low].nbytes)
        return found

    def steps(self) -> range:
        """All steps in which something is alive."""
        return range(min((b.first for b in self.blocks), default=0), max((b.last for b in self.blocks), default=-1) + 1)

    def partners(self, step: int) -> Mapping[int, Mapping[int, int]]:
        """For each block first written in `step`, those that it may lie under, with their `ahead`."""
        found: dict[int, dict[int, int]] = {}
        for over in self.overs:
            if self.blocks[over.low].is_alive(step) and self.blocks[over.high].is_alive(step):
                found.setdefault(over.low, {})[over.high] = over.ahead
        return found


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each block starts, and the bytes of all."""

    offsets: tuple[int, ...]
    nbytes: int


def layout_of(demand: Demand, offsets: tuple[int, ...]) -> Layout:
    """The layout with these offsets."""
    return Layout(offsets, max((o + b.nbytes for o, b in zip(offsets, demand.blocks, strict=True)), default=0))


def is_legal(demand: Demand, layout: Layout) -> bool:
    """Every pair that meets in time lies as it may."""
    gaps, at = demand.gaps(), layout.offsets
    aligned = all(offset % block.align == 0 for offset, block in zip(at, demand.blocks, strict=True))
    pairs = ((i, k) for i in range(len(at)) for k in gaps[i] if k < i)
    return aligned and all(at[i] - at[k] >= gaps[i][k] or at[k] - at[i] >= gaps[k][i] for i, k in pairs)


def round_up(value: int, align: int) -> int:
    """The least multiple of `align` that is not below `value`."""
    return -(-value // align) * align
