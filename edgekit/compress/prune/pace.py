"""How many multiply-accumulates a model may have to be as fast as wished: found by timing, for one does not follow
from the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgekit.compress.probe import Feed
from edgekit.compress.prune.candidates import Candidate, Ranking, Search
from edgekit.compress.prune.costs import Limits
from edgekit.compress.prune.latency import latencies_us
from edgekit.compress.prune.remove import without_units
from edgekit.core.errors import UsageError
from edgekit.core.progress import tracked
from edgekit.graph.model import Model

STEPS = 6
"""So many models are timed on the way: their MACs are found to 1/64 of the whole."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Microseconds of one run of the original and of the pruned model; `note` says so where that is not faster."""

    before_us: float
    after_us: float
    note: str = ""


def limits_for_latency(
    search: Search, ranking: Ranking, limits: Limits, share: float, feed: Feed
) -> tuple[Limits, Pace]:
    """The most multiply-accumulates with which the model takes at most `share` of its time on this machine.

    Raises UsageError where no model is fast enough. Where none is faster at all the pace has a note.
    """
    whole = search.costs.macs({})
    low, high = 0.0, 1.0
    found: tuple[float, Pace] | None = None
    fastest: Pace | None = None
    for _ in tracked(range(STEPS), "latency", STEPS, search.progress):
        middle = share if (low, high) == (0.0, 1.0) else (low + high) / 2
        candidate = _best(search, ranking, replace(limits, macs=max(1, int(whole * middle))))
        if candidate is None:
            low = middle
            continue
        original = search.trial.model
        pace = timed(original, without_units(original, candidate.gone), feed)
        fastest = pace if fastest is None or pace.after_us < fastest.after_us else fastest
        if pace.after_us <= share * pace.before_us:
            low, found = middle, (middle, pace)
        else:
            high = middle
    if found is not None:
        return replace(limits, macs=max(1, int(whole * found[0]))), found[1]
    if fastest is None:
        raise UsageError("prune-channels cannot make the model faster: no channels that can go reach the goal")
    if fastest.note:
        return limits, fastest
    raise UsageError(
        f"prune-channels cannot reach {share:.0%} of the latency: the fastest model took "
        f"{fastest.after_us / fastest.before_us:.0%} ({fastest.after_us:.0f} us against {fastest.before_us:.0f} us)"
    )


def _best(search: Search, ranking: Ranking, limits: Limits) -> Candidate | None:
    return next(iter(search.plain(ranking, limits)), None)


def timed(original: Model, pruned: Model, feed: Feed) -> Pace:
    """Both against each other."""
    before, after = latencies_us((original, pruned), feed)
    note = "" if after < before else f"the pruned model is not faster here: {after:.0f} us against {before:.0f} us"
    return Pace(before, after, note)
