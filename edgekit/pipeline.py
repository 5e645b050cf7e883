"""The main job, in the order in which it happens. Read this first.

    file ─ import ─▶ float model ─ recipe ─▶ result ─ verify ─▶ golden samples ─ pack ─▶ C, arrays ─ measure ─▶ gates
    ─▶ report ─▶ bundle

`build` is that line for one or more targets. Each stage is a function below it and gets only what it needs. What a
stage makes is kept in the cache under the hashes of all that it depends on: ten targets import once and calibrate
once, and an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from edgekit.apart import keep_apart
from edgekit.bundle.golden import Golden, make_golden, make_tflm_golden
from edgekit.bundle.manifest import DatasetRef, GoldenSpec, Provenance, SourceRef, TargetRef
from edgekit.bundle.measured import add_measurement
from edgekit.bundle.packed import Part
from edgekit.bundle.versions import versions
from edgekit.bundle.write import BundleContent, write_bundle
from edgekit.codegen.call import Rounding
from edgekit.compress.registry import STEPS
from edgekit.compressing import compress_stage
from edgekit.core.errors import EdgekitError
from edgekit.core.files import write_atomic
from edgekit.data.dataset import Dataset, open_dataset
from edgekit.data.feed import Binding, bind
from edgekit.fitting import fit_part, fit_stage
from edgekit.graph.codec import write
from edgekit.importers.base import ImportReport, source_sha256
from edgekit.importers.registry import import_model
from edgekit.job import (
    Artifact,
    BuildRequest,
    Draft,
    Job,
    Measured,
    Once,
    Source,
    TargetResult,
    Workshop,
    model_inputs,
)
from edgekit.measure.assign import assign
from edgekit.measuring import gate_stage, measure_stage
from edgekit.packing import pack_stage
from edgekit.recipe import Recipe, load_recipe, with_settings
from edgekit.report.assemble import Parts, assemble
from edgekit.report.html import render_html
from edgekit.report.html_index import render_index
from edgekit.report.model import Entry, Index
from edgekit.runtime.litert import Kernels
from edgekit.targets.rules import require_support
from edgekit.targets.target import Kind, Target
from edgekit.transports.uri import LOCAL, DeviceUri
from edgekit.verify.compare import CompareOptions, Comparison, compare_models
from edgekit.verify.evaluate import EvaluateOptions, evaluate
from edgekit.verify.outputs import FloatOutputs, float_outputs
from edgekit.verify.verification import Metric, On, Verification

T = TypeVar("T")

SELF_CHECK_SAMPLES = 8
LAYER_SAMPLES = 16
GOLDEN_SAMPLES = 8


def build(request: BuildRequest, workshop: Workshop) -> tuple[TargetResult, ...]:
    """Do the main job. A target that cannot be built does not stop the others, nor does a device that fails.

    Raises UsageError, ModelError and MissingError for what concerns all targets, and DeviceError for a device that does
    not say what it is; what concerns one target is in its result.
    """
    paths = {"calibration": request.calibration, "training": request.training, "evaluation": request.evaluation}
    datasets = {role: open_dataset(path) for role, path in paths.items() if path is not None}
    recipes = [recipe_for(target, request) for target in request.targets]
    devices = assign(request.devices, request.targets) or {LOCAL: request.targets}
    source = import_stage(request, datasets.get("calibration"), workshop)
    bindings = {role: bind(dataset, model_inputs(source.artifact.model)) for role, dataset in datasets.items()}
    keep_apart(bindings, recipes, workshop)
    once = Once({})
    pairs = zip(request.targets, recipes, strict=True)
    timed = _timed_on(request, devices)
    jobs = [Job(request, workshop, source, bindings, once, t, recipe, timed[t.name]) for t, recipe in pairs]
    drafts = [_or_error(job, partial(draft_for_target, job)) for job in jobs]
    measured: dict[str, Measured] = {}
    try:
        measure_stage([draft for draft in drafts if isinstance(draft, Draft)], devices, workshop, measured)
    except KeyboardInterrupt:  # what is measured by then is kept, in its bundle
        for draft in drafts:
            if isinstance(draft, Draft) and measured.get(draft.job.target.name, Measured()).measurements:
                _finished(draft, measured)
        raise
    return tuple(_finished(draft, measured) for draft in drafts)


def _timed_on(
    request: BuildRequest, devices: Mapping[DeviceUri, tuple[Target, ...]]
) -> dict[str, tuple[DeviceUri, ...]]:
    """By target, the devices whose times say something of it: this machine's only where it was asked for."""
    asked = bool(request.devices)
    return {
        target.name: tuple(d for d, its in devices.items() if target in its and (asked or target.kind is Kind.LOCAL))
        for target in request.targets
    }


