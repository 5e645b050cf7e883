"""How a bundle is measured."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.measure.evaluation import EvaluationSamples
from edgekit.runtime.litert import Kernels


class Accelerator(enum.Enum):
    """What runs the model on a phone."""

    CPU = "cpu"
    GPU = "gpu"
    NPU = "npu"


@dataclass(frozen=True, slots=True)
class PhoneOptions:
    """What only phones have.

    Attributes:
        precision_loss: whether the GPU may compute in 16 bits.
        npu_delegate: path on the phone of the vendor's delegate library; empty asks Android's NNAPI.
        npu_options: for that library, `key:value;key:value`.
        big_cores: whether to stay on the fastest cores (taskset).
    """

    precision_loss: bool = True
    npu_delegate: str = ""
    npu_options: str = ""
    big_cores: bool = False


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to measure.

    Attributes:
        runs: timed inferences; None runs until the median is known to `half_width`: 100 to 1,000 times, 10 s at most.
        warmup: inferences before that; None runs until the latencies have settled.
        threads: for the kernels.
        kernels: which kernels run.
        profile: whether to time the operators too, in a second process.
        timeout_s: for each process on the device.
        python: the interpreter to use on a board, as a path or a name there; empty looks for one.
        accelerator: what runs the model on a phone.
        phone: what only phones have.
        benchmark_model: LiteRT's benchmark_model for a phone; None takes the user's cache.
        evaluation: labelled samples to measure the task's accuracy with on the device, or None.
        half_width: the share of the median to which it is to be known, where `runs` is None.
        p90_limit_ms: a limit of p90; measured in several launches then, until it can be ruled on (`gates.rule_on`).
        accept_emulated: whether an emulated device is to be ruled on too.
    """

    runs: int | None = None
    warmup: int | None = None
    threads: int = 1
    kernels: Kernels = Kernels.XNNPACK
    profile: bool = True
    timeout_s: float = 300.0
    python: str = ""
    accelerator: Accelerator = Accelerator.CPU
    phone: PhoneOptions = PhoneOptions()
    benchmark_model: Path | None = None
    evaluation: EvaluationSamples | None = None
    half_width: float = 0.015
    p90_limit_ms: float | None = None
    accept_emulated: bool = False

    def __post_init__(self) -> None:
        if (self.runs is not None and self.runs < 1) or self.threads < 1 or (self.warmup or 0) < 0:
            raise UsageError("runs and threads are 1 at least, warm-ups 0")
