"""What a step is: requires, plan, apply."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from edgekit.core.progress import Progress, Silent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgekit.compress.calibrate import CalibrateOptions
    from edgekit.compress.ranges import Ranges
    from edgekit.graph.model import Model
    from edgekit.targets.target import Target

    Array = npt.NDArray[np.generic]
    Feed = Mapping[str, npt.NDArray[np.generic]]


class Samples(Protocol):
    """Calibration samples as the float model takes them: batch included, no labels."""

    @property
    def count(self) -> int:
        """How many there are."""

    def feeds(self, limit: int | None) -> Iterator[Feed]:
        """At most `limit` of them, evenly spread, always the same ones; arrays by the model's input names."""


class LabelledSamples(Protocol):
    """Training samples: never those of the evaluation, which no step may look at."""

    @property
    def count(self) -> int:
        """How many there are."""

    def labelled(self, limit: int | None) -> Iterator[tuple[Feed, Array | int]]:
        """At most `limit` of them with their labels, evenly spread, always the same ones."""


class RangeSource(Protocol):
    """Where calibrated ranges come from: computed here, or kept from an earlier build."""

    def __call__(self, model: Model, options: CalibrateOptions) -> Ranges:
        """The ranges of `model`'s tensors."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a step may know beside the model and its options.

    Attributes:
        target: what the result is for; None leaves the choices that depend on it at the widest support.
        samples: calibration samples, if there are any.
        ranges: replaces the computation of ranges, such as by a cache.
        training: labelled samples that a step may learn from, if there are any.
        original: the float model that the recipe began with; None where it begins with the model at hand.
        floating: the recipe's last float model, by whose tensor names a quantized one can be compared with it; None
            where the model at hand is float.
        workspace: a folder for what long work keeps to go on after an interruption; None where nothing is kept.
        progress: where long work is told.
    """

    target: Target | None = None
    samples: Samples | None = None
    ranges: RangeSource | None = None
    training: LabelledSamples | None = None
    original: Model | None = None
    floating: Model | None = None
    workspace: Path | None = None
    progress: Progress = field(default_factory=Silent)


class Aim(enum.Enum):
    """What a step is for, and so what it is measured by."""

    SMALLER = "fewer bytes, operations or time"
    CLOSER = "outputs closer to the original's"
    PREPARES = "a better start for the steps behind it"

    @property
    def is_smaller(self) -> bool:
        """Whether the step is measured by what the model costs."""
        return self is Aim.SMALLER


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one operator: `op` is its name, `kind` its operator, `what` and `why` are words for people."""

    op: str
    kind: str
    what: str
    why: str = ""


class Plan(Protocol):
    """A decision as data: frozen, JSON-able, and it explains itself."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every operator that changes, and every one that one might expect to change but does not."""

    @property
    def predicted_bytes(self) -> int:
        """About how many bytes of weights the result will have."""

    def to_json(self) -> dict[str, object]:
        """Plain values, from which the step's `read_plan` makes an equal plan."""

    def explain(self) -> tuple[str, ...]:
        """What will be done and why, a sentence a line."""


O = TypeVar("O")  # noqa: E741 - the options class of a step
P = TypeVar("P", bound=Plan)


class Step(Protocol[O, P]):
    """One change of a model.

    The model given is never modified, the interface (names, shapes, order of inputs and outputs) is kept, the result
    is a legal graph, and the same model and plan give the same bytes.
    """

    @property
    def name(self) -> str:
        """Its name in recipes."""

    @property
    def aim(self) -> Aim:
        """What it is for."""

    def options(self, mapping: Mapping[str, object]) -> O:
        """Options from plain values. Raises UsageError for an unknown key or a wrong value."""

    def default_options(self) -> O:
        """The options where nothing is said."""

    def requires(self, model: Model, options: O, setting: Setting) -> None:
        """Raises where the step cannot be done: UsageError (option, samples), UnsupportedError (operator, rule)."""

    def plan(self, model: Model, options: O, setting: Setting) -> P:
        """Decide. Raises as `requires`, and ModelError where the model's values make no sense."""

    def apply(self, model: Model, plan: P) -> Model:
        """A changed clone of `model`. Raises ModelError where the result would not be what the plan says."""

    def read_plan(self, plain: Mapping[str, object]) -> P:
        """The plan that `plain`, from its `to_json`, stands for."""
