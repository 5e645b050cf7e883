"""A microcontroller's bundle: `tflm/` for TensorFlow Lite Micro, `c/` for no runtime at all, `ethosu/` for an NPU."""

from __future__ import annotations

from edgekit.bundle.ethosu import pack_ethosu, unit_of
from edgekit.bundle.golden import Array
from edgekit.bundle.packed import PackJob, Part, in_folder
from edgekit.bundle.tflm import pack_tflm
from edgekit.codegen.call import Settings
from edgekit.codegen.generate import Generated, generate
from edgekit.codegen.plan.picture import picture_of
from edgekit.codegen.plan.plan import Plan
from edgekit.codegen.project import PortSample, Project, build_for, constant_bytes, project_files
from edgekit.core.errors import ModelError
from edgekit.core.records import to_record
from edgekit.core.units import format_bytes, format_count
from edgekit.graph.tensor import Tensor
from edgekit.targets.target import RuntimeKind

FOLDER = "c"
_TITLE = "edgekit C"


def pack_mcu(job: PackJob) -> tuple[Part, ...]:
    """Every part that the target has a use for. Raises ModelError where its runtime is C and there is none."""
    parts = [pack_tflm(job), pack_c(job)]
    if (unit := unit_of(job.target)) is not None:
        parts.append(pack_ethosu(job, unit))
    return tuple(parts)


def settings_of(job: PackJob) -> Settings:
    """For what the C is generated."""
    return Settings(build_for(job.target), job.optimize, job.rounding)


def pack_c(job: PackJob) -> Part:
    """The generated sources and what wraps them, or the sentence on why there are none."""
    settings = settings_of(job)
    try:
        generated = generate(job.model, settings)
    except ModelError as error:
        if job.target.runtime is RuntimeKind.C:
            raise
        return Part(FOLDER, _TITLE, notes=(f"The bundle has no {FOLDER}/: {error.message}",))
    project = Project(
        name=job.name,
        target=job.target,
        generated=generated,
        settings=settings,
        inputs=_first(job.model.main.inputs, job.inputs),
        outputs=_first(job.model.main.outputs, job.outputs),
    )
    files = in_folder(FOLDER, {**generated.files, **project_files(project)})
    picture = picture_of(generated.plan)
    layers = tuple(f"{call.op.label} {call.op.name}" for call in generated.plan.calls)
    record = {**_record(generated, settings), "arena": to_record(picture)}
    return Part(FOLDER, _TITLE, files, record, _facts(generated, settings), layers=layers, picture=picture)


def sources(parts: tuple[Part, ...]) -> dict[str, bytes]:
    """The generated C alone, name -> content: what a compiler needs. Empty where there is none."""
    found = {path: data for part in parts if part.folder == FOLDER for path, data in part.files.items()}
    names = {path: path.removeprefix(f"{FOLDER}/") for path in found}
    return {name: found[path] for path, name in names.items() if "/" not in name and name.endswith((".c", ".h"))}


def _first(tensors: list[Tensor], arrays: tuple[Array, ...]) -> tuple[PortSample, ...]:
    """Each tensor with its values in the first golden sample."""
    if not arrays:
        return tuple(PortSample(tensor) for tensor in tensors)
    return tuple(PortSample(tensor, array[0]) for tensor, array in zip(tensors, arrays, strict=True))


def _record(generated: Generated, settings: Settings) -> dict[str, object]:
    return {
        "build": settings.build.value,
        "optimize": settings.optimize.value,
        "rounding": settings.rounding.value,
        "arena_bytes": generated.plan.arena_bytes,
        "constant_bytes": constant_bytes(generated),
        "macs": generated.macs,
        "layers": len(generated.plan.calls),
    }


def _facts(generated: Generated, settings: Settings) -> tuple[tuple[str, str], ...]:
    return (
        ("kernels", f"{settings.build.value}, for {settings.optimize.value}, rounding as {settings.rounding.value}"),
        ("arena", _arena_words(generated.plan)),
        ("constants", format_bytes(constant_bytes(generated))),
        ("MACs", format_count(generated.macs)),
        ("layers", str(len(generated.plan.calls))),
    )


def _arena_words(plan: Plan) -> str:
    """The arena's size, and how far it is from the least that can be."""
    bound = ", which is proven the least" if plan.is_optimal else f", at most {format_bytes(plan.gap_bytes)} too many"
    return f"{format_bytes(plan.arena_bytes)}{bound}; {format_bytes(plan.naive_bytes)} without sharing memory"
