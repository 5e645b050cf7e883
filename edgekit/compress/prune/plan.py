"""The plan of the step "prune-channels": which channels go, and the weights of those that read the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.matrices import from_plain, to_plain
from edgekit.compress.prune.options import PruneOptions
from edgekit.compress.step import Change
from edgekit.core.units import format_bytes


@dataclass(frozen=True, slots=True)
class GroupCut:
    """What becomes of one group of coupled channels.

    Attributes:
        name, kind: of the operator that makes them.
        units: how many there are.
        gone: the numbers of those that go.
        dead: how many of those hold the same value whatever comes in.
        why: why none goes, or how those that go were chosen.
    """

    name: str
    kind: str
    units: int
    gone: tuple[int, ...]
    dead: int
    why: str

    @property
    def change(self) -> Change:
        """In words."""
        if not self.gone:
            return Change(self.name, self.kind, f"keeps its {self.units} channels", self.why)
        what = f"{self.units - len(self.gone)} of {self.units} channels left"
        return Change(self.name, self.kind, what + (f", {self.dead} were dead" if self.dead else ""), self.why)


@dataclass(frozen=True, slots=True, eq=False)
class NewWeights:
    """The values of a constant of the smaller model, by its tensor's name."""

    tensor: str
    values: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bill:
    """What a model costs: `ram_bytes` is the peak of live activations, `latency_us` None where it was not measured."""

    macs: int
    weight_bytes: int
    ram_bytes: int
    latency_us: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """How a result does (see `judge.Verdict`), and how its channels were chosen."""

    by: str
    error: float
    agreement: float | None


@dataclass(frozen=True, slots=True, eq=False)
class PrunePlan:
    """The whole decision; `apply` adds nothing to it.

    Attributes:
        tried: every way of choosing that was measured; the first is the one taken.
        note: why less was done than asked for, "" where it was done.
        refitted: the layers that were fitted to the original's outputs.
    """

    options: PruneOptions
    cuts: tuple[GroupCut, ...]
    weights: tuple[NewWeights, ...]
    before: Bill
    after: Bill
    tried: tuple[Judged, ...]
    refitted: tuple[str, ...]
    note: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """One for each group of coupled channels, under the operator that makes them."""
        return tuple(cut.change for cut in self.cuts)

    @property
    def predicted_bytes(self) -> int:
        """Bytes of weights of the result."""
        return self.after.weight_bytes

    @property
    def gone(self) -> dict[str, tuple[int, ...]]:
        """The units that go, by group."""
        return {cut.name: cut.gone for cut in self.cuts if cut.gone}

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        gone, dead = sum(len(c.gone) for c in self.cuts), sum(c.dead for c in self.cuts)
        if not gone:
            return ("no channel is removed" + (f": {self.note}" if self.note else ""), *self._pinned())
        before, after = self.before, self.after
        lines = [
            f"{gone} of {sum(c.units for c in self.cuts)} channels removed, {dead} of them dead; "
            f"multiply-accumulates {after.macs / max(before.macs, 1):.0%}, weights from "
            f"{format_bytes(before.weight_bytes)} to {format_bytes(after.weight_bytes)}, activations from "
            f"{format_bytes(before.ram_bytes)} to {format_bytes(after.ram_bytes)}"
        ]
        if before.latency_us and after.latency_us:
            lines.append(f"{before.latency_us:.0f} us became {after.latency_us:.0f} us on this machine, one thread")
        lines += [self.note] if self.note else []
        if self.tried:
            best, *others = self.tried
            same = (
                "" if best.agreement is None else f"{best.agreement:.1%} of held out samples agree with the original, "
            )
            lines.append(f"channels chosen by {best.by}: {same}the error is {best.error:.3g}")
            lines += [f"by {o.by} the error was {o.error:.3g}" for o in others]
        if self.refitted:
            lines.append(f"{len(self.refitted)} layers behind the cuts were fitted to the original's outputs")
        return (*lines, *self._pinned())

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "options": self.options.to_json(),
            "cuts": [[c.name, c.kind, c.units, list(c.gone), c.dead, c.why] for c in self.cuts],
            "weights": [[w.tensor, to_plain(w.values)] for w in self.weights],
            "before": _bill(self.before),
            "after": _bill(self.after),
            "tried": [[j.by, j.error, j.agreement] for j in self.tried],
            "refitted": list(self.refitted),
            "note": self.note,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> PrunePlan:
        """What `to_json` wrote."""
        return PrunePlan(
            options=PruneOptions.from_mapping(plain["options"]),
            cuts=tuple(GroupCut(n, k, u, tuple(gone), dead, why) for n, k, u, gone, dead, why in plain["cuts"]),
            weights=tuple(NewWeights(n, from_plain(values)) for n, values in plain["weights"]),
            before=Bill(*plain["before"]),
            after=Bill(*plain["after"]),
            tried=tuple(Judged(*row) for row in plain["tried"]),
            refitted=tuple(plain["refitted"]),
            note=plain["note"],
        )

    def _pinned(self) -> list[str]:
        return [f"{c.kind} {c.name} keeps its {c.units} channels: {c.why}" for c in self.cuts if not c.gone and c.why]


def _bill(bill: Bill) -> list[object]:
    return [bill.macs, bill.weight_bytes, bill.ram_bytes, bill.latency_us]
