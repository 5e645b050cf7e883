"""The report: everything that a view may show, as plain values. Views compute nothing but layout."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from edgekit.codegen.plan.picture import ArenaPicture
from edgekit.measure.gates import Gate
from edgekit.measure.measurement import Measurement


class Level(enum.Enum):
    """How a target runs an operator."""

    RUNS = "runs"
    SLOW = "slow"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value, already in words."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What the model was built for."""

    name: str
    title: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The model that was built: its source file's name and the result's inputs, outputs and cost."""

    name: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    parameters: int | None = None
    macs: int | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of the recipe, with the options that it ran with and one sentence on what it did.

    `brought` is what was measured before and after it. `not_worth` says why it does not pay on the target, if it does
    not; where `dropped`, the model is the one before it.
    """

    name: str
    summary: str
    options: tuple[Fact, ...] = ()
    brought: tuple[Fact, ...] = ()
    not_worth: str = ""
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of the imported float model and of the result."""

    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, slots=True)
class Score:
    """A metric and its interval; the bounds are None where the metric has no interval."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The metric before and after, on the same samples.

    `difference` is after minus before, with the interval of the paired difference. All in `unit` ("%" and "points" for
    rates given as 0..100). `on` says which samples: "evaluation" or "calibration".
    """

    metric: str
    unit: str
    sample_count: int
    on: str
    before: Score
    after: Score
    difference: Score
    confidence: float = 0.95
    higher_is_better: bool = True
    others: tuple[Fact, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """The error of one operator's output against the float model; `sqnr_db` None where the two are equal.

    `saturation` is the share of values (0..1) outside the calibrated range.
    """

    name: str
    kind: str
    sqnr_db: float | None
    mse: float | None = None
    cosine: float | None = None
    max_abs: float | None = None
    saturation: float | None = None


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """All operators of one kind in the result."""

    kind: str
    count: int
    macs: int
    weight_bytes: int
    level: Level
    note: str = ""


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """The largest sum of live activations in graph order, and at which operator it is."""

    activation_peak_bytes: int
    at_operator: str


@dataclass(frozen=True, slots=True)
class ImportCheck:
    """How far the imported float model is from the source framework on the same samples."""

    importer: str
    source: str
    max_abs_difference: float | None
    max_rel_difference: float | None
    sample_count: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartFacts:
    """A folder of the bundle beside the model: what it is, its numbers, and what is missing or must be known."""

    folder: str
    title: str
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """One model built for one target."""

    title: str
    target: TargetFacts
    model: ModelFacts
    size: Size
    steps: tuple[StepRow, ...] = ()
    accuracy: Accuracy | None = None
    layers: tuple[LayerRow, ...] = ()
    operators: tuple[OperatorRow, ...] = ()
    memory: MemoryFacts | None = None
    parts: tuple[PartFacts, ...] = ()
    arena: ArenaPicture | None = None
    measurements: tuple[Measurement, ...] = ()
    gates: tuple[Gate, ...] = ()
    import_check: ImportCheck | None = None
    provenance: tuple[Fact, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """No gate is broken and no device computed something else; what was not measured breaks nothing."""
        return all(g.passed is not False for g in self.gates) and all(m.parity.passed for m in self.measurements)

    @property
    def unmeasured(self) -> tuple[Gate, ...]:
        """The gates without a verdict: no number, or one that allows none."""
        return tuple(g for g in self.gates if g.passed is None)


@dataclass(frozen=True, slots=True)
class Entry:
    """One bundle of a build for several targets: its report, and where its own page is, relative to the index."""

    report: Report
    link: str


@dataclass(frozen=True, slots=True)
class Index:
    """A build for several targets."""

    title: str
    entries: tuple[Entry, ...]
