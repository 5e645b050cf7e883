"""The values that pass through the pipeline: what was asked for, what a stage works on, what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from edgekit.bundle.packed import Part
from edgekit.bundle.write import BundleContent
from edgekit.codegen.call import Optimize, Rounding
from edgekit.core.cache import Cache
from edgekit.core.errors import EdgekitError, GateError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Progress
from edgekit.data.feed import Binding, ModelInput
from edgekit.goal import Goal
from edgekit.graph.codec import read
from edgekit.graph.model import Model
from edgekit.importers.base import ImportOptions, ImportReport
from edgekit.measure.fit import Fit
from edgekit.measure.fleet import FleetLines
from edgekit.measure.gates import Gate, describe, failed_gates
from edgekit.measure.measurement import Measurement
from edgekit.recipe import Recipe
from edgekit.report.model import Report, StepRow
from edgekit.targets.target import Target
from edgekit.transports.uri import DeviceUri
from edgekit.verify.compare import Comparison
from edgekit.verify.verification import Verification

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a person asks for.

    Attributes:
        model: the file or folder of the trained model.
        targets: the device classes to build for.
        output: each bundle goes to `output/<target>`.
        recipe: a preset or file; None takes each target's default.
        settings: `step.option=value`, put over the recipe.
        calibration: samples without labels, for steps.
        training: samples with labels that steps may learn from; none of them may be among the evaluation's.
        evaluation: samples with labels, for verification alone.
        evaluation_limit: verify on at most so many of them.
        budgets: limits put over the target's own.
        goals: shares of the float model's cost to reach; recipes are tried until they are.
        imports: how to import.
        devices: where to measure, as `URI` or `TARGET=URI`; none: this machine, for the report but not for the gates.
        accept_emulated: hold times of emulated devices against limits too.
        optimize, rounding: of the C for microcontrollers.
    """

    model: Path
    targets: tuple[Target, ...]
    output: Path
    recipe: str | None = None
    settings: tuple[str, ...] = ()
    calibration: Path | None = None
    training: Path | None = None
    evaluation: Path | None = None
    evaluation_limit: int | None = None
    budgets: Mapping[str, float] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    imports: ImportOptions = field(default_factory=ImportOptions)
    devices: tuple[str, ...] = ()
    accept_emulated: bool = False
    optimize: Optimize = Optimize.SPEED
    rounding: Rounding = Rounding.LITERT


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where stages keep results and tell of their progress; `fleet` where several devices work at once."""

    cache: Cache
    progress: Progress
    fleet: FleetLines | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """A model with its bytes and their hash."""

    model: Model
    data: bytes
    sha256: str

    @staticmethod
    def of(data: bytes) -> Artifact:
        """From the bytes of a .tflite file. Raises ModelError."""
        return Artifact(read(data), data, sha256_bytes(data))


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The imported float model."""

    name: str
    artifact: Artifact
    report: ImportReport


@dataclass(frozen=True, slots=True, eq=False)
class TargetResult:
    """What one target got: a bundle and its report, or the error that stopped it; both where a device failed."""

    target: Target
    folder: Path
    report: Report | None = None
    error: EdgekitError | None = None

    @property
    def failure(self) -> EdgekitError | None:
        """Why this target has not passed, or None."""
        if self.error is not None or self.report is None:
            return self.error
        if failed_gates(self.report.gates):
            return GateError(f"{self.target.name}: {describe(self.report.gates)}")
        wrong = next((m for m in self.report.measurements if not m.parity.passed), None)
        if wrong is not None:
            where = f"{self.target.name}: {wrong.device} computes something else"
            return GateError(f"{where}: {wrong.parity.first_difference}")
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Once:
    """What targets with the same result share within one build and no cache keeps."""

    made: dict[tuple[str, str], object]

    def get(self, stage: str, result: Artifact, make: Callable[[], T]) -> T:
        """What `make` gave for this stage and model the first time."""
        key = (stage, result.sha256)
        if key not in self.made:
            self.made[key] = make()
        return cast(T, self.made[key])


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One target's share of a build; `devices` are those whose times say something of the target."""

    request: BuildRequest
    workshop: Workshop
    source: Source
    bindings: Mapping[str, Binding]
    once: Once
    target: Target
    recipe: Recipe
    devices: tuple[DeviceUri, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the bundle goes."""
        return self.request.output / self.target.name


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A target's bundle before it is measured."""

    job: Job
    result: Artifact
    content: BundleContent
    steps: tuple[StepRow, ...]
    verification: Verification | None
    layers: Comparison | None
    goals: tuple[Gate, ...] = ()
    parts: tuple[Part, ...] = ()
    fit: Fit | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the devices of one target gave; `error` is the first that failed."""

    measurements: tuple[Measurement, ...] = ()
    error: EdgekitError | None = None


@dataclass(frozen=True, slots=True)
class CalibrationSamples:
    """A bound dataset as steps see it: without labels."""

    binding: Binding

    @property
    def count(self) -> int:
        """How many there are."""
        return self.binding.count

    def feeds(self, limit: int | None) -> Iterator[Mapping[str, np.ndarray]]:
        """At most `limit` of them, evenly spread."""
        return (feed.inputs for feed in self.binding.feeds(limit))


@dataclass(frozen=True, slots=True)
class TrainingSamples:
    """A bound dataset with its labels, as a step sees it that learns."""

    binding: Binding

    @property
    def count(self) -> int:
        """How many there are."""
        return self.binding.count

    def labelled(self, limit: int | None) -> Iterator[tuple[Mapping[str, np.ndarray], np.ndarray | int]]:
        """At most `limit` of them, evenly spread, with their labels."""
        return ((feed.inputs, feed.label) for feed in self.binding.feeds(limit) if feed.label is not None)


def model_inputs(model: Model) -> list[ModelInput]:
    """The inputs of a float model, as datasets are bound to them."""
    return [ModelInput(p.name, p.tensor.shape, p.tensor.dtype.numpy) for p in model.inputs()]
