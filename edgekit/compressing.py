"""The pipeline's stage that compresses: the recipe's steps, what each brought, and whether that is worth keeping."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.bundle.golden import make_golden
from edgekit.bundle.manifest import Provenance, SourceRef, TargetRef
from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.versions import versions
from edgekit.bundle.write import BundleContent, write_bundle
from edgekit.compress.calibrate import CalibrateOptions, calibrate
from edgekit.compress.finite import require_finite
from edgekit.compress.options import write_options
from edgekit.compress.ranges import Ranges
from edgekit.compress.registry import STEPS
from edgekit.compress.step import RangeSource, Setting
from edgekit.compress.worth import Brought, Closeness, Size, Speed, why_not
from edgekit.core.errors import DeviceError, ModelError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Silent
from edgekit.core.units import format_bytes, format_count
from edgekit.data.feed import Binding
from edgekit.goal import Goal, GoalKind, ladder
from edgekit.graph.check import check
from edgekit.graph.codec import write
from edgekit.graph.cost import activation_peak_bytes, model_macs
from edgekit.graph.model import Model
from edgekit.graph.ops import is_float
from edgekit.job import Artifact, CalibrationSamples, Job, TrainingSamples, Workshop
from edgekit.measure.gates import Gate
from edgekit.measure.options import CheckOptions
from edgekit.measure.versus import compare_bundles
from edgekit.recipe import Recipe, StepUse
from edgekit.report.model import Fact, StepRow
from edgekit.targets.target import kib_of
from edgekit.transports.uri import DeviceUri
from edgekit.verify.evaluate import EvaluateOptions, evaluate
from edgekit.verify.verification import On

CLOSENESS_SAMPLES = 32
TRIAL_GOLDEN = 2


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """What compressing gave: the recipe that was followed, a row for each step, a gate for each goal."""

    recipe: Recipe
    result: Artifact
    steps: tuple[StepRow, ...]
    goals: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A step's result and its plan's sentences."""

    after: Artifact
    explanation: str


def compress_stage(job: Job) -> Compressed:
    """The job's recipe; with goals, the first recipe of the ladder that reaches them all, or else the last."""
    if not job.request.goals:
        return _follow(job, job.recipe)
    tried = (_with_goals(job, _follow(job, recipe)) for recipe in ladder(job.recipe))
    last = None
    for last in tried:
        if all(goal.passed for goal in last.goals):
            break
    assert last is not None
    return last


def step_key(job: Job, before: Artifact, floating: Artifact, use: StepUse) -> dict[str, object]:
    """Everything that a step's result depends on."""
    options = STEPS.load(use.use).options(use.mapping())
    digests = {role: binding.dataset.digest for role, binding in job.bindings.items() if role != "evaluation"}
    return {
        "model": before.sha256,
        "floating": floating.sha256,
        "original": job.source.artifact.sha256,
        "use": use.use,
        "options": write_options(options),
        "samples": digests,
        "target": job.target.name,
        "rules": sha256_bytes(repr(job.target).encode()),
        "versions": versions(),
    }


def _follow(job: Job, recipe: Recipe) -> Compressed:
    """The recipe, step by step, each on the result of the one before; what does not pay is left out."""
    artifact = floating = job.source.artifact
    rows: list[StepRow] = []
    uses = list(recipe.steps)
    while uses:
        use = uses.pop(0)
        try:
            made = _made(job, artifact, floating, use)
        except ModelError as error:
            if not any(row.dropped for row in rows):
                raise
            reason = f"it has nothing to work on without what was left out before: {error.message}"
            rows.append(StepRow(use.use, "", _option_facts(use), not_worth=reason, dropped=True))
            continue
        row = _weighed(job, artifact, made, use)
        rows.append(row)
        if row.dropped:
            uses[:0] = _instead(use)
        else:
            artifact = made.after
            floating = artifact if is_float(artifact.model) else floating
    return Compressed(recipe, artifact, tuple(rows))


def _instead(use: StepUse) -> list[StepUse]:
    """What to try in place of a step that does not pay: where integer activations are slow, integer weights alone."""
    dynamic = StepUse("quantize", (("scheme", "dynamic"),))
    static = use.use == "quantize" and use.mapping().get("scheme", "int8") in ("int8", "int16x8", "int4")
    return [dynamic] if static or use.use == "mix" else []


def _made(job: Job, before: Artifact, floating: Artifact, use: StepUse) -> _Made:
    """One step: it says what it needs, decides, and then does what it decided."""
    step = STEPS.load(use.use)
    options = step.options(use.mapping())
    key, cache = step_key(job, before, floating, use), job.workshop.cache
    setting = _setting(job, before, floating, cache.workspace("step", key))
    require_finite(before.model)
    step.requires(before.model, options, setting)

    def make(folder: Path) -> None:
        plan = step.plan(before.model, options, setting)
        after = step.apply(before.model, plan)
        check(after)
        (folder / "model.tflite").write_bytes(write(after))
        (folder / "plan.json").write_text(json.dumps({"explain": plan.explain(), "plan": plan.to_json()}))

    folder = cache.get("step", key, make)
    explanation = json.loads((folder / "plan.json").read_text())["explain"]
    return _Made(Artifact.of((folder / "model.tflite").read_bytes()), " ".join(explanation))


