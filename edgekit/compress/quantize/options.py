"""The options of the step "quantize"."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from edgekit.compress.calibrate import CalibrateOptions
from edgekit.compress.options import read_options, write_options


class Scheme(enum.Enum):
    """How many bits weights and activations get."""

    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    INT8 = "int8"
    INT16X8 = "int16x8"
    INT4 = "int4"

    @property
    def is_static(self) -> bool:
        """Whether activations are integers too, so that calibration is needed."""
        return self in (Scheme.INT8, Scheme.INT16X8, Scheme.INT4)


class Boundary(enum.Enum):
    """The type of inputs and outputs that are float in the source."""

    INTEGER = "integer"
    FLOAT = "float"


class Algorithm(enum.Enum):
    """How weights are rounded; the library's algorithms."""

    MIN_MAX = "min-max"
    OCTAV = "octav"
    MSE = "mse"
    GPTQ = "gptq"
    HADAMARD = "hadamard"
    OSCAR = "oscar"


class Bits(enum.Enum):
    """What the weights of one operator become, whatever the scheme; FLOAT leaves the operator as it is."""

    INT4 = "int4"
    INT8 = "int8"
    FLOAT = "float"


class Scales(enum.Enum):
    """Which scales there may be."""

    FREE = "free"
    POWER_OF_TWO = "power-of-two"


LOOKING = frozenset({Algorithm.GPTQ, Algorithm.OSCAR})
"""The algorithms that need the activations' second moments."""

_ROTATING = frozenset({Algorithm.HADAMARD, Algorithm.OSCAR})


@dataclass(frozen=True, slots=True)
class KindAlgorithm:
    """The algorithm for one kind of operator."""

    kind: str
    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class OpBits:
    """The bits for the operators of one name or pattern."""

    op: str
    bits: Bits


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What "quantize" does."""

    scheme: Annotated[Scheme, "bits of weights and activations"] = Scheme.INT8
    boundary: Annotated[Boundary, "type of the model's inputs and outputs"] = Boundary.INTEGER
    algorithm: Annotated[Algorithm, "how weights are rounded, where the library offers it"] = Algorithm.MIN_MAX
    algorithms: Annotated[tuple[KindAlgorithm, ...], "the same for single kinds of operators"] = ()
    exclude: Annotated[tuple[str, ...], "operators that stay float: names, or patterns with * and ?"] = ()
    weights: Annotated[tuple[OpBits, ...], "bits for single operators: names, or patterns with * and ?"] = ()
    scales: Annotated[Scales, "any, or powers of two alone for targets that shift instead of multiplying"] = Scales.FREE
    calibration: CalibrateOptions = field(default=CalibrateOptions())

    def __post_init__(self) -> None:
        if self.weights and self.scheme not in (Scheme.INT8, Scheme.INT4):
            raise ValueError(f"weights = … is for the schemes int8 and int4, not for {self.scheme.value}")
        if self.scales is Scales.POWER_OF_TWO and not self.scheme.is_static:
            raise ValueError(f"scales of powers of two need a static scheme, and {self.scheme.value} is none")
        if self.scales is Scales.POWER_OF_TWO and self.used & _ROTATING:
            raise ValueError("scales of powers of two do not go with hadamard or oscar, which choose their own")

    @property
    def used(self) -> frozenset[Algorithm]:
        """Every algorithm that is asked for."""
        return frozenset({self.algorithm, *(a.algorithm for a in self.algorithms)})

    @property
    def needs_calibration(self) -> bool:
        """Whether samples are needed: for integer activations, or for an algorithm that looks at activations."""
        return self.scheme.is_static or (self.scheme is Scheme.DYNAMIC and not LOOKING.isdisjoint(self.used))

    @staticmethod
    def from_mapping(mapping: Mapping[str, object]) -> QuantizeOptions:
        """Options from plain values. Raises UsageError for an unknown key or a wrong value."""
        return read_options(QuantizeOptions, mapping, "quantize")

    def to_json(self) -> dict[str, object]:
        """Plain values that `from_mapping` reads."""
        return write_options(self)
