"""The command line of benchmark_model, as a pure function of what is wanted.

Flags: tflite/tools/benchmark/{benchmark_model,benchmark_tflite_model}.cc and tflite/tools/delegates/*_provider.cc.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.errors import DeviceError, UsageError
from edgekit.measure.options import Accelerator, PhoneOptions
from edgekit.runtime.litert import Kernels

_NEEDED = ("input_layer_value_files", "output_filepath")


@dataclass(frozen=True, slots=True)
class Engine:
    """What computes: threads, kernels, accelerator and the phone's own options."""

    threads: int
    kernels: Kernels
    accelerator: Accelerator
    phone: PhoneOptions

    def __post_init__(self) -> None:
        if self.kernels is Kernels.REFERENCE:
            raise UsageError(
                "benchmark_model has no reference kernels", "use the kernels xnnpack or builtin on a phone"
            )
        if self.kernels is Kernels.BUILTIN and self.accelerator is not Accelerator.CPU:
            raise UsageError(f"the kernels builtin and the {self.accelerator.value} exclude each other")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to run: at least so often and so long; never begun after `max_s`."""

    runs: int
    warmup: int
    min_s: float
    warmup_min_s: float
    max_s: float


ONCE = Timing(runs=1, warmup=0, min_s=0.0, warmup_min_s=0.0, max_s=150.0)
"""A single inference of a fresh interpreter: what parity wants, since a model may keep state between runs."""


@dataclass(frozen=True, slots=True)
class Job:
    """One start of the tool; names are of files in the session's folder, empty where that file is not wanted.

    Attributes:
        model: the model.
        signature: which one to run; empty where the model has one or none.
        shapes: of the inputs in the model's order, where `values` are given.
        values: a file for each input, raw as the tensor stores it.
        output: where the outputs go, raw, one after the other.
        result: where the result file goes.
        profile: where the CSV goes.
    """

    model: str
    timing: Timing
    signature: str = ""
    shapes: tuple[tuple[int, ...], ...] = ()
    values: tuple[str, ...] = ()
    output: str = ""
    result: str = ""
    profile: str = ""


def arguments(program: str, engine: Engine, job: Job, mask: str = "") -> list[str]:
    """The words of the command. `mask` is taskset's, hexadecimal. Raises DeviceError for what the tool cannot take."""
    flags = {
        "graph": job.model,
        "num_threads": engine.threads,
        "num_runs": job.timing.runs,
        "warmup_runs": job.timing.warmup,
        "min_secs": f"{job.timing.min_s:g}",
        "warmup_min_secs": f"{job.timing.warmup_min_s:g}",
        "max_secs": f"{job.timing.max_s:g}",
    }
    wanted = {"signature_to_run_for": job.signature, "output_filepath": job.output, "result_file_path": job.result}
    flags |= {name: text for name, text in wanted.items() if text}
    if job.profile:
        flags |= {"enable_op_profiling": "true", "op_profiling_output_mode": "csv"}
        flags["op_profiling_output_file"] = job.profile
    flags |= _inputs(job) | _engine(engine)
    words = [program, *(f"--{name}={value}" for name, value in flags.items())]
    return ["taskset", mask, *words] if mask else words


def can_prove(flags: frozenset[str]) -> bool:
    """Whether a tool with these flags can be given inputs and gives outputs; a tool that tells none is tried."""
    return not flags or all(flag in flags for flag in _NEEDED)


def big_cores(max_khz: Sequence[float]) -> str:
    """taskset's mask, hexadecimal, of all cores but those of the slowest cluster; empty where all are alike."""
    if not max_khz or max(max_khz) == min(max_khz):
        return ""
    return f"{sum(1 << core for core, khz in enumerate(max_khz) if khz > min(max_khz)):x}"


def _inputs(job: Job) -> dict[str, object]:
    """Inputs by names of our own: the tool goes by their order, and its lists have no escape for a `,` in a name
    (nor, in older versions, for a `:`). It then warns that the tensor is called otherwise, which is harmless."""
    if not job.values:
        return {}
    if any(not shape for shape in job.shapes):
        raise DeviceError(
            "benchmark_model cannot be given an input without dimensions", "give the model's input a batch"
        )
    names = [f"input{i}" for i in range(len(job.values))]
    shapes = (",".join(map(str, shape)) for shape in job.shapes)
    for file in job.values:
        if not re.fullmatch(r"[A-Za-z0-9._/-]+", file):
            raise ValueError(f"{file!r}: the tool would read a list in this name")
    return {
        "input_layer": ",".join(names),
        "input_layer_shape": ":".join(shapes),
        "input_layer_value_files": ",".join(f"{n}:{f}" for n, f in zip(names, job.values, strict=True)),
    }


def _engine(engine: Engine) -> dict[str, object]:
    phone = engine.phone
    if engine.accelerator is Accelerator.GPU:
        return {"use_gpu": "true", "gpu_precision_loss_allowed": _bool(phone.precision_loss)}
    if engine.accelerator is Accelerator.NPU and phone.npu_delegate:
        options = {"external_delegate_options": phone.npu_options} if phone.npu_options else {}
        return {"external_delegate_path": phone.npu_delegate, **options}
    if engine.accelerator is Accelerator.NPU:
        return {"use_nnapi": "true", "nnapi_allow_fp16": _bool(phone.precision_loss)}
    # Said either way: asked for, XNNPACK is in the log with what it took; refused, no delegate is applied by default.
    return {"use_xnnpack": _bool(engine.kernels is Kernels.XNNPACK)}


def _bool(value: bool) -> str:
    return "true" if value else "false"


def shared_out(total: int, parts: int) -> tuple[int, ...]:
    """`total` as sums of at most `parts` numbers that differ by 1 at most, none of them 0."""
    parts = max(min(parts, total), 1)
    return tuple(math.ceil((total - i) / parts) for i in range(parts))