def _setting(job: Job, before: Artifact, floating: Artifact, workspace: Path) -> Setting:
    """What a step may know; of the samples those for calibration and training, never those for evaluation."""
    calibration, training = job.bindings.get("calibration"), job.bindings.get("training")
    return Setting(
        target=job.target,
        samples=CalibrationSamples(calibration) if calibration else None,
        ranges=_kept_ranges(calibration, job.workshop) if calibration else None,
        training=TrainingSamples(training) if training else None,
        original=job.source.artifact.model,
        floating=floating.model if floating is not before else None,
        workspace=workspace,
        progress=job.workshop.progress,
    )


def _kept_ranges(binding: Binding, workshop: Workshop) -> RangeSource:
    """Calibrated ranges, kept by the model's and the samples' content: targets share them."""
    samples = CalibrationSamples(binding)

    def ranges(model: Model, options: CalibrateOptions) -> Ranges:
        key = {"model": sha256_bytes(write(model)), "samples": binding.dataset.digest,
               "options": write_options(options), "versions": versions()}  # fmt: skip

        def make(folder: Path) -> None:
            total = min(samples.count, options.limit or samples.count)
            found = calibrate(model, samples.feeds(options.limit), options, workshop.progress, total)
            (folder / "ranges.json").write_text(json.dumps(found.to_json()))

        return Ranges.from_json(json.loads((workshop.cache.get("ranges", key, make) / "ranges.json").read_text()))

    return ranges


def _weighed(job: Job, before: Artifact, made: _Made, use: StepUse) -> StepRow:
    """The step's row: what it brought, and whether it stays.

    A recipe that somebody asked for by name is followed even where it does not pay, and that is said; what edgekit
    chose itself, and what only makes the outputs worse, is dropped.
    """
    aim = STEPS.load(use.use).aim
    speed = _speed(job, before, made.after) if aim.is_smaller else None
    brought = Brought(_size(before), _size(made.after), _closeness(job, before), _closeness(job, made.after), speed)
    reason = why_not(aim, brought, _size_needed(job, before))
    chosen_here = job.request.recipe is None or bool(job.request.goals)
    dropped = bool(reason) and (chosen_here or not aim.is_smaller)
    return StepRow(use.use, made.explanation, _option_facts(use), tuple(_facts(brought)), reason, dropped)


def _option_facts(use: StepUse) -> tuple[Fact, ...]:
    options = STEPS.load(use.use).options(use.mapping())
    return tuple(Fact(name, str(value)) for name, value in write_options(options).items())


def _facts(brought: Brought) -> Iterator[Fact]:
    before, after = brought.before, brought.after
    yield Fact("file", f"{format_bytes(before.model_bytes)} to {format_bytes(after.model_bytes)}")
    if before.macs != after.macs:
        yield Fact("MACs", f"{format_count(before.macs)} to {format_count(after.macs)}")
    yield Fact("activations", f"{format_bytes(before.activation_bytes)} to {format_bytes(after.activation_bytes)}")
    if brought.closeness_before is not None and brought.closeness_after is not None:
        words = f"{_near(brought.closeness_before)} to {_near(brought.closeness_after)}"
        yield Fact("outputs against the original's", words)
    if brought.speed is not None:
        speed = brought.speed
        interval = f"{speed.low:.3f} to {speed.high:.3f}, 95 %"
        yield Fact(f"time on {speed.device}", f"{speed.ratio:.3f} times the time before ({interval})")


def _near(closeness: Closeness) -> str:
    """A signal to error ratio in words, with the share of equal classes where there are classes."""
    ratio = "equal" if math.isinf(closeness.sqnr_db) else f"{closeness.sqnr_db:.1f} dB"
    return ratio if closeness.agreement is None else f"{ratio}, {closeness.agreement:.1f} % same class"


def _size(artifact: Artifact) -> Size:
    peak = activation_peak_bytes(artifact.model.main).bytes
    return Size(len(artifact.data), model_macs(artifact.model), peak)


def _size_needed(job: Job, before: Artifact) -> bool:
    """Whether the model before the step breaks a limit on size: of the budget, of the device, or of a goal."""
    budget, size = job.target.budget.merge(job.request.budgets), _size(before)
    limits = {g.kind: g.share for g in job.request.goals}
    file_kib, ram_kib = kib_of(size.model_bytes), kib_of(size.activation_bytes)
    whole = _size(job.source.artifact)
    return (
        (budget.model_kib is not None and file_kib > budget.model_kib)
        or (budget.flash_kib is not None and file_kib > budget.flash_kib)
        or (budget.ram_kib is not None and ram_kib > budget.ram_kib)
        or size.model_bytes > (job.target.weights_room_bytes or math.inf)
        or size.model_bytes > whole.model_bytes * limits.get(GoalKind.SIZE, math.inf)
    )


