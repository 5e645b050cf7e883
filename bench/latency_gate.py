"""How often a latency gate is wrong: the rule of edgekit.measure.gates against a single run held against its limit.

Usage: python -m bench.latency_gate [--trials N] [--json FILE]

Simulated launches of one program on one device, with a fixed seed. A run takes a base time that drifts within a launch,
has lognormal noise and a tail; a launch is shifted as a whole (pages, cores), meets bursts of another program, and one
in four slows by 3 % while it runs. "device / limit" is the typical p90 of the device, the median over launches, over
the limit: below 1 every failure is a false alarm, above 1 every one that is not is a miss (a pass, or undecided).
"flaps" is how often two checks of the same program disagree whether the job fails.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgekit.measure.gates import MOST_LAUNCHES, Ruling, rule_on
from edgekit.measure.statistics import percentile

RATIOS = (0.80, 0.90, 0.95, 0.97, 0.99, 1.01, 1.03, 1.05, 1.10, 1.20)
SHIFTS = (0.01, 0.02, 0.04)
RUNS = 200
_NOISE, _WALK, _DRIFT = 0.03, 0.02, 0.03
_TAIL_SHARE, _TAIL = 0.06, 0.10
_BURSTS = 0.7


@dataclass(frozen=True, slots=True)
class Row:
    """Shares are 0 to 1 of `trials` checks; `shift` is the standard deviation between launches."""

    shift: float
    device_over_limit: float
    one_run_fails: float
    one_run_flaps: float
    rule_fails: float
    rule_undecided: float
    rule_passes: float
    rule_flaps: float
    launches: float


def launch_p90(rng: np.random.Generator, shift: float) -> float:
    """The 90th percentile of one launch on a device whose undisturbed run takes 1."""
    logs = shift * rng.normal() + _NOISE * rng.normal(size=RUNS)
    times = np.exp(logs + _WALK * np.cumsum(rng.normal(size=RUNS)) / math.sqrt(RUNS))
    times *= 1 + _TAIL * rng.exponential(size=RUNS) * (rng.random(RUNS) < _TAIL_SHARE)
    for _ in range(rng.poisson(_BURSTS)):
        start, length = rng.integers(RUNS), rng.integers(3, 20)
        times[start : start + length] *= rng.uniform(1.2, 2.0)
    if rng.random() < 0.25:
        times *= 1 + np.linspace(0, _DRIFT, RUNS)
    return percentile(times.tolist(), 90)


def check(numbers: Sequence[float], limit: float) -> tuple[Ruling, int]:
    """What the rule says in the end, and after how many launches."""
    for count in range(1, MOST_LAUNCHES + 1):
        ruling = rule_on(limit, numbers[:count])
        if ruling is not Ruling.MORE:
            return ruling, count
    raise AssertionError("the rule never ends")


def measure(shift: float, trials: int, rng: np.random.Generator) -> list[Row]:
    """A row for each ratio."""
    pool = np.array([launch_p90(rng, shift) for _ in range(10 * trials)])
    typical = float(np.median(pool))
    rows = []
    for ratio in RATIOS:
        limit = typical / ratio
        ends = [check(rng.choice(pool, MOST_LAUNCHES).tolist(), limit) for _ in range(trials)]
        fails, undecided, passes = (
            sum(ruling is wanted for ruling, _ in ends) / trials
            for wanted in (Ruling.BROKEN, Ruling.UNDECIDED, Ruling.KEPT)
        )
        naive = float((pool > limit).mean())
        launches = sum(count for _, count in ends) / trials
        rows.append(Row(shift, ratio, naive, _flaps(naive), fails, undecided, passes, _flaps(fails), launches))
    return rows


def _flaps(failing: float) -> float:
    return 2 * failing * (1 - failing)


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table, in percent."""
    lines = [
        "| shift of launches | device / limit | one run: fails | flaps "
        "| rule: fails | undecided | passes | flaps | launches |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        shares = (
            row.one_run_fails,
            row.one_run_flaps,
            row.rule_fails,
            row.rule_undecided,
            row.rule_passes,
            row.rule_flaps,
        )
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        lines.append(f"| {100 * row.shift:.0f} % | {row.device_over_limit:.2f} | {cells} | {row.launches:.1f} |")
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """The worst false alarm and the worst miss of a device that is 5 % or more away from its limit."""
    under = [row for row in rows if row.device_over_limit <= 0.95]
    over = [row for row in rows if row.device_over_limit >= 1.10]
    return (
        f"5 % or more under the limit: false alarms {100 * max(r.one_run_fails for r in under):.1f} % with one run, "
        f"{100 * max(r.rule_fails for r in under):.1f} % with the rule, at worst. 10 % or more over it: misses "
        f"{100 * max(1 - r.one_run_fails for r in over):.1f} % with one run, "
        f"{100 * max(1 - r.rule_fails for r in over):.1f} % with the rule, of which passes "
        f"{100 * max(r.rule_passes for r in over):.1f} %."
    )


def main(argv: Sequence[str]) -> None:
    """Print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    rng = np.random.default_rng(20)
    rows = [row for shift in SHIFTS for row in measure(shift, arguments.trials, rng)]
    print(table(rows))
    print(f"\n{summary(rows)}")
    if arguments.json:
        record = {"schema": 1, "trials": arguments.trials, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
