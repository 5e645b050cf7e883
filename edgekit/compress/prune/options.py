"""The options of the step "prune-channels"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from edgekit.compress.options import read_options, write_options
from edgekit.compress.prune.importance import Importance

_GOALS = ("macs", "size", "ram", "latency")


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """What "prune-channels" does. Without a goal only channels go that do nothing."""

    macs: Annotated[float | None, "the share of the multiply-accumulates that shall be left"] = None
    size: Annotated[float | None, "the share of the bytes of weights that shall be left"] = None
    ram: Annotated[float | None, "the share of the peak of live activations that shall be left"] = None
    latency: Annotated[float | None, "the share of the time, measured on this machine, that shall be left"] = None
    multiple: Annotated[int, "channels are left in multiples of this; 0 takes what the target's kernels like"] = 0
    importance: Annotated[Importance, "which channels go first"] = Importance.AUTO
    refit: Annotated[bool, "fit the layers behind a cut to the original's outputs"] = True
    dead: Annotated[bool, "remove channels that are constant whatever comes in"] = True
    exclude: Annotated[tuple[str, ...], "operators whose channels stay: names, or patterns with * and ?"] = ()
    samples: Annotated[int, "at most so many calibration samples are looked at"] = 512

    def __post_init__(self) -> None:
        for name in _GOALS:
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ValueError(f"{name} is the share that is left, between 0 and 1, not {value}")
        if self.multiple < 0:
            raise ValueError(f"multiple is {self.multiple}; it must be positive, or 0")
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; at least one is needed")

    @property
    def has_goal(self) -> bool:
        """Whether anything is to go that is not dead."""
        return any(getattr(self, name) is not None for name in _GOALS)

    @staticmethod
    def from_mapping(mapping: Mapping[str, object]) -> PruneOptions:
        """Options from plain values. Raises UsageError for an unknown key or a wrong value."""
        return read_options(PruneOptions, mapping, "prune-channels")

    def to_json(self) -> dict[str, object]:
        """Plain values that `from_mapping` reads."""
        return write_options(self)
