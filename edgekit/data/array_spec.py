"""What is known of an array before it is read."""

from __future__ import annotations

from dataclasses import dataclass

TEXT = "str"
"""The dtype of text: a 0-d array of one string."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """Shape without a batch dimension (-1: differs from sample to sample) and numpy name of the dtype."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} {format_shape(self.shape)}"


def format_shape(shape: tuple[int, ...]) -> str:
    """A shape for a person: `"49x10x1"`, `"?x?x3"`, `"scalar"`."""
    return "x".join("?" if n < 0 else str(n) for n in shape) or "scalar"


def fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether two shapes can be the same one; -1 stands for any length."""
    return len(shape) == len(wanted) and all(a == b or -1 in (a, b) for a, b in zip(shape, wanted, strict=True))
