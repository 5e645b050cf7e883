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
from edgekit.verify.host_c import run_on_host

NOT_CHECKED = "not checked on this machine"


def pack_stage(job: Job, result: Artifact, golden: tuple[Golden, GoldenSpec] | None) -> tuple[Part, ...]:
    """The parts of the bundle beside the model. Raises ModelError where the C computes something else."""
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
    """The C with what this machine says of it: nothing leaves that gives other outputs than the golden ones."""
    if golden is None:
        return _with_check(part, {"state": NOT_CHECKED}, f"{NOT_CHECKED}: there are no golden samples")
    try:
        found = run_on_host(sources((part,)), pack.inputs, pack.model.main.outputs)
    except MissingError as error:
        return _with_check(part, {"state": NOT_CHECKED}, f"{NOT_CHECKED}: {sentence(error)}")
    named = by_name(pack.model.main.outputs, pack.model.outputs(), found.outputs)
    parity = judge_parity(golden[0].outputs, named, golden[1].bounds, Kernels.REFERENCE.value)
    if not parity.passed:
        raise ModelError(
            f"the C for {pack.target.name}, run on this machine, computes something else: {parity.first_difference}",
            "nothing was written; this is a fault of edgekit",
        )
    count = golden[0].count
    exact = "bit-exact" if parity.max_difference == 0 else f"largest difference {parity.max_difference:.3g}"
    record = {"state": "passed", "samples": count, "worst": parity.max_difference, "compiler": found.compiler}
    return _with_check(part, record, f"{exact} on {count} golden samples, compiled by {found.compiler}")


def _with_check(part: Part, record: dict[str, object], words: str) -> Part:
    return replace(part, record={**part.record, "host_check": record}, facts=(*part.facts, ("on this machine", words)))