def _closeness(job: Job, artifact: Artifact) -> Closeness | None:
    """How near the outputs are to the original's on a few calibration samples; None without any."""
    binding = job.bindings.get("calibration")
    if binding is None:
        return None
    if artifact.sha256 == job.source.artifact.sha256:
        return Closeness(math.inf, None)
    samples = binding.dataset.digest
    key: dict[str, object] = {"original": job.source.artifact.sha256, "result": artifact.sha256, "samples": samples,
                              "versions": versions()}  # fmt: skip

    def make(folder: Path) -> None:
        options = EvaluateOptions(on=On.CALIBRATION)
        feeds = binding.feeds(CLOSENESS_SAMPLES)
        found = evaluate(job.source.artifact.data, artifact.data, feeds, options, Silent())
        ratio_db = None if math.isinf(found.sqnr_db) else found.sqnr_db
        plain = {"sqnr_db": ratio_db, "agreement": found.agreement and found.agreement.value}
        (folder / "closeness.json").write_text(json.dumps(plain))

    plain = json.loads((job.workshop.cache.get("closeness", key, make) / "closeness.json").read_text())
    return Closeness(math.inf if plain["sqnr_db"] is None else plain["sqnr_db"], plain["agreement"])


def _speed(job: Job, before: Artifact, after: Artifact) -> Speed | None:
    """The ratio of latencies on the target's device; None where there is none, or it is emulated or fails."""
    if not job.devices or not job.bindings or before.sha256 == after.sha256:
        return None
    device = job.devices[0]
    key: dict[str, object] = {"before": before.sha256, "after": after.sha256, "device": str(device),
                              "versions": versions()}  # fmt: skip

    def make(folder: Path) -> None:
        found = _timed(job, before, after, device)
        (folder / "speed.json").write_text(json.dumps(dataclasses.asdict(found) if found else None))

    plain = json.loads((job.workshop.cache.get("speed", key, make) / "speed.json").read_text())
    return Speed(**plain) if plain else None


def _timed(job: Job, before: Artifact, after: Artifact, device: DeviceUri) -> Speed | None:
    with tempfile.TemporaryDirectory(prefix="edgekit-") as name:
        pair = [_trial_bundle(Path(name) / side, job, a) for side, a in (("after", after), ("before", before))]
        try:
            found = compare_bundles(pair[0], pair[1], device, CheckOptions(), job.workshop.progress)
        except (DeviceError, UsageError):  # measuring is told of again, with its error, when the result is measured
            return None
    emulated = found.conditions.emulated and not job.request.accept_emulated
    if emulated or found.low is None or found.high is None:
        return None
    return Speed(str(device), found.ratio, found.low, found.high)


def _trial_bundle(folder: Path, job: Job, artifact: Artifact) -> Bundle:
    """A bundle that is only timed: the model and two golden samples."""
    binding = next(iter(job.bindings.values()))
    target, imported = job.target, job.source.report
    source = SourceRef(job.source.name, imported.source_sha256, imported.source_framework)
    content = BundleContent(
        name=job.source.name,
        target=TargetRef(target.name, target.title, target.kind.value, target.runtime.value),
        model=artifact.data,
        recipe={},
        budget={},
        provenance=Provenance(source=source, datasets=(), versions=versions(), imported={}),
        golden=make_golden(artifact.data, None, binding.feeds(TRIAL_GOLDEN)),
        verification=None,
        preprocessing={},
        labels={},
        details={},
        report_html=b"",
    )
    write_bundle(folder, content)
    return open_bundle(folder)


def _with_goals(job: Job, found: Compressed) -> Compressed:
    return replace(found, goals=tuple(_goal_gate(job, found.result, goal) for goal in job.request.goals))


def _goal_gate(job: Job, result: Artifact, goal: Goal) -> Gate:
    """A goal next to what was reached, both as shares of what the float model costs."""
    share, note = _share(job, result, goal.kind)
    return Gate(f"goal_{goal.kind.value}", goal.share, share, "× the original's", share <= goal.share, note)


def _share(job: Job, result: Artifact, kind: GoalKind) -> tuple[float, str]:
    whole = job.source.artifact
    if kind is GoalKind.SIZE:
        return len(result.data) / len(whole.data), ""
    if kind is GoalKind.MACS:
        return model_macs(result.model) / max(model_macs(whole.model), 1), ""
    if result.sha256 == whole.sha256:
        return 1.0, ""
    speed = _speed(job, whole, result)
    if speed is None:
        raise UsageError(
            f"the goal latency cannot be measured for {job.target.name}",
            "give --device with a real device and --calibration, build for the target local, or use the goal macs",
        )
    return speed.high, f"{speed.ratio:.3f} on {speed.device} ({speed.low:.3f} to {speed.high:.3f}, 95 %)"
