"""Two bundles in turns: what may be said of their ratio."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.core.errors import DeviceError
from edgekit.core.progress import Silent
from edgekit.core.records import to_record
from edgekit.measure import versus_worker
from edgekit.measure.options import CheckOptions
from edgekit.measure.ratio import Verdict, judge
from edgekit.measure.versus import compare_bundles
from edgekit.transports.uri import LOCAL
from tests.unit.bundle.content import content


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    write_bundle(tmp_path / "b", content())
    return open_bundle(tmp_path / "b")


def ratios(truth: float, seed: int, count: int = 60) -> list[float]:
    rng = random.Random(seed)
    return [truth * math.exp(rng.gauss(0, 0.02)) for _ in range(count)]


def test_a_ratio_below_one_is_faster_and_above_slower() -> None:
    assert judge(ratios(0.9, 1))[3] is Verdict.FASTER
    assert judge(ratios(1.1, 1))[3] is Verdict.SLOWER


def test_equal_ones_get_a_verdict_no_more_often_than_the_interval_says() -> None:
    said = sum(judge(ratios(1.0, seed))[3] is not Verdict.UNDECIDED for seed in range(400))
    # 5 % of 400 are 20; four standard deviations of that binomial are 17 more.
    assert said <= 37


def test_few_blocks_are_undecided() -> None:
    assert judge([0.5] * 7) == (0.5, None, None, Verdict.UNDECIDED)


def test_an_interval_that_holds_one_is_no_verdict() -> None:
    ratio, low, high, verdict = judge([0.9, 1.1] * 20)
    assert verdict is Verdict.UNDECIDED
    assert low is not None
    assert high is not None
    assert low <= 1 <= high
    assert 0.9 <= ratio <= 1.1


def test_turns_alternate_so_that_a_steady_drift_cancels() -> None:
    assert versus_worker._order(0) == (0, 1, 1, 0)
    assert versus_worker._order(1) == (1, 0, 0, 1)
    for block in range(4):
        order = versus_worker._order(block)
        assert sum(place for place, side in enumerate(order) if side == 0) == 3  # of 6: the same mean place for both


def test_a_bundle_against_itself(bundle: Bundle) -> None:
    found = compare_bundles(bundle, bundle, LOCAL, CheckOptions(warmup=5), Silent())
    assert found.sha256_a == found.sha256_b
    assert found.block_count >= 40
    assert found.low is not None
    assert found.low <= found.ratio
    assert found.how == "one process, in turns A B B A"
    json.dumps(to_record(found), allow_nan=False)


def test_a_wrong_answer_is_an_error_however_fast(bundle: Bundle) -> None:
    golden = bundle.golden
    assert golden is not None
    outputs = {name: np.bitwise_xor(array, np.int8(64)) for name, array in golden.outputs.items()}
    wrong = dataclasses.replace(bundle, golden=dataclasses.replace(golden, outputs=outputs))
    with pytest.raises(DeviceError, match="computes something else"):
        compare_bundles(bundle, wrong, LOCAL, CheckOptions(warmup=1), Silent())