def recipe_for(target: Target, request: BuildRequest) -> Recipe:
    """The recipe that was asked for, or the target's own, with the request's settings; every option is checked."""
    recipe = with_settings(load_recipe(request.recipe or target.recipe_default), request.settings)
    for use in recipe.steps:
        STEPS.load(use.use).options(use.mapping())
    return recipe


def draft_for_target(job: Job) -> Draft:
    """The line of this module's title, from the float model to the golden samples, for one target."""
    found = compress_stage(job)
    job, result = replace(job, recipe=found.recipe), found.result
    require_support(result.model, job.target)
    verification = verify_stage(job, result)
    golden = job.once.get(f"golden {_rounding(job).value}", result, lambda: golden_stage(job, result))
    layers = job.once.get("layers", result, lambda: layer_stage(job, result))
    parts = pack_stage(job, result, golden)
    fit = fit_stage(job, result, golden[0] if golden else None, parts)
    parts = (*parts, fit_part(job, fit)) if fit else parts
    content = _with_parts(_content(job, result, verification, golden), parts)
    if fit is not None:
        content = replace(content, details={**content.details, "fit": fit.record()})
    return Draft(job, result, content, found.steps, verification, layers, found.goals, parts, fit)


def bundle_for_target(draft: Draft, measured: Measured) -> TargetResult:
    """The rest of that line: gates, report and bundle."""
    job, content = draft.job, draft.content
    gates = (*gate_stage(draft, measured.measurements), *draft.goals)
    report = assemble(
        Parts(
            name=job.source.name,
            target=job.target,
            result=draft.result.model,
            source_bytes=len(job.source.artifact.data),
            result_bytes=len(draft.result.data),
            imported=job.source.report,
            provenance=content.provenance,
            steps=draft.steps,
            verification=draft.verification,
            layers=draft.layers,
            measurements=measured.measurements,
            gates=gates,
            parts=draft.parts,
        )
    )
    write_bundle(job.folder, replace(content, report_html=render_html(report).encode()))
    for measurement in measured.measurements:
        add_measurement(job.folder, measurement.to_json())
    lacking = next((part.error for part in draft.parts if part.error), None)
    return TargetResult(job.target, job.folder, report, measured.error or lacking)


def _finished(draft: Draft | TargetResult, measured: Mapping[str, Measured]) -> TargetResult:
    if isinstance(draft, TargetResult):
        return draft
    return _or_error(draft.job, lambda: bundle_for_target(draft, measured.get(draft.job.target.name, Measured())))


def _or_error(job: Job, work: Callable[[], T]) -> T | TargetResult:
    try:
        return work()
    except EdgekitError as error:
        return TargetResult(job.target, job.folder, error=error)


def import_stage(request: BuildRequest, samples: Dataset | None, workshop: Workshop) -> Source:
    """The float model, checked against its source framework on the first calibration samples."""
    digest = source_sha256(request.model)
    key = {"source": digest, "samples": samples.digest if samples else None, **request.imports.key(), **_versions()}

    def make(folder: Path) -> None:
        options = replace(request.imports, samples=_self_check_samples(samples))
        imported = import_model(request.model, options, workshop.progress)
        (folder / "model.tflite").write_bytes(write(imported.model))
        (folder / "report.json").write_text(json.dumps(imported.report.to_json()))

    folder = workshop.cache.get("import", key, make)
    report = ImportReport.from_json(json.loads((folder / "report.json").read_text()))
    return Source(request.model.name, Artifact.of((folder / "model.tflite").read_bytes()), report)


def verify_stage(job: Job, result: Artifact) -> Verification | None:
    """Float model against result, on evaluation samples or else on calibration ones; None without any."""
    role = "evaluation" if "evaluation" in job.bindings else "calibration"
    binding = job.bindings.get(role)
    if binding is None:
        return None
    limit = job.request.evaluation_limit
    total = min(binding.count, limit or binding.count)
    labelled = role == "evaluation" and binding.dataset.has_labels
    metric = Metric(binding.dataset.metric) if labelled and binding.dataset.metric else None
    on = On.EVALUATION if labelled else On.CALIBRATION
    options = EvaluateOptions(metric=metric, on=on, kernels=_kernels(job.target), total=total)
    key = {"float": job.source.artifact.sha256, "result": result.sha256, "samples": binding.dataset.digest,
           "on": role, "limit": total, "kernels": options.kernels.value, **_versions()}  # fmt: skip

    def make(folder: Path) -> None:
        reference = _float_outputs(job, binding, total)
        found = evaluate(reference, result.data, binding.feeds(total), options, job.workshop.progress)
        (folder / "verification.json").write_text(json.dumps(found.to_json()))

    folder = job.workshop.cache.get("verify", key, make)
    return Verification.from_json(json.loads((folder / "verification.json").read_text()))


