"""The result of comparing a result with its float model on samples."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from edgekit.core.records import from_record, to_record
from edgekit.verify.intervals import Estimate


class Metric(enum.Enum):
    """What a task is judged by."""

    TOP1 = "top1"
    TOP5 = "top5"
    AUC = "auc"
    RMSE = "rmse"
    MIOU = "miou"
    AGREEMENT = "agreement"  # without labels: the float model's own answer is the label

    @property
    def unit(self) -> str:
        """`"%"`, or empty for the unit of the output itself."""
        return "" if self is Metric.RMSE else "%"

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger number is a better model."""
        return self is not Metric.RMSE


class On(enum.Enum):
    """Which samples a number comes from."""

    EVALUATION = "evaluation"  # labelled, and no step has seen them
    CALIBRATION = "calibration"  # unlabelled, or seen by a step: says how close, not how good


@dataclass(frozen=True, slots=True)
class OutputError:
    """How far one output is from the float model's, over all samples taken as one signal.

    Attributes:
        name: the output.
        sqnr_db: signal to error; inf where nothing differs.
        cosine: of the two outputs as vectors.
        max_abs: the largest difference of one element, in the output's unit.
    """

    name: str
    sqnr_db: Estimate
    cosine: float
    max_abs: float


@dataclass(frozen=True, slots=True)
class Verification:
    """Float model against result, each number with its 95 % interval.

    Attributes:
        metric, unit: what is measured; proportions are in percent.
        on, sample_count: which samples and how many.
        float_value, result_value: the metric of each.
        difference: result minus float, on the same samples (paired); percentage points where the unit is %.
        p_value: McNemar's exact test of top-1 and top-5; None for other metrics.
        agreement: how often both predict the same class, in percent; None where outputs are not class scores.
        sqnr_db, cosine: of the output that is furthest off.
        outputs: each output's error.
        float_kernels, kernels: which kernels computed the float model and the result.
        note: what a reader must know to trust the numbers no further than they carry; may be empty.
    """

    metric: Metric
    unit: str
    on: On
    sample_count: int
    float_value: Estimate
    result_value: Estimate
    difference: Estimate
    p_value: float | None
    agreement: Estimate | None
    sqnr_db: float
    cosine: float
    outputs: tuple[OutputError, ...]
    float_kernels: str
    kernels: str
    note: str

    @property
    def drop_points(self) -> float | None:
        """How many percentage points the result lost (negative: gained); None for a metric that is no percentage.

        With agreement this is the share of changed predictions: accuracy cannot have dropped by more.
        """
        return -self.difference.value if self.unit == "%" else None

    @property
    def drop_interval(self) -> Estimate | None:
        """`drop_points` with its interval."""
        d = self.difference
        return Estimate(-d.value, -d.high, -d.low) if self.unit == "%" else None

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return dict(to_record(self))

    @staticmethod
    def from_json(record: object, where: str = "verification") -> Verification:
        """The inverse of `to_json`. Raises ModelError on any departure from the schema."""
        return from_record(Verification, record, where)
