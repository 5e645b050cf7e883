"""What is known about a class of devices."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from edgekit.core.errors import UsageError
from edgekit.core.units import KIB


class Kind(enum.Enum):
    """What sort of bundle and connection a device takes."""

    ANDROID = "android"
    LINUX = "linux"
    MCU = "mcu"
    LOCAL = "local"


class RuntimeKind(enum.Enum):
    """The program that runs the model on the device."""

    LITERT = "litert"
    TFLITE_RUNTIME = "tflite-runtime"
    TFLM = "tflm"
    C = "c"


class Isa(enum.Enum):
    """Instruction-set extensions that change how fast a kernel is."""

    NEON = "neon"
    DOTPROD = "dotprod"
    FP16 = "fp16"
    I8MM = "i8mm"
    BF16 = "bf16"
    SVE2 = "sve2"
    FPU = "fpu"
    FPU64 = "fpu64"
    DSP = "dsp"
    MVE = "mve"
    PIE = "pie"


@dataclass(frozen=True, slots=True)
class Core:
    """`count` equal cores at `ghz`; `ghz` is None where the device is a model of a chip without a fixed clock."""

    name: str
    count: int
    ghz: float | None


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor: its chip, its cores from fastest to slowest, and its extensions."""

    soc: str
    cores: tuple[Core, ...]
    isa: tuple[Isa, ...]

    def has(self, extension: Isa) -> bool:
        """Whether every core has `extension`."""
        return extension in self.isa


@dataclass(frozen=True, slots=True)
class Memory:
    """What a program can use; None is unknown before measuring (`local`) or no limit in practice (flash of a Pi)."""

    ram_bytes: int | None
    flash_bytes: int | None
    external_ram_bytes: int | None
    external_flash_bytes: int | None


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A unit beside the CPU; `config` is its name for its own compiler (Vela, LiteRT AOT), empty without one.

    `system_config` and `memory_mode` are sections of Vela's configuration file: clock and memories, and which memory
    holds what; empty for Vela's defaults.
    """

    name: str
    config: str
    system_config: str = ""
    memory_mode: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits that a result must keep; None is no limit."""

    latency_p90_ms: float | None = None
    model_kib: float | None = None
    ram_kib: float | None = None
    flash_kib: float | None = None
    energy_mj: float | None = None
    accuracy_drop: float | None = None

    def merge(self, overrides: Mapping[str, float]) -> Budget:
        """This budget with the limits of `overrides` over it. Raises UsageError for an unknown or negative one."""
        for key, value in overrides.items():
            _check_limit(key, value)
        return replace(self, **overrides)

    def limits(self) -> dict[str, float]:
        """The limits that are set, by key, in the order of the fields."""
        values = {key: getattr(self, key) for key in BUDGET_KEYS}
        return {key: value for key, value in values.items() if value is not None}


BUDGET_KEYS = tuple(field.name for field in fields(Budget))


@dataclass(frozen=True, slots=True)
class Connect:
    """How devices of this target are usually reached: a transport's name."""

    transport: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from; `certain` is False where the file says that it is inferred or not confirmed."""

    fact: str
    text: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A class of devices: what `targets/<name>.toml` says."""

    name: str
    title: str
    kind: Kind
    runtime: RuntimeKind
    cpu: Cpu
    memory: Memory
    accelerators: tuple[Accelerator, ...]
    budget: Budget
    recipe_default: str
    connect: Connect
    sources: tuple[Source, ...]

    def accelerator(self, name: str) -> Accelerator | None:
        """The accelerator called `name`, or None."""
        return next((unit for unit in self.accelerators if unit.name == name), None)

    @property
    def weights_room_bytes(self) -> int | None:
        """The most that a model's weights can take: all flash of a microcontroller, else None."""
        if self.kind is not Kind.MCU or self.memory.flash_bytes is None:
            return None
        return self.memory.flash_bytes + (self.memory.external_flash_bytes or 0)


def parse_budget(text: str) -> tuple[str, float]:
    """The key and the limit in `"key=value"`. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not a budget", "write key=value, such as accuracy_drop=0.5")
    try:
        limit = float(value)
    except ValueError:
        raise UsageError(f"the budget {key.strip()} is {value!r}, which is not a number") from None
    _check_limit(key.strip(), limit)
    return key.strip(), limit


def kib_of(size_bytes: int) -> float:
    """Bytes in KiB, the unit of budgets."""
    return size_bytes / KIB


def _check_limit(key: str, limit: float) -> None:
    if key not in BUDGET_KEYS:
        raise UsageError(f"there is no budget called {key!r}", f"known: {', '.join(BUDGET_KEYS)}")
    if not math.isfinite(limit) or limit < 0:
        raise UsageError(f"the budget {key} is {limit}; it must be a finite number and not negative")
