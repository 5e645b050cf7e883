"""What a compressed model is worth: accuracy beside float's on the same samples, bytes, MACs, latency in turns."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from bench.cases import Case
from bench.turns import Turns, in_turns
from edgekit.core.progress import Silent
from edgekit.data.feed import Binding
from edgekit.graph.codec import read
from edgekit.graph.cost import model_macs
from edgekit.verify.evaluate import EvaluateOptions, evaluate
from edgekit.verify.outputs import FloatOutputs
from edgekit.verify.verification import Metric, On, Verification


@dataclass(frozen=True, slots=True)
class Worth:
    """`compressed_bytes`: as a download, deflated."""

    verification: Verification
    size_bytes: int
    compressed_bytes: int
    macs: int
    latency: Turns | None


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """The float model of a case, and the samples that judge it: at most `limit` of them."""

    case: Case
    data: bytes
    outputs: FloatOutputs
    evaluation: Binding
    limit: int | None

    def worth(self, result: bytes, timed: bool = True) -> Worth:
        """Judge `result`. Raises ModelError where the runtime refuses it."""
        found = self.verification(result)
        latency = in_turns(result, self.data, next(self.evaluation.feeds(1))) if timed else None
        return Worth(found, len(result), len(zlib.compress(result, 9)), model_macs(read(result)), latency)

    def verification(self, result: bytes) -> Verification:
        """Accuracy of `result` beside float's."""
        metric = Metric(self.case.metric)
        on = On.CALIBRATION if metric is Metric.AGREEMENT else On.EVALUATION
        options = EvaluateOptions(metric=metric, on=on)
        return evaluate(self.outputs, result, self.evaluation.feeds(self.limit), options, Silent())
