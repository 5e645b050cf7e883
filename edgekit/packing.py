"""The pipeline's stage that packs: what the target wants beside the model, and the proof that its C computes right."""

from __future__ import annotations

from dataclasses import replace

from edgekit.bundle.golden import Golden, by_name
from edgekit.bundle.manifest import GoldenSpec
from edgekit.bundle.mcu import FOLDER, sources
from edgekit.bundle.packed import PackJob, Part, sentence
from edgekit.bundle.packers import PACKERS
from edgekit.core.errors import MissingError, ModelError
from edgekit.job import Artifact, Job
from edgekit.measure.parity import judge_parity
from edgekit.runtime.litert import Kernels
from edgekit.targets.target import RuntimeKind
from edgekit.verify.host_c import run_on_host

NOT_CHECKED = "not checked on this machine"
_FAULT = "the C was left out; this is a fault of edgekit"


def pack_stage(job: Job, result: Artifact, golden: tuple[Golden, GoldenSpec] | None) -> tuple[Part, ...]:
    """The parts of the bundle beside the model. Raises ModelError where there is no C for a target that runs only C."""
    samples = golden[0] if golden else None
    request = job.request
    pack = PackJob(job.source.name, result.model, result.data, job.target, request.optimize, request.rounding, samples)
    job.workshop.progress.start(f"pack for {job.target.name}", None)
    try:
        parts = PACKERS.load(job.target.kind.value)(pack)
        return tuple(checked(part, pack, golden) if part.folder == FOLDER and part.files else part for part in parts)
    finally:
        job.workshop.progress.finish()


def checked(part: Part, pack: PackJob, golden: tuple[Golden, GoldenSpec] | None) -> Part:
    """The C with what this machine says of it, or without its files where it gives other outputs than the golden ones.

    Raises ModelError for that where the target has no other artifact.
    """
    if golden is None:
        return _with_check(part, {"state": NOT_CHECKED}, f"{NOT_CHECKED}: there are no golden samples")
    try:
        found = run_on_host(sources((part,)), pack.inputs, pack.model.main.outputs)
    except MissingError as error:
        return _with_check(part, {"state": NOT_CHECKED}, f"{NOT_CHECKED}: {sentence(error)}")
    except ModelError as error:
        return _withheld(part, pack, error)
    named = by_name(pack.model.main.outputs, pack.model.outputs(), found.outputs)
    parity = judge_parity(golden[0].outputs, named, golden[1].bounds, Kernels.REFERENCE.value)
    if not parity.passed:
        where = f"the C for {pack.target.name}, run on this machine, computes something else"
        return _withheld(part, pack, ModelError(f"{where}: {parity.first_difference}", _FAULT))
    count = golden[0].count
    exact = "bit-exact" if parity.max_difference == 0 else f"largest difference {parity.max_difference:.3g}"
    record = {"state": "passed", "samples": count, "worst": parity.max_difference, "compiler": found.compiler}
    return _with_check(part, record, f"{exact} on {count} golden samples, compiled by {found.compiler}")


def _withheld(part: Part, pack: PackJob, error: ModelError) -> Part:
    """The part without its files: the rest of the bundle is kept, and the build fails."""
    if pack.target.runtime is RuntimeKind.C:
        raise error
    return Part(part.folder, part.title, notes=(f"The bundle has no {part.folder}/: {error.message}",), error=error)


def _with_check(part: Part, record: dict[str, object], words: str) -> Part:
    return replace(part, record={**part.record, "host_check": record}, facts=(*part.facts, ("on this machine", words)))
