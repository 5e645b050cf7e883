"""The gate's rule under the noise of bench/latency_gate.py: few false alarms, few misses, as the page says."""

from __future__ import annotations

import numpy as np

from bench.latency_gate import measure, summary, table


def test_the_rule_is_right_where_one_run_is_not() -> None:
    rows = {row.device_over_limit: row for row in measure(0.02, 300, np.random.default_rng(5))}
    # 300 trials: a true 2 % scatters by 0.8 points, so 5 % is four of those.
    assert max(rows[r].rule_fails for r in (0.80, 0.90, 0.95)) <= 0.05
    assert min(rows[r].one_run_fails for r in (0.80, 0.90, 0.95)) >= 0.04
    assert rows[1.10].rule_fails >= 0.95
    assert rows[1.05].rule_passes <= 0.02


def test_the_table_has_a_line_for_each_row() -> None:
    rows = measure(0.01, 20, np.random.default_rng(5))
    assert len(table(rows).splitlines()) == len(rows) + 2
    assert "false alarms" in summary(rows)
