"""Choices of channels that reach a goal: in several orders, shared out over the groups in several ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.compress.prune.allocation import Allocation, Curve, allocate, even, polish
from edgekit.compress.prune.costs import Costs, Limits
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.importance import Importance
from edgekit.compress.prune.notes import Notes
from edgekit.compress.prune.trial import Gone, Trial
from edgekit.core.progress import Progress, tracked

TRADES = 24
"""So many changes of an allocation are tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A choice of units, how it was found, and how far the outputs are then from the original's."""

    by: str
    gone: Gone
    error: float
    agreement: float


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The units of every group in the order in which they go, and what is lost as they do."""

    importance: Importance
    orders: Mapping[str, Sequence[int]]
    curves: Mapping[str, Curve]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What finding candidates needs.

    Attributes:
        multiples: by group, what is left is a multiple of this.
        notes: where what was found is kept.
    """

    trial: Trial
    costs: Costs
    multiples: Mapping[str, int]
    notes: Notes
    progress: Progress

    def ranking(self, importance: Importance) -> Ranking:
        """Every group's units ranked, and measured."""
        orders, curves = {}, {}
        groups, label = self.trial.groups, f"sensitivity, {importance.value}"
        for group in tracked(groups, label, len(groups), self.progress):

            def make(group: Group = group) -> list[Sequence[float]]:
                order = self.trial.order(group, importance)
                curve = self.trial.curve(group, order, self.multiples[group.name])
                return [order, curve.levels, curve.losses]

            order, levels, losses = self.notes.get(f"{importance.value} {group.name}", make)
            orders[group.name], curves[group.name] = tuple(order), Curve(tuple(levels), tuple(losses))
        return Ranking(importance, orders, curves)

    def candidates(self, ranking: Ranking, limits: Limits) -> list[Candidate]:
        """The choices that reach the limits, the one closest to the original first; none where nothing does."""
        curves = ranking.curves
        inner = {g.name: curves[g.name] for g in self.trial.groups if _makers(g) == 1}

        def excess(counts: Mapping[str, int]) -> float:
            return self.costs.excess(limits, counts)

        def error(counts: Mapping[str, int]) -> float:
            return self.trial.judge.verdict(self.trial.outcome(_chosen(ranking, counts))).error

        ways: list[tuple[str, Allocation]] = [("by sensitivity", allocate(curves, excess))]
        if ways[0][1].excess > 0:
            return []
        ways[0] = (ways[0][0], Allocation(polish(ways[0][1].gone, curves, excess, error, TRADES), 0.0))
        ways.append(("in even shares", even(curves, excess)))
        if 0 < len(inner) < len(curves):
            ways.append(("by sensitivity, between layers only", allocate(inner, excess)))
        found = [self._candidate(ranking, name, a.gone) for name, a in ways if a.excess <= 0]
        return sorted(found, key=lambda c: c.error)

    def least(self, ranking: Ranking) -> dict[str, int]:
        """The most units that can go."""
        return {name: curve.levels[-1] for name, curve in ranking.curves.items()}

    def _candidate(self, ranking: Ranking, name: str, counts: Mapping[str, int]) -> Candidate:
        dead = {g: list(units) for g, units in self.trial.dead.items()}
        gone = {**dead, **_chosen(ranking, counts)}
        verdict = self.trial.judge.verdict(self.trial.outcome(gone))
        return Candidate(f"{ranking.importance.value} {name}", gone, verdict.error, verdict.agreement)


def _chosen(ranking: Ranking, counts: Mapping[str, int]) -> dict[str, Sequence[int]]:
    return {name: ranking.orders[name][:count] for name, count in counts.items() if count}


def _makers(group: Group) -> int:
    """How many operators make a group's channels: more than one where a sum joins them."""
    return len({p.op for p in group.parts if p.role is Role.PRODUCES})
