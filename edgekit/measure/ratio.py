"""The ratio of two bundles' latencies, and what may be said of it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.measure.measurement import Conditions
from edgekit.measure.statistics import percentile, quantile_interval


class Verdict(enum.Enum):
    """Which of two bundles is faster, where that can be said."""

    FASTER = "faster"
    SLOWER = "slower"
    UNDECIDED = "undecided"


VERDICTS = {
    Verdict.FASTER: "A is faster",
    Verdict.SLOWER: "A is slower",
    Verdict.UNDECIDED: "no verdict, for the interval holds 1",
}
"""The verdicts in words; too few blocks have an interval of everything."""


@dataclass(frozen=True, slots=True)
class Versus:
    """Bundle A against bundle B on one device.

    `ratio` is the median over blocks of A's latency over B's in the same block, `low` and `high` its 95 % interval
    (None where the blocks were too few), `p50_a_us` and `p50_b_us` the medians over all blocks. `how` says in which
    order they ran. `words` is the result in one sentence.
    """

    device: str
    sha256_a: str
    sha256_b: str
    ratio: float
    low: float | None
    high: float | None
    verdict: Verdict
    p50_a_us: float
    p50_b_us: float
    block_count: int
    how: str
    conditions: Conditions
    words: str


def judge(ratios: Sequence[float]) -> tuple[float, float | None, float | None, Verdict]:
    """Ratio, its interval, and what that allows to be said: nothing where it holds 1. Ratios in their order.

    A block's ratio is of two medians from the same moment, so that what slows both cancels out. Raises ValueError on
    none.
    """
    ratio, interval = percentile(ratios, 50), quantile_interval(ratios, 50)
    if interval is None:
        return ratio, None, None, Verdict.UNDECIDED
    if interval.high < 1:
        return ratio, interval.low, interval.high, Verdict.FASTER
    return ratio, interval.low, interval.high, Verdict.SLOWER if interval.low > 1 else Verdict.UNDECIDED