def _float_outputs(job: Job, binding: Binding, total: int) -> FloatOutputs:
    """What the float model gives, computed once for all targets."""
    data, progress = job.source.artifact.data, job.workshop.progress
    key = {"float": job.source.artifact.sha256, "samples": binding.dataset.digest, "limit": total, **_versions()}

    def make(folder: Path) -> None:
        outputs = float_outputs(data, binding.feeds(total), total, progress)
        (folder / "outputs.npz").write_bytes(outputs.to_bytes())

    return FloatOutputs.from_bytes((job.workshop.cache.get("float", key, make) / "outputs.npz").read_bytes())


def layer_stage(job: Job, result: Artifact) -> Comparison | None:
    """Where the error enters, layer by layer, on a few samples."""
    binding = _any_binding(job)
    if binding is None or not job.recipe.steps:
        return None
    feeds = list(binding.feeds(LAYER_SAMPLES))
    options = CompareOptions(total=len(feeds))
    return compare_models(job.source.artifact.data, result.data, feeds, options, job.workshop.progress)


def golden_stage(job: Job, result: Artifact) -> tuple[Golden, GoldenSpec] | None:
    """A few samples with the outputs that a device must give."""
    binding = _any_binding(job)
    if binding is None:
        return None
    made = make_golden(result.data, job.source.artifact.data, binding.feeds(GOLDEN_SAMPLES))
    return make_tflm_golden(result.data, made[0]) if _rounding(job) is Rounding.TFLM else made


def _rounding(job: Job) -> Rounding:
    """Whose FULLY_CONNECTED the target computes: only microcontrollers may round as TFLM does."""
    return job.request.rounding if job.target.kind is Kind.MCU else Rounding.LITERT


def index_of(request: BuildRequest, results: tuple[TargetResult, ...]) -> Index:
    """The bundles of one build beside each other."""
    entries = (Entry(r.report, f"{r.target.name}/report.html") for r in results if r.report is not None)
    return Index(request.model.name, tuple(entries))


def write_index(request: BuildRequest, results: tuple[TargetResult, ...]) -> Path:
    """A page that compares the bundles; returns where it is."""
    path = request.output / "index.html"
    write_atomic(path, render_index(index_of(request, results)).encode())
    return path


def _content(
    job: Job, result: Artifact, verification: Verification | None, golden: tuple[Golden, GoldenSpec] | None
) -> BundleContent:
    """Everything of the bundle but the report."""
    target, source = job.target, job.source
    datasets = {role: binding.dataset for role, binding in job.bindings.items()}
    refs = tuple(DatasetRef(role, d.name, d.digest, d.count) for role, d in datasets.items())
    imported = source.report
    binding = _any_binding(job)
    preprocessing = {port.name: spec.to_json() for port, spec in binding.pairs} if binding else {}
    labels = next((d.labels for d in datasets.values() if d.labels), ())
    return BundleContent(
        name=source.name,
        target=TargetRef(target.name, target.title, target.kind.value, target.runtime.value),
        model=result.data,
        recipe=job.recipe.to_json(),
        budget=target.budget.merge(job.request.budgets).limits(),
        provenance=Provenance(
            source=SourceRef(source.name, imported.source_sha256, imported.source_framework),
            datasets=refs,
            versions={**versions(), **imported.versions},
            imported=imported.to_json(),
        ),
        golden=golden,
        verification=verification,
        preprocessing=preprocessing,
        labels={result.model.outputs()[0].name: labels} if labels else {},
        details={},
        report_html=b"",
    )


def _with_parts(content: BundleContent, parts: tuple[Part, ...]) -> BundleContent:
    """The content with the parts' files, and their numbers in the manifest's details."""
    files = {path: data for part in parts for path, data in part.files.items()}
    records = {part.folder: part.record for part in parts if part.record}
    return replace(content, files=files, details={**content.details, **records})


def _any_binding(job: Job) -> Binding | None:
    return job.bindings.get("calibration") or job.bindings.get("evaluation")


def _kernels(target: Target) -> Kernels:
    """A microcontroller computes what the reference kernels do."""
    return Kernels.REFERENCE if target.kind is Kind.MCU else Kernels.XNNPACK


def _self_check_samples(dataset: Dataset | None) -> tuple[Mapping[str, np.ndarray], ...]:
    """Samples for the importer, which binds them by name; text is no number, and `bind` says so later."""
    if dataset is None or any(np.dtype(spec.dtype).kind not in "fiub" for spec in dataset.inputs):
        return ()
    return tuple({k: v[None] for k, v in s.inputs.items()} for s in dataset.samples(SELF_CHECK_SAMPLES))


def _versions() -> dict[str, object]:
    """What every stage depends on beside its inputs."""
    return {"versions": versions()}
